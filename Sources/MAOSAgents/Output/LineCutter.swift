/// Cuts a stream of bytes into chunks that end where lines end, if they can.
///
/// A line that grows too long, or does not go on for a while, is cut anyway, but never inside a UTF-8 sequence.
package struct LineCutter {
    /// Bytes of a chunk at most.
    package static let limit: Int = 65_536

    private var rest: [UInt8] = []

    /// Begins with nothing.
    package init() {}

    /// Bytes that may be received now.
    package var room: Int { LineCutter.limit - rest.count }

    /// Whether an unfinished line waits for its end.
    package var hasRest: Bool { !rest.isEmpty }

    /// Takes at most ``room`` bytes, and gives a chunk if there is one.
    package mutating func receive(_ bytes: UnsafeRawBufferPointer) -> [UInt8]? {
        precondition(bytes.count <= room, "more bytes than there is room for")
        guard let newline: Int = bytes.lastIndex(of: UInt8(ascii: "\n")) else {
            rest.append(contentsOf: bytes)
            return room == 0 ? takeCharacters() : nil
        }
        var chunk: [UInt8] = []
        chunk.reserveCapacity(rest.count + newline + 1)
        chunk.append(contentsOf: rest)
        chunk.append(contentsOf: bytes[...newline])
        rest.removeAll(keepingCapacity: true)
        rest.append(contentsOf: bytes[(newline + 1)...])
        return chunk
    }

    /// Gives the unfinished line, up to the last whole character.
    package mutating func flush() -> [UInt8]? {
        hasRest ? takeCharacters() : nil
    }

    /// Gives everything; nothing more is coming.
    package mutating func finish() -> [UInt8]? {
        guard hasRest else { return nil }
        defer { rest = [] }
        return rest
    }

    private mutating func takeCharacters() -> [UInt8]? {
        let incomplete: Int = LineCutter.incompleteTail(of: rest)
        guard incomplete < rest.count else { return nil }
        let chunk: [UInt8] = Array(rest.dropLast(incomplete))
        rest.removeFirst(chunk.count)
        return chunk
    }

    /// How many bytes at the end begin a UTF-8 sequence whose other bytes are missing; 0 … 3.
    static func incompleteTail(of bytes: [UInt8]) -> Int {
        for back in 1...3 where back <= bytes.count {
            let byte: UInt8 = bytes[bytes.count - back]
            if byte & 0b1100_0000 == 0b1000_0000 { continue }
            let length: Int =
                switch byte {
                case 0xC2...0xDF: 2
                case 0xE0...0xEF: 3
                case 0xF0...0xF4: 4
                default: 1
                }
            return length > back ? back : 0
        }
        return 0
    }
}
