/// The requests of a connection that are under way, and the answers whose turn has not come (RFC 9112 §9.3.2).
struct HTTP1Pipeline {
    private struct Held {
        let number: UInt32
        var bytes: [UInt8] = []
        var isFinished = false
        var closes = false
    }

    /// The oldest request without a whole answer, and the one after the newest.
    private var first: UInt32 = 0
    private var next: UInt32 = 0
    private var held: [Held] = []

    /// Requests without a whole answer.
    var count: Int { Int(next &- first) }

    var isEmpty: Bool { first == next }

    /// Whether there has been a request.
    var hasBegun: Bool { next != 0 }

    /// Takes a request in; returns its number.
    mutating func begin() -> UInt32 {
        defer { next &+= 1 }
        return next
    }

    /// Whether it is the turn of a request's answer.
    func isFirst(_ number: UInt32) -> Bool { number == first }

    /// Whether a request is the newest.
    func isLast(_ number: UInt32) -> Bool { number &+ 1 == next }

    /// Whether a request has no whole answer yet.
    func isAwaiting(_ number: UInt32) -> Bool {
        number &- first < next &- first && !held.contains { $0.number == number && $0.isFinished }
    }

    // MARK: Answers

    /// Adds to an answer whose turn has not come.
    mutating func hold(_ number: UInt32, _ body: (inout [UInt8]) -> Void) {
        body(&held[place(number)].bytes)
    }

    /// An answer whose turn has not come is whole.
    mutating func finishHeld(_ number: UInt32, closes: Bool) {
        let place: Int = place(number)
        held[place].isFinished = true
        held[place].closes = closes
    }

    /// The answer whose turn it is is whole: those behind it follow as far as they are there.
    ///
    /// - Parameters:
    ///   - closes: Whether it is the last one.
    ///   - output: Gets the answers that follow.
    /// - Returns: Whether one of them was the last.
    mutating func finishFirst(closes: Bool, to output: inout [UInt8]) -> Bool {
        first &+= 1
        var closes: Bool = closes
        while !closes, let place: Int = held.firstIndex(where: { $0.number == first }) {
            let next: Held = held.remove(at: place)
            output.append(contentsOf: next.bytes)
            guard next.isFinished else { break }
            first &+= 1
            closes = next.closes
        }
        return closes
    }

    /// Nothing more is answered.
    mutating func abandon() {
        first = next
        held = []
    }

    private mutating func place(_ number: UInt32) -> Int {
        if let place: Int = held.firstIndex(where: { $0.number == number }) { return place }
        held.append(Held(number: number))
        return held.count - 1
    }
}
