import MAOSCore

/// One side of a WebSocket after the handshake (RFC 6455), without a socket.
///
/// Bytes that arrive are stored by ``receive(_:)`` and turned into events by ``next(replies:)``, which also writes what the protocol has to say by
/// itself: pongs, the answer to a close frame, the close frame after a failure. Every function that sends writes frames to the end of a
/// buffer of the caller.
///
/// ```
/// open ──close(…)──▶ closing ──close frame──▶ closed
///   └──────────close frame, or a failure────────▲
/// ```
package struct WebSocketConnection: Sendable {
    /// Something that the peer did.
    package enum Event: Sendable, Hashable {
        /// A text message, checked to be UTF-8.
        case text([UInt8])
        /// A binary message.
        case binary([UInt8])
        /// A text message to be inflated and then checked to be UTF-8 (RFC 7692 §7.2.2).
        case compressedText([UInt8])
        /// A binary message to be inflated.
        case compressedBinary([UInt8])
        /// A ping, which has been answered.
        case ping([UInt8])
        /// A pong.
        case pong([UInt8])
        /// The close frame, which has been answered; without a code in it ``WebSocketCloseCode/noStatus``. Close the socket once the replies are written.
        case close(WebSocketCloseCode, reason: String)
        /// The peer broke the protocol and was sent a close frame that says so. Close the socket once it is written.
        case failure(WebSocketFailure)
    }

    /// How far the end of the connection has come.
    package enum State: Sendable, Hashable {
        /// Messages go both ways.
        case open
        /// A close frame was sent and the peer's is awaited; nothing more may be sent.
        case closing
        /// Nothing more comes or goes: close the socket.
        case closed
    }

    /// How far the end of the connection has come.
    package private(set) var state = State.open

    private let role: WebSocketRole
    private var decoder: WebSocketFrameDecoder
    private var assembler: WebSocketMessageAssembler
    private var masks: SeededRandom
    /// The control frame whose payload is arriving.
    private var control: WebSocketOpcode?
    private var controlPayload: [UInt8] = []

    /// The server's side of a connection.
    ///
    /// Messages may have `messageLimit` bytes; longer ones fail it with 1009.
    package static func server(messageLimit: Int, allowsCompression: Bool) -> WebSocketConnection {
        WebSocketConnection(.server, messageLimit: messageLimit, allowsCompression: allowsCompression, maskSeed: 0)
    }

    /// The client's side of a connection.
    ///
    /// `maskSeed` is fresh randomness of the system, from which the masks of the frames are drawn.
    package static func client(messageLimit: Int, allowsCompression: Bool, maskSeed: UInt64) -> WebSocketConnection {
        WebSocketConnection(
            .client, messageLimit: messageLimit, allowsCompression: allowsCompression, maskSeed: maskSeed)
    }

    private init(_ role: WebSocketRole, messageLimit: Int, allowsCompression: Bool, maskSeed: UInt64) {
        self.role = role
        decoder = WebSocketFrameDecoder(
            role: role, payloadLimit: messageLimit, allowsCompression: allowsCompression)
        assembler = WebSocketMessageAssembler(limit: messageLimit)
        masks = SeededRandom(seed: maskSeed)
    }

    // MARK: Receiving

    /// Stores bytes for ``next(replies:)``.
    package mutating func receive(_ bytes: ArraySlice<UInt8>) {
        guard state != .closed else { return }
        decoder.receive(bytes)
    }

    /// Stores bytes for ``next(replies:)``.
    package mutating func receive(_ bytes: [UInt8]) {
        receive(bytes[...])
    }

    /// The next event, `nil` until more bytes arrive or for ever once closed; what is to be sent in answer is appended to `replies`.
    package mutating func next(replies: inout [UInt8]) -> Event? {
        guard state != .closed else { return nil }
        do throws(WebSocketFailure) {
            while let part = try decoder.next() {
                switch part {
                case .head(let head):
                    if head.opcode.isControl {
                        control = head.opcode
                        controlPayload.removeAll(keepingCapacity: true)
                    } else {
                        try assembler.begin(head)
                    }
                case .payload(let piece, let isLast):
                    if let opcode = control {
                        controlPayload.append(contentsOf: piece)
                        guard isLast else { continue }
                        control = nil
                        return try take(opcode, replies: &replies)
                    }
                    guard let message = try assembler.append(piece, isLast: isLast) else { continue }
                    return switch (message.isText, message.isCompressed) {
                    case (true, false): .text(message.bytes)
                    case (false, false): .binary(message.bytes)
                    case (true, true): .compressedText(message.bytes)
                    case (false, true): .compressedBinary(message.bytes)
                    }
                }
            }
            return nil
        } catch {
            fail(error, replies: &replies)
            return .failure(error)
        }
    }

    private mutating func take(
        _ opcode: WebSocketOpcode, replies: inout [UInt8]
    ) throws(WebSocketFailure) -> Event {
        let payload = controlPayload
        switch opcode {
        case .ping:
            if state == .open {
                append(.pong, payload[...], to: &replies)
            }
            return .ping(payload)
        case .pong:
            return .pong(payload)
        case .close:
            let (code, reason) = try WebSocketConnection.parseClose(payload)
            if state == .open {
                append(.close, payload.prefix(2), to: &replies)
            }
            state = .closed
            return .close(code, reason: reason)
        case .continuation, .text, .binary:
            preconditionFailure("data frames go to the assembler")
        }
    }

    private static func parseClose(
        _ payload: [UInt8]
    ) throws(WebSocketFailure) -> (WebSocketCloseCode, String) {
        guard !payload.isEmpty else { return (.noStatus, "") }
        guard payload.count >= 2 else { throw .closeFrame }
        let code = WebSocketCloseCode(UInt16(payload[0]) << 8 | UInt16(payload[1]))
        guard code.isSendable else { throw .closeFrame }
        guard let reason = String(validUTF8: payload.span.extracting(2...)) else { throw .invalidUTF8 }
        return (code, reason)
    }

    /// Ends the connection because of something wrong that the caller found, for example in inflated data.
    package mutating func fail(_ failure: WebSocketFailure, replies: inout [UInt8]) {
        close(failure.closeCode, reason: failure.description, to: &replies)
        state = .closed
    }

    // MARK: Sending

    /// Writes a text message, whose bytes are UTF-8; nothing once the connection is being closed.
    package mutating func sendText(_ text: [UInt8], isCompressed: Bool = false, to output: inout [UInt8]) {
        send(.text, text[...], isCompressed: isCompressed, to: &output)
    }

    /// Writes a binary message; nothing once the connection is being closed.
    package mutating func sendBinary(_ bytes: [UInt8], isCompressed: Bool = false, to output: inout [UInt8]) {
        send(.binary, bytes[...], isCompressed: isCompressed, to: &output)
    }

    /// Writes a ping with up to 125 bytes; nothing once the connection is being closed.
    package mutating func sendPing(_ payload: [UInt8] = [], to output: inout [UInt8]) {
        send(.ping, payload.prefix(125), isCompressed: false, to: &output)
    }

    /// Begins the end of the connection, unless that was done; the reason is cut to what a frame can hold.
    package mutating func close(_ code: WebSocketCloseCode, reason: String = "", to output: inout [UInt8]) {
        guard state == .open else { return }
        var payload: [UInt8] = []
        if code.isSendable {
            payload = [UInt8(truncatingIfNeeded: code.value >> 8), UInt8(truncatingIfNeeded: code.value)]
            for character in reason {
                guard payload.count + character.utf8.count <= 125 else { break }
                payload.append(contentsOf: character.utf8)
            }
        }
        append(.close, payload[...], to: &output)
        state = .closing
    }

    private mutating func send(
        _ opcode: WebSocketOpcode, _ payload: ArraySlice<UInt8>, isCompressed: Bool, to output: inout [UInt8]
    ) {
        guard state == .open else { return }
        WebSocketFrameEncoder.append(opcode, payload, isCompressed: isCompressed, mask: nextMask(), to: &output)
    }

    private mutating func append(
        _ opcode: WebSocketOpcode, _ payload: ArraySlice<UInt8>, to output: inout [UInt8]
    ) {
        WebSocketFrameEncoder.append(opcode, payload, mask: nextMask(), to: &output)
    }

    /// A client's next mask.
    private mutating func nextMask() -> UInt32? {
        role == .client ? UInt32(truncatingIfNeeded: masks.next() >> 32) : nil
    }
}
