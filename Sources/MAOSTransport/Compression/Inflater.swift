internal import CZlib

/// Expands messages of a WebSocket, each on its own (RFC 7692 with no context takeover), up to a limit.
package struct Inflater: ~Copyable {
    private let stream: UnsafeMutablePointer<z_stream>

    /// Makes an inflater for streams of any window.
    ///
    /// - Throws: ``CompressionError/outOfMemory``.
    package init() throws(CompressionError) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        guard maos_inflate_init(stream, -15) == Z_OK else {
            stream.deallocate()
            throw .outOfMemory
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Expands a message that was compressed without its last four bytes.
    ///
    /// - Parameters:
    ///   - message: What came.
    ///   - limit: Bytes that the result may have; nothing beyond is expanded, however small the message is.
    /// - Returns: The message.
    /// - Throws: ``CompressionError``.
    package mutating func expand(_ message: ArraySlice<UInt8>, limit: Int) throws(CompressionError) -> [UInt8] {
        inflateReset(stream)
        var output: [UInt8] = []
        var count = 0
        var isFinished = try feed(message, into: &output, count: &count, limit: limit)
        if !isFinished { isFinished = try feed([0, 0, 0xFF, 0xFF], into: &output, count: &count, limit: limit) }
        output.removeSubrange(count...)
        return output
    }

    /// Expands one piece; true if the stream has said that it is over.
    private func feed(
        _ piece: ArraySlice<UInt8>, into output: inout [UInt8], count: inout Int, limit: Int
    ) throws(CompressionError) -> Bool {
        try piece.withUnsafeBufferPointer { (input) throws(CompressionError) -> Bool in
            stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
            stream.pointee.avail_in = UInt32(input.count)
            while true {
                if count == output.count {
                    // One byte of room beyond the limit tells a message that fits from one that does not.
                    let growth = min(max(1_024, output.count, input.count * 4), limit + 1 - output.count)
                    guard growth > 0 else { throw .tooLarge(limit: limit) }
                    output.append(contentsOf: repeatElement(0, count: growth))
                }
                let result = output.withUnsafeMutableBufferPointer { buffer -> CInt in
                    stream.pointee.next_out = buffer.baseAddress.map { $0 + count }
                    stream.pointee.avail_out = UInt32(buffer.count - count)
                    return inflate(stream, Z_SYNC_FLUSH)
                }
                count = output.count - Int(stream.pointee.avail_out)
                guard count <= limit else { throw .tooLarge(limit: limit) }
                switch result {
                case Z_STREAM_END:
                    // RFC 7692 §7.2.3.4: a block may call itself final and others may follow, with the same history.
                    guard stream.pointee.avail_in > 0 else { return true }
                    inflateResetKeep(stream)
                case Z_OK:
                    if stream.pointee.avail_in == 0, stream.pointee.avail_out > 0 { return false }
                case Z_BUF_ERROR:
                    if stream.pointee.avail_in == 0, stream.pointee.avail_out > 0 { return false }
                    guard stream.pointee.avail_out == 0 else { throw .malformed }
                case Z_MEM_ERROR:
                    throw .outOfMemory
                default:
                    throw .malformed
                }
            }
        }
    }
}
