package import MAOSSystem

/// Where to listen: `localhost:PORT`, which is both loopback addresses, or a number with a port, which is itself only.
package enum ListenAddress: Hashable, Sendable, CustomStringConvertible {
    /// 127.0.0.1 and ::1, with the same port.
    case localhost(port: UInt16)
    /// Exactly this address.
    case numeric(SocketAddress)

    /// Reads an address; nil for anything else, names other than `localhost` included.
    package init?(_ text: String) {
        let name = "localhost:"
        if text.lowercased().hasPrefix(name) {
            guard let port = UInt16(text.dropFirst(name.utf8.count)) else { return nil }
            self = .localhost(port: port)
        } else {
            guard let address = SocketAddress(text) else { return nil }
            self = .numeric(address)
        }
    }

    /// The port; zero asks for a free one.
    package var port: UInt16 {
        switch self {
        case .localhost(let port): port
        case .numeric(let address): address.port
        }
    }

    /// Whether only this host can connect.
    package var isLoopback: Bool {
        switch self {
        case .localhost: true
        case .numeric(let address): address.address.isLoopback
        }
    }

    /// The usual form.
    package var description: String {
        switch self {
        case .localhost(let port): "localhost:\(port)"
        case .numeric(let address): address.description
        }
    }
}
