internal import CZlib

/// Compresses messages of a WebSocket, each on its own (RFC 7692 with no context takeover).
///
/// As no message depends on an earlier one, a single deflater serves all connections of a loop, and a message compressed
/// once can go to many.
package struct Deflater: ~Copyable {
    private let stream: UnsafeMutablePointer<z_stream>

    /// Makes a deflater.
    ///
    /// - Parameters:
    ///   - windowBits: How far back it looks, as a power of two; 9 … 15.
    ///   - level: 1, fast, … 9, small.
    /// - Throws: ``CompressionError/outOfMemory``.
    package init(windowBits: Int = 15, level: Int = 1) throws(CompressionError) {
        precondition((9...15).contains(windowBits) && (1...9).contains(level), "zlib takes 9…15 bits, levels 1…9")
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        guard maos_deflate_init(stream, CInt(level), CInt(-windowBits), 8) == Z_OK else {
            stream.deallocate()
            throw .outOfMemory
        }
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
    }

    /// Appends a compressed message, without the four bytes that end every one (RFC 7692 §7.2.1).
    package mutating func compress(_ message: ArraySlice<UInt8>, into output: inout [UInt8]) {
        deflateReset(stream)
        let start = output.count
        let bound = Int(deflateBound(stream, UInt(message.count))) + 16
        output.append(contentsOf: repeatElement(0, count: bound))
        message.withUnsafeBufferPointer { input in
            output.withUnsafeMutableBufferPointer { buffer in
                stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
                stream.pointee.avail_in = UInt32(input.count)
                stream.pointee.next_out = buffer.baseAddress.map { $0 + start }
                stream.pointee.avail_out = UInt32(bound)
                let result = deflate(stream, Z_SYNC_FLUSH)
                precondition(
                    result == Z_OK && stream.pointee.avail_in == 0 && stream.pointee.avail_out > 0,
                    "deflate had too little room")
            }
        }
        var end = output.count - Int(stream.pointee.avail_out)
        if end - start >= 4, output[(end - 4)..<end].elementsEqual([0, 0, 0xFF, 0xFF]) { end -= 4 }
        // An empty message would have no bytes left; one byte stands for an empty block (RFC 7692 §7.2.3.6).
        if end == start {
            output[start] = 0
            end = start + 1
        }
        output.removeSubrange(end...)
    }
}
