internal import MAOSSystem

/// The listening sockets of one address: two for `localhost`, else one.
struct BoundSockets: ~Copyable {
    /// The address with the port that was picked.
    let address: ListenAddress
    private let first: Descriptor
    private let second: Descriptor?

    private init(_ address: ListenAddress, _ first: consuming Descriptor, _ second: consuming Descriptor?) {
        self.address = address
        self.first = first
        self.second = second
    }

    /// Opens the sockets; nothing is accepted before they have a ``Listener``.
    ///
    /// - Throws: ``SystemError``, where ``SystemError/isAddressInUse`` says that somebody else listens there.
    static func open(_ address: ListenAddress) throws(SystemError) -> BoundSockets {
        switch address {
        case .numeric(let numeric):
            let socket = try open(numeric)
            let bound = try Socket.localAddress(of: socket)
            return BoundSockets(.numeric(bound), socket, nil)
        case .localhost(let port):
            return try openLocalhost(port, attempts: port == 0 ? 16 : 1)
        }
    }

    /// Gives the sockets away.
    consuming func take(_ body: (consuming Descriptor) -> Void) {
        body(first)
        switch consume second {
        case .some(let other): body(other)
        case .none: break
        }
    }

    /// A free port of one address may be taken on the other; then another one is tried.
    private static func openLocalhost(_ port: UInt16, attempts: Int) throws(SystemError) -> BoundSockets {
        let four = try open(SocketAddress(.loopback4, port: port))
        let picked = try Socket.localAddress(of: four).port
        let six: CInt
        do throws(SystemError) {
            six = try open(SocketAddress(.loopback6, port: picked)).release()
        } catch {
            // A host without IPv6 has only the one address.
            guard error.isAddressInUse else { return BoundSockets(.localhost(port: picked), four, nil) }
            guard attempts > 1 else { throw error }
            return try openLocalhost(port, attempts: attempts - 1)
        }
        return BoundSockets(.localhost(port: picked), four, Descriptor(owning: six))
    }

    private static func open(_ address: SocketAddress) throws(SystemError) -> Descriptor {
        let descriptor = try Socket.listen(on: address)
        // Accepted connections inherit it, which spares a call for each.
        try Socket.setNoDelay(descriptor)
        return descriptor
    }
}
