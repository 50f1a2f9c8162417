/// Values that wait under tokens, each of which is good for one value and once.
///
/// A token says where its value stands, so that nothing needs to be searched for. Places are used again, tokens only after four billion
/// values in the same place.
struct TokenTable<Value> {
    private struct Place {
        /// The token of the value that stands here, or of the last one that did.
        var token: UInt64
        var value: Value?
    }

    /// The lower half of a token is its place, the upper half how many values stood there before.
    private static var turn: UInt64 { 1 << 32 }

    private var places: [Place] = []
    private var free: [Int] = []

    /// Whether nothing waits.
    var isEmpty: Bool { free.count == places.count }

    /// Takes a value in.
    ///
    /// - Returns: Its token.
    mutating func insert(_ value: consuming Value) -> UInt64 {
        guard let vacant: Int = free.popLast() else {
            let token = UInt64(places.count)
            places.append(Place(token: token, value: value))
            return token
        }
        places[vacant].token &+= TokenTable.turn
        places[vacant].value = value
        return places[vacant].token
    }

    /// Gives a value away, `nil` if it has been given away before.
    mutating func remove(_ token: UInt64) -> Value? {
        let place = Int(truncatingIfNeeded: token & (TokenTable.turn - 1))
        guard place < places.count, places[place].token == token, let value: Value = places[place].value.take() else {
            return nil
        }
        free.append(place)
        return value
    }

    /// The tokens of the values for which this holds.
    func tokens(where isWanted: (Value) -> Bool) -> [UInt64] {
        places.compactMap { (place: Place) -> UInt64? in
            guard let value: Value = place.value, isWanted(value) else { return nil }
            return place.token
        }
    }
}
