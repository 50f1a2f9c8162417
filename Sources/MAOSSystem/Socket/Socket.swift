internal import CLinux
internal import Glibc

/// Making TCP sockets and asking about them.
package enum Socket {
    /// A connection that a listener handed out: non-blocking, closed on exec.
    package struct Accepted: ~Copyable {
        /// The connection.
        package var descriptor: Descriptor
        /// Who is at the other end.
        package let peer: SocketAddress

        /// Gives the connection away.
        package consuming func takeDescriptor() -> Descriptor { descriptor }
    }

    /// Opens a non-blocking listener on exactly this address.
    ///
    /// An IPv6 listener takes IPv6 only. The address may be in the kernel's aftercare from an earlier listener
    /// (`SO_REUSEADDR`), but not in use by another one.
    ///
    /// - Parameters:
    ///   - address: Where to listen; port 0 picks a free port.
    ///   - backlog: How many connections wait to be accepted at most.
    /// - Returns: The listener.
    /// - Throws: ``SystemError``, where ``SystemError/isAddressInUse`` says that somebody else listens there.
    package static func listen(on address: SocketAddress, backlog: CInt = 1_024) throws(SystemError) -> Descriptor {
        let descriptor = try open(address, nonBlocking: true)
        let number = descriptor.number
        try set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
        if case .v6 = address.address { try set(descriptor, CInt(IPPROTO_IPV6), IPV6_V6ONLY, 1) }
        try systemCall("bind \(address)") { address.withKernelForm { bind(number, $0, $1) } }
        try systemCall("listen \(address)") { Glibc.listen(number, backlog) }
        return descriptor
    }

    /// Takes the next waiting connection; nil if there is none.
    ///
    /// - Throws: ``SystemError`` where ``SystemError/isOutOfDescriptors`` asks to try again later. A connection that ended
    ///   while it waited is skipped.
    package static func accept(from listener: borrowing Descriptor) throws(SystemError) -> Accepted? {
        let number = listener.number
        while true {
            var storage = sockaddr_storage()
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let result = withUnsafeMutablePointer(to: &storage) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { form in
                    accept4(number, form, &length, CInt(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue))
                }
            }
            if result >= 0 {
                let peer = SocketAddress(storage) ?? SocketAddress(.v4(0), port: 0)
                return Accepted(descriptor: Descriptor(owning: result), peer: peer)
            }
            let code = errno
            switch code {
            case EAGAIN: return nil
            case EINTR, ECONNABORTED, EPROTO, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH:
                continue
            default: throw SystemError(code: code, call: "accept4")
            }
        }
    }

    /// Connects and waits for the result; the socket is blocking afterwards.
    ///
    /// - Parameters:
    ///   - address: The peer.
    ///   - timeout: Milliseconds to wait.
    /// - Returns: The connection.
    /// - Throws: ``SystemError`` with `ETIMEDOUT` if the time passes without an answer.
    package static func connect(to address: SocketAddress, timeout: Int) throws(SystemError) -> Descriptor {
        let descriptor = try startConnecting(to: address)
        guard try wait(for: descriptor, writable: true, timeout: timeout) else {
            throw SystemError(code: ETIMEDOUT, call: "connect \(address)")
        }
        if let failure = pendingError(of: descriptor) {
            throw SystemError(code: failure.code, call: "connect \(address)")
        }
        try descriptor.setNonBlocking(false)
        return descriptor
    }

    /// Begins to connect a non-blocking socket, which becomes writable when the attempt ends.
    ///
    /// ``pendingError(of:)`` then tells how it ended.
    package static func startConnecting(to address: SocketAddress) throws(SystemError) -> Descriptor {
        let descriptor = try open(address, nonBlocking: true)
        let number = descriptor.number
        do throws(SystemError) {
            try systemCall("connect \(address)") { address.withKernelForm { Glibc.connect(number, $0, $1) } }
        } catch {
            guard error.code == EINPROGRESS else { throw error }
        }
        return descriptor
    }

    /// Waits until a descriptor can be read or written; false when the time is over.
    ///
    /// - Parameters:
    ///   - descriptor: What to wait for.
    ///   - writable: True to wait for room to write, false for something to read.
    ///   - timeout: Milliseconds to wait; negative waits for ever.
    /// - Returns: Whether it is ready.
    /// - Throws: ``SystemError`` if the kernel cannot watch it.
    package static func wait(
        for descriptor: borrowing Descriptor, writable: Bool, timeout: Int
    ) throws(SystemError) -> Bool {
        let end = timeout < 0 ? Int64.max : SystemClock.monotonicMilliseconds() + Int64(timeout)
        while true {
            var entry = pollfd(fd: descriptor.number, events: Int16(writable ? POLLOUT : POLLIN), revents: 0)
            let left = timeout < 0 ? -1 : max(0, end - SystemClock.monotonicMilliseconds())
            let result = poll(&entry, 1, CInt(clamping: left))
            if result > 0 { return true }
            if result == 0 {
                if timeout >= 0, SystemClock.monotonicMilliseconds() >= end { return false }
                continue
            }
            let code = errno
            guard code == EINTR else { throw SystemError(code: code, call: "poll") }
        }
    }

    /// Lets time pass; for clients that try again.
    ///
    /// - Parameter milliseconds: How long.
    package static func pause(milliseconds: Int) {
        let end = SystemClock.monotonicMilliseconds() + Int64(milliseconds)
        while true {
            let left = end - SystemClock.monotonicMilliseconds()
            guard left > 0 else { return }
            poll(nil, 0, CInt(clamping: left))
        }
    }

    /// Takes the error that a socket has waiting, if any.
    package static func pendingError(of descriptor: borrowing Descriptor) -> SystemError? {
        var value: CInt = 0
        var length = socklen_t(MemoryLayout<CInt>.size)
        guard getsockopt(descriptor.number, SOL_SOCKET, SO_ERROR, &value, &length) == 0, value != 0 else { return nil }
        return SystemError(code: value, call: "connect")
    }

    /// The address at our end.
    package static func localAddress(of descriptor: borrowing Descriptor) throws(SystemError) -> SocketAddress {
        let number = descriptor.number
        return try address("getsockname") { getsockname(number, $0, $1) }
    }

    /// Sends small messages at once instead of collecting them.
    package static func setNoDelay(_ descriptor: borrowing Descriptor) throws(SystemError) {
        try set(descriptor, CInt(IPPROTO_TCP), TCP_NODELAY, 1)
    }

    /// Says that nothing more will be sent; what is under way still arrives.
    package static func shutDownSending(_ descriptor: borrowing Descriptor) {
        _ = shutdown(descriptor.number, CInt(SHUT_WR))
    }

    /// Ends both directions, which wakes a thread that reads.
    package static func shutDown(_ descriptor: borrowing Descriptor) {
        _ = shutdown(descriptor.number, CInt(SHUT_RDWR))
    }

    private static func open(_ address: SocketAddress, nonBlocking: Bool) throws(SystemError) -> Descriptor {
        let family: CInt =
            switch address.address {
            case .v4: AF_INET
            case .v6: AF_INET6
            }
        let flags = SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | (nonBlocking ? SOCK_NONBLOCK.rawValue : 0)
        return Descriptor(owning: try systemCall("socket") { socket(family, CInt(flags), 0) })
    }

    private static func set(
        _ descriptor: borrowing Descriptor, _ level: CInt, _ option: CInt, _ value: CInt
    ) throws(SystemError) {
        let number = descriptor.number
        var value = value
        try systemCall("setsockopt") {
            setsockopt(number, level, option, &value, socklen_t(MemoryLayout<CInt>.size))
        }
    }

    private static func address(
        _ name: String, _ body: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> CInt
    ) throws(SystemError) -> SocketAddress {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        try systemCall(name) {
            withUnsafeMutablePointer(to: &storage) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, &length) }
            }
        }
        guard let address = SocketAddress(storage) else { throw SystemError(code: EAFNOSUPPORT, call: name) }
        return address
    }
}
