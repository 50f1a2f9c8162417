/// Writes frames (RFC 6455 §5.2) to the end of a buffer.
package enum WebSocketFrameEncoder {
    /// Writes a frame; a client gives a fresh random `mask` for each, a server none.
    package static func append(
        _ opcode: WebSocketOpcode, _ payload: ArraySlice<UInt8>, isFinal: Bool = true, isCompressed: Bool = false,
        mask: UInt32? = nil, to output: inout [UInt8]
    ) {
        precondition(!opcode.isControl || payload.count <= 125 && isFinal, "control frames are short and whole")
        output.reserveCapacity(output.count + payload.count + 14)
        appendHead(
            opcode, count: payload.count, isFinal: isFinal, isCompressed: isCompressed, isMasked: mask != nil,
            to: &output)
        guard let mask else {
            output.append(contentsOf: payload)
            return
        }
        for shift: UInt32 in [0, 8, 16, 24] {
            output.append(UInt8(truncatingIfNeeded: mask >> shift))
        }
        let start = output.count
        output.append(contentsOf: payload)
        let end = output.count
        var span = output.mutableSpan
        WebSocketMask.apply(mask, to: &span, start..<end)
    }

    /// A server's frame on its own: the same bytes for every client that it is sent to.
    package static func serverFrame(_ opcode: WebSocketOpcode, _ payload: [UInt8]) -> [UInt8] {
        var frame: [UInt8] = []
        append(opcode, payload[...], to: &frame)
        return frame
    }

    private static func appendHead(
        _ opcode: WebSocketOpcode, count: Int, isFinal: Bool, isCompressed: Bool, isMasked: Bool,
        to output: inout [UInt8]
    ) {
        output.append((isFinal ? 0x80 : 0) | (isCompressed ? 0x40 : 0) | opcode.rawValue)
        let maskBit: UInt8 = isMasked ? 0x80 : 0
        switch count {
        case 0...125:
            output.append(maskBit | UInt8(truncatingIfNeeded: count))
        case 126...65_535:
            output.append(maskBit | 126)
            output.append(UInt8(truncatingIfNeeded: count >> 8))
            output.append(UInt8(truncatingIfNeeded: count))
        default:
            output.append(maskBit | 127)
            for shift in stride(from: 56, through: 0, by: -8) {
                output.append(UInt8(truncatingIfNeeded: count >> shift))
            }
        }
    }
}
