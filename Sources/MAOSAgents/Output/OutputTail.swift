package import MAOSCore

/// The last bytes of a stream.
package struct OutputTail {
    /// How many bytes are kept.
    package static let limit: Int = 4_096

    private var bytes: [UInt8] = []

    /// Begins with nothing.
    package init() {}

    /// Takes what came next.
    package mutating func receive(_ more: UnsafeRawBufferPointer) {
        if more.count >= OutputTail.limit {
            bytes.removeAll(keepingCapacity: true)
            bytes.append(contentsOf: more.suffix(OutputTail.limit))
            return
        }
        // Twice the size before anything is moved, so that many small pieces cost little.
        if bytes.count + more.count > OutputTail.limit * 2 {
            bytes.removeFirst(bytes.count - OutputTail.limit)
        }
        bytes.append(contentsOf: more)
    }

    /// The last 4 KB, beginning with a whole character.
    package var kept: ArraySlice<UInt8> {
        var tail: ArraySlice<UInt8> = bytes.suffix(OutputTail.limit)
        guard tail.startIndex > 0 || bytes.count == OutputTail.limit else { return tail }
        for _ in 0..<3 {
            guard let first: UInt8 = tail.first, first & 0b1100_0000 == 0b1000_0000 else { break }
            tail.removeFirst()
        }
        return tail
    }

    /// What a run that left no result of its own has for one.
    package var result: JSONText {
        var writer = JSONWriter(reservingCapacity: 64 + bytes.count)
        writer.beginObject()
        writer.member("exitCode", 0)
        writer.key("stdout")
        writer.string(utf8: kept)
        writer.endObject()
        return writer.takeText()
    }
}
