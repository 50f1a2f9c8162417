internal import MAOSProtocols
internal import MAOSSystem

/// A blocking connection to a server, with a parser for its answers.
final class ClientConnection {
    let url: ClientURL
    private let descriptor: Descriptor
    var parser: HTTP1ResponseParser
    private var chunk = [UInt8](repeating: 0, count: 65_536)
    private(set) var isEnded = false

    /// Connects to the first of the host's addresses that answers.
    init(_ url: ClientURL, timeout: Int) throws(ClientError) {
        self.url = url
        parser = HTTP1ResponseParser(headLimit: 262_144, fieldLimit: 1_000, bodyLimit: 1 << 40)
        descriptor = try ClientConnection.connect(url, timeout: timeout)
    }

    private static func connect(_ url: ClientURL, timeout: Int) throws(ClientError) -> Descriptor {
        let addresses: [IPAddress]
        do throws(Resolver.Failure) {
            addresses = try Resolver.addresses(of: url.host)
        } catch {
            throw .unreachable(error.description)
        }
        var reason = ""
        for address in addresses {
            do throws(SystemError) {
                let descriptor = try Socket.connect(to: SocketAddress(address, port: url.port), timeout: timeout)
                try Socket.setNoDelay(descriptor)
                try descriptor.setNonBlocking(true)
                return descriptor
            } catch {
                // The first address is the one that people mean.
                if reason.isEmpty { reason = error.reason }
            }
        }
        throw .unreachable("cannot reach \(url): \(reason)")
    }

    /// Sends everything.
    func send(_ bytes: [UInt8], timeout: Int) throws(ClientError) {
        let deadline = ClientConnection.deadline(timeout)
        var sent = 0
        while sent < bytes.count {
            let outcome = bytes.withUnsafeBytes { buffer in
                descriptor.send(UnsafeRawBufferPointer(rebasing: buffer[sent...]))
            }
            switch outcome {
            case .count(let count): sent += count
            case .wouldBlock: try wait(writable: true, until: deadline)
            case .failed(let code): throw .unreachable("\(url): \(SystemError(code: code, call: "send").reason)")
            }
        }
    }

    /// Sends what the system takes now; returns how much that was.
    func trySend(_ bytes: ArraySlice<UInt8>) throws(ClientError) -> Int {
        switch bytes.withUnsafeBytes({ descriptor.send($0) }) {
        case .count(let count): return count
        case .wouldBlock: return 0
        case .failed(let code): throw .unreachable("\(url): \(SystemError(code: code, call: "send").reason)")
        }
    }

    /// The system's number for the connection, to wait with others for what it brings.
    var number: CInt { descriptor.number }

    /// Waits for bytes; nil at the end of the stream.
    ///
    /// They are to be used up before the next call.
    func receive(until deadline: Int64) throws(ClientError) -> ArraySlice<UInt8>? {
        while !isEnded {
            switch chunk.withUnsafeMutableBytes({ descriptor.receive(into: $0) }) {
            case .count(0): isEnded = true
            case .count(let count): return chunk[..<count]
            case .wouldBlock: try wait(writable: false, until: deadline)
            case .failed(let code): throw .unreachable("\(url): \(SystemError(code: code, call: "recv").reason)")
            }
        }
        return nil
    }

    /// The next part of an answer; nil when the server has closed the connection between answers.
    func event(until deadline: Int64) throws(ClientError) -> HTTP1ResponseParser.Event? {
        do {
            while true {
                if let event = try parser.next() { return event }
                guard let bytes = try receive(until: deadline) else { return try parser.finish() }
                parser.receive(bytes)
            }
        } catch let error as ClientError {
            throw error
        } catch HTTP1Error.truncated {
            throw .unreachable("\(url) closed the connection in the middle of an answer")
        } catch {
            throw .notUnderstood("\(url) does not speak HTTP/1.1: \(error)")
        }
    }

    /// The head of the next answer that is not an interim one.
    func head(until deadline: Int64) throws(ClientError) -> HTTPResponseHead {
        while let event = try event(until: deadline) {
            guard case .head(let head) = event else { continue }
            if !head.status.isInformational || head.status == .switchingProtocols { return head }
        }
        throw .unreachable("\(url) closed the connection without an answer")
    }

    /// What is left of an answer whose head was read.
    func rest(until deadline: () -> Int64) throws(ClientError) -> [UInt8] {
        var body: [UInt8] = []
        while let event = try event(until: deadline()) {
            switch event {
            case .head: break
            case .body(let piece): body.append(contentsOf: piece)
            case .end: return body
            }
        }
        return body
    }

    /// Whether the server has closed an idle connection, or sent what nobody asked for.
    var isStale: Bool {
        guard !isEnded else { return true }
        return chunk.withUnsafeMutableBytes { descriptor.receive(into: $0) } != .wouldBlock
    }

    /// Ends both directions.
    func shutDown() {
        Socket.shutDown(descriptor)
    }

    private func wait(writable: Bool, until deadline: Int64) throws(ClientError) {
        let left = deadline == .max ? -1 : max(0, deadline - SystemClock.monotonicMilliseconds())
        let isReady: Bool
        do throws(SystemError) {
            isReady = try Socket.wait(for: descriptor, writable: writable, timeout: Int(left))
        } catch {
            throw .unreachable("\(url): \(error.reason)")
        }
        guard isReady else { throw .timedOut("\(url) did not answer in time") }
    }

    /// The time at which a wait of so many milliseconds is over; negative waits for ever.
    static func deadline(_ timeout: Int) -> Int64 {
        timeout < 0 ? .max : SystemClock.monotonicMilliseconds() + Int64(timeout)
    }
}
