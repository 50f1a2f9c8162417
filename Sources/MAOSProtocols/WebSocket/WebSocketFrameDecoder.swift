/// Turns bytes from a peer into frames (RFC 6455 §5.2).
///
/// However the stream is cut into pieces, the frames are the same; payloads come out as they arrive, unmasked in place. Lengths are
/// checked when they are declared, before a byte of payload is kept. A failure is final.
package struct WebSocketFrameDecoder: Sendable {
    /// What a frame consists of: its head, then pieces of its payload, at least one.
    package enum Part: Sendable {
        /// A frame begins.
        case head(WebSocketFrameHead)
        /// A piece of the payload. It shares the decoder's buffer: drop it before the next bytes are received.
        case payload(ArraySlice<UInt8>, isLast: Bool)
    }

    private enum State {
        case head
        case payload(remaining: Int, mask: UInt32)
        case failed(WebSocketFailure)
    }

    private let role: WebSocketRole
    private let payloadLimit: Int
    private let allowsCompression: Bool
    private var state = State.head
    private var buffer: [UInt8] = []
    private var position = 0

    /// A decoder for the frames that this side receives.
    ///
    /// A data frame may have `payloadLimit` bytes.
    package init(role: WebSocketRole, payloadLimit: Int, allowsCompression: Bool) {
        self.role = role
        self.payloadLimit = payloadLimit
        self.allowsCompression = allowsCompression
    }

    private var available: Int { buffer.count - position }

    /// Stores bytes for ``next()``.
    package mutating func receive(_ bytes: ArraySlice<UInt8>) {
        if position == buffer.count {
            // A buffer that once held a large message is not kept for small ones.
            buffer.removeAll(keepingCapacity: buffer.capacity <= 16_384)
            position = 0
        } else if position >= 4096, position >= buffer.count / 2 {
            buffer.removeFirst(position)
            position = 0
        }
        buffer.append(contentsOf: bytes)
    }

    /// The next part of a frame, `nil` until more bytes arrive.
    ///
    /// - Throws: What the peer did wrong. The same again at every later call.
    package mutating func next() throws(WebSocketFailure) -> Part? {
        switch state {
        case .head:
            do throws(WebSocketFailure) {
                return try nextHead().map(Part.head)
            } catch {
                state = .failed(error)
                throw error
            }
        case .payload(let remaining, let mask):
            let count = min(remaining, available)
            guard count > 0 || remaining == 0 else { return nil }
            let range = position..<(position + count)
            if mask != 0 {
                var span = buffer.mutableSpan
                WebSocketMask.apply(mask, to: &span, range)
            }
            position = range.upperBound
            guard count < remaining else {
                state = .head
                return .payload(buffer[range], isLast: true)
            }
            state = .payload(remaining: remaining - count, mask: WebSocketMask.rotated(mask, by: count))
            return .payload(buffer[range], isLast: false)
        case .failed(let failure):
            throw failure
        }
    }

    private mutating func nextHead() throws(WebSocketFailure) -> WebSocketFrameHead? {
        guard available >= 2 else {
            // What is wrong in the first byte is known without the second.
            if available == 1 { _ = try opcode(buffer[position]) }
            return nil
        }
        let first = buffer[position]
        let second = buffer[position + 1]
        let opcode = try opcode(first)
        let isFinal = first & 0x80 != 0
        let isMasked = second & 0x80 != 0
        guard isMasked == (role == .server) else { throw .masking }
        let short = second & 0x7F
        guard !opcode.isControl || isFinal && short <= 125 else { throw .controlFrame }

        let lengthBytes = short < 126 ? 0 : short == 126 ? 2 : 8
        guard available >= 2 + lengthBytes else { return nil }
        var length = UInt64(short)
        if lengthBytes > 0 {
            length = 0
            for index in 0..<lengthBytes {
                length = length << 8 | UInt64(buffer[position + 2 + index])
            }
            guard length >= (lengthBytes == 2 ? 126 : 65_536), length >> 63 == 0 else { throw .lengthEncoding }
        }
        guard opcode.isControl || length <= UInt64(payloadLimit) else { throw .messageTooLong(limit: payloadLimit) }

        var mask: UInt32 = 0
        var headBytes = 2 + lengthBytes
        if isMasked {
            guard available >= headBytes + 4 else { return nil }
            for index in 0..<4 {
                mask |= UInt32(buffer[position + headBytes + index]) << UInt32(index * 8)
            }
            headBytes += 4
        }
        position += headBytes
        state = .payload(remaining: Int(length), mask: mask)
        return WebSocketFrameHead(
            isFinal: isFinal, isCompressed: first & 0x40 != 0, opcode: opcode, length: Int(length))
    }

    private func opcode(_ first: UInt8) throws(WebSocketFailure) -> WebSocketOpcode {
        guard let opcode = WebSocketOpcode(rawValue: first & 0x0F) else { throw .reservedOpcode(first & 0x0F) }
        guard first & 0x30 == 0 else { throw .reservedBits }
        guard first & 0x40 == 0 || allowsCompression && (opcode == .text || opcode == .binary) else {
            throw .reservedBits
        }
        return opcode
    }
}

/// Masking (RFC 6455 §5.3): each byte is combined with the byte of the key that its place says.
enum WebSocketMask {
    /// Combines a range with the key, whose lowest byte belongs to the range's first.
    static func apply(_ key: UInt32, to bytes: inout MutableSpan<UInt8>, _ range: Range<Int>) {
        // Eight at a time, so that the compiler can use wide registers.
        let wide = SIMD8<UInt8>(
            UInt8(truncatingIfNeeded: key), UInt8(truncatingIfNeeded: key >> 8), UInt8(truncatingIfNeeded: key >> 16),
            UInt8(truncatingIfNeeded: key >> 24), UInt8(truncatingIfNeeded: key), UInt8(truncatingIfNeeded: key >> 8),
            UInt8(truncatingIfNeeded: key >> 16), UInt8(truncatingIfNeeded: key >> 24))
        var index = range.lowerBound
        while index + 8 <= range.upperBound {
            bytes[index] ^= wide[0]
            bytes[index + 1] ^= wide[1]
            bytes[index + 2] ^= wide[2]
            bytes[index + 3] ^= wide[3]
            bytes[index + 4] ^= wide[4]
            bytes[index + 5] ^= wide[5]
            bytes[index + 6] ^= wide[6]
            bytes[index + 7] ^= wide[7]
            index += 8
        }
        var place = 0
        while index < range.upperBound {
            bytes[index] ^= wide[place]
            index += 1
            place += 1
        }
    }

    /// The key for the bytes that come so many later.
    static func rotated(_ key: UInt32, by count: Int) -> UInt32 {
        let shift = UInt32(count & 3) * 8
        return shift == 0 ? key : key >> shift | key << (32 - shift)
    }
}
