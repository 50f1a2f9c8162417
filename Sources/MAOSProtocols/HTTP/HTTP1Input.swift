internal import MAOSCore

/// Received bytes that are not consumed yet, read line by line or in runs.
///
/// One buffer, consumed by moving an index. It is emptied when everything was consumed and moved together only when that is cheap.
struct HTTP1Input: Sendable {
    private(set) var bytes: [UInt8] = []
    /// The first byte that is not consumed.
    private(set) var position = 0
    /// Where the next line begins.
    private var lineStart = 0
    /// No line ends between `lineStart` and here.
    private var searched = 0

    var available: Int { bytes.count - position }

    /// Bytes from the first unconsumed one to the start of the next line.
    var lineOffset: Int { lineStart - position }

    mutating func append(_ more: ArraySlice<UInt8>) {
        makeRoom()
        bytes.append(contentsOf: more)
    }

    private mutating func makeRoom() {
        guard position > 0 else { return }
        if position == bytes.count {
            // A buffer that once held a large body is not kept for small requests.
            bytes.removeAll(keepingCapacity: bytes.capacity <= 16_384)
        } else if position >= 4096, position >= bytes.count / 2 {
            bytes.removeFirst(position)
        } else {
            return
        }
        lineStart -= position
        searched -= position
        position = 0
    }

    /// The next line without its CR LF, `nil` if it has not arrived whole; it is not consumed by this.
    ///
    /// - Throws: ``HTTP1Error/lineEnding`` if it ends in LF alone.
    mutating func line() throws(HTTP1Error) -> Range<Int>? {
        let start = lineStart
        searched = lineFeed(from: searched)
        guard searched < bytes.count else { return nil }
        guard searched > start, bytes[searched - 1] == HTTPCharacter.carriageReturn else { throw .lineEnding }
        searched += 1
        lineStart = searched
        return start..<(searched - 2)
    }

    /// The next line feed, or the end.
    private func lineFeed(from start: Int) -> Int {
        ByteSearch.first(HTTPCharacter.lineFeed, in: bytes.span, from: start)
    }

    /// Reads these bytes as lines, if they are the next ones; they are not consumed by this.
    mutating func skip(_ expected: [UInt8]) -> Bool {
        guard begins(with: expected, at: lineStart) else { return false }
        lineStart += expected.count
        searched = lineStart
        return true
    }

    private func begins(with expected: [UInt8], at start: Int) -> Bool {
        guard bytes.count - start >= expected.count else { return false }
        let there = bytes.span.extracting(start..<(start + expected.count))
        let wanted = expected.span
        // Without an early end, so that many are compared at once.
        var difference: UInt8 = 0
        for index in 0..<min(wanted.count, there.count) {
            difference |= there[index] ^ wanted[index]
        }
        return difference == 0
    }

    /// Consumes the lines read so far and returns their bytes, but for so many at their beginning.
    mutating func takeLines(after skipped: Int = 0) -> ArraySlice<UInt8> {
        defer { position = lineStart }
        return bytes[(position + skipped)..<lineStart]
    }

    /// Consumes the lines read so far.
    mutating func dropLines() {
        position = lineStart
    }

    /// Consumes up to so many bytes.
    mutating func take(atMost limit: Int) -> ArraySlice<UInt8> {
        let end = position + min(limit, available)
        defer {
            position = end
            lineStart = end
            searched = end
        }
        return bytes[position..<end]
    }

    /// Consumes everything and gives up the buffer.
    mutating func takeAll() -> [UInt8] {
        let rest = Array(bytes[position...])
        self = HTTP1Input()
        return rest
    }
}
