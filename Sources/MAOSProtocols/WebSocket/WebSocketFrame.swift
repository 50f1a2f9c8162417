/// What a frame is for (RFC 6455 §5.2).
package enum WebSocketOpcode: UInt8, Sendable {
    /// Goes on with a fragmented message.
    case continuation = 0x0
    /// Text in UTF-8.
    case text = 0x1
    /// Bytes.
    case binary = 0x2
    /// Ends the connection.
    case close = 0x8
    /// Asks for a pong.
    case ping = 0x9
    /// Answers a ping, or shows life unasked.
    case pong = 0xA

    /// Whether this is a control frame, which is short, whole and may come between fragments (§5.5).
    package var isControl: Bool { rawValue & 0x8 != 0 }
}

/// The side of a connection that this program is: clients mask what they send, servers do not (RFC 6455 §5.1).
package enum WebSocketRole: Sendable, Hashable {
    /// Accepts connections.
    case server
    /// Opens connections.
    case client
}

/// Everything of a frame but its payload.
package struct WebSocketFrameHead: Sendable, Hashable {
    /// Whether this frame ends its message.
    package let isFinal: Bool
    /// Whether the message is compressed (RFC 7692 §6); only the first frame of a message says so.
    package let isCompressed: Bool
    /// What the frame is for.
    package let opcode: WebSocketOpcode
    /// Bytes of the payload.
    package let length: Int
}

/// What a peer did that the protocol does not allow; the connection is closed with ``closeCode``.
package enum WebSocketFailure: Error, Sendable, Hashable {
    /// A reserved bit is set that no extension gave a meaning to (RFC 6455 §5.2).
    case reservedBits
    /// An opcode without a meaning.
    case reservedOpcode(UInt8)
    /// A client's frame without a mask, or a server's with one (§5.1).
    case masking
    /// A length in more bytes than it needs, or beyond 63 bits (§5.2).
    case lengthEncoding
    /// A control frame that is fragmented, or longer than 125 bytes (§5.5).
    case controlFrame
    /// A continuation of nothing, or a new message inside of a fragmented one (§5.4).
    case fragmentation
    /// A message longer than the limit.
    case messageTooLong(limit: Int)
    /// Text or a close reason that is not UTF-8 (§8.1).
    case invalidUTF8
    /// A close frame with one byte, or with a code that may not be sent (§7.4).
    case closeFrame
    /// Compressed data that cannot be inflated (RFC 7692 §7.2.2).
    case compression

    /// The code to close the connection with.
    package var closeCode: WebSocketCloseCode {
        switch self {
        case .reservedBits, .reservedOpcode, .masking, .lengthEncoding, .controlFrame, .fragmentation, .closeFrame:
            .protocolError
        case .messageTooLong: .messageTooBig
        case .invalidUTF8, .compression: .invalidPayload
        }
    }
}

extension WebSocketFailure: CustomStringConvertible {
    /// What was wrong, short enough to be the reason in a close frame.
    package var description: String {
        switch self {
        case .reservedBits: "reserved bits are set"
        case .reservedOpcode(let opcode): "opcode \(opcode) has no meaning"
        case .masking: "wrong masking"
        case .lengthEncoding: "malformed length"
        case .controlFrame: "malformed control frame"
        case .fragmentation: "wrong order of fragments"
        case .messageTooLong(let limit): "message longer than \(limit) bytes"
        case .invalidUTF8: "text is not UTF-8"
        case .closeFrame: "malformed close frame"
        case .compression: "compressed data is broken"
        }
    }
}
