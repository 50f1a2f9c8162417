internal import MAOSCore
internal import MAOSSystem

/// One WebSocket client that waits for what it wants to hear.
final class MessageClient {
    let socket: Descriptor
    private var bytes: [UInt8]

    /// Connects without a token.
    init(to address: SocketAddress, path: String, _ requests: HTTPRequests) throws {
        let connected: Descriptor = try Socket.connect(to: address, timeout: 5_000)
        try Socket.setNoDelay(connected)
        try connected.setNonBlocking(false)
        let handshake: [UInt8] = SocketRequests.handshake(path, requests, isAnonymous: true)
        guard handshake.withUnsafeBytes({ connected.send($0) }) == .count(handshake.count) else {
            throw BenchError("a handshake could not be sent")
        }
        bytes = Array(try SocketFleet.upgraded(connected))
        socket = connected
    }

    /// Sends a text message.
    func send(_ text: String) throws {
        let frame: [UInt8] = SocketRequests.text(text)
        guard frame.withUnsafeBytes({ socket.send($0) }) == .count(frame.count) else {
            throw BenchError("a message could not be sent")
        }
    }

    /// The next message that a condition holds for; those before it are thrown away.
    func next(where isWanted: (JSONValue) -> Bool) throws -> JSONValue {
        let part = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)
        defer { part.deallocate() }
        while true {
            while let text: ArraySlice<UInt8> = takeFrame() {
                let message: JSONValue = try JSONReader.parse(text, depthLimit: 64)
                if isWanted(message) { return message }
            }
            guard case .count(let count) = socket.receive(into: part), count > 0 else {
                throw BenchError("the connection ended before the message that was waited for")
            }
            bytes += part[..<count]
        }
    }

    /// Bytes that have come behind the last message.
    func takeRest() -> [UInt8] {
        let rest: [UInt8] = bytes
        bytes = []
        return rest
    }

    /// The payload of the next frame, if it is whole (RFC 6455 §5.2).
    private func takeFrame() -> ArraySlice<UInt8>? {
        guard bytes.count >= 2 else { return nil }
        let code: Int = Int(bytes[1] & 0x7F)
        let extra: Int = code == 126 ? 2 : code == 127 ? 8 : 0
        guard bytes.count >= 2 + extra else { return nil }
        let size: Int = extra == 0 ? code : bytes[2..<2 + extra].reduce(0) { $0 << 8 | Int($1) }
        guard bytes.count >= 2 + extra + size else { return nil }
        let payload = Array(bytes[2 + extra..<2 + extra + size])
        bytes.removeFirst(2 + extra + size)
        return payload[...]
    }
}
