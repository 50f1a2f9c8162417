internal import MAOSSystem

/// A blocking connection with a buffer for what came and is not used yet.
final class ClientConnection {
    let url: ClientURL
    private let descriptor: Descriptor
    private var buffer: [UInt8] = []
    private var start = 0
    private(set) var isEnded = false

    /// Connects to the first of the host's addresses that answers.
    init(_ url: ClientURL, timeout: Int) throws(ClientError) {
        self.url = url
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
        var sent = 0
        while sent < bytes.count {
            let outcome = bytes.withUnsafeBytes { buffer in
                descriptor.send(UnsafeRawBufferPointer(rebasing: buffer[sent...]))
            }
            switch outcome {
            case .count(let count): sent += count
            case .wouldBlock: try wait(writable: true, until: ClientConnection.deadline(timeout))
            case .failed(let code): throw .unreachable("\(url): \(SystemError(code: code, call: "send").reason)")
            }
        }
    }

    /// What came and is not used yet.
    var available: ArraySlice<UInt8> { buffer[start...] }

    /// Marks bytes as used.
    func consume(_ count: Int) {
        start += count
        guard start == buffer.count || start > 65_536 else { return }
        buffer.removeSubrange(..<start)
        start = 0
    }

    /// Waits for more bytes; false at the end of the stream.
    func fill(until deadline: Int64) throws(ClientError) -> Bool {
        while !isEnded {
            let outcome = withUnsafeTemporaryAllocation(byteCount: 65_536, alignment: 16) { chunk in
                let outcome = descriptor.receive(into: chunk)
                if case .count(let count) = outcome { buffer.append(contentsOf: chunk.prefix(count)) }
                return outcome
            }
            switch outcome {
            case .count(0): isEnded = true
            case .count: return true
            case .wouldBlock: try wait(writable: false, until: deadline)
            case .failed(let code): throw .unreachable("\(url): \(SystemError(code: code, call: "recv").reason)")
            }
        }
        return false
    }

    /// Takes a line without its end, which is LF or CR LF; nil at the end of the stream.
    func line(until deadline: Int64, limit: Int = 1 << 20) throws(ClientError) -> [UInt8]? {
        var searched = 0
        while true {
            let bytes = available
            if let end = bytes[(bytes.startIndex + searched)...].firstIndex(of: 0x0A) {
                var line = bytes[..<end]
                if line.last == 0x0D { line = line.dropLast() }
                let result = Array(line)
                consume(end + 1 - bytes.startIndex)
                return result
            }
            searched = bytes.count
            guard searched <= limit else { throw .notUnderstood("\(url) sent a line without end") }
            guard try fill(until: deadline) else { return nil }
        }
    }

    /// Whether the peer has closed an idle connection, or sent what nobody asked for.
    var isStale: Bool {
        guard !isEnded, available.isEmpty else { return true }
        return withUnsafeTemporaryAllocation(byteCount: 1, alignment: 1) { chunk in
            descriptor.receive(into: chunk) != .wouldBlock
        }
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
