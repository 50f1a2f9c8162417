internal import CLinux
internal import Glibc

/// An address and a port.
package struct SocketAddress: Hashable, Sendable, CustomStringConvertible {
    /// The host's part.
    package var address: IPAddress
    /// The port; zero asks the kernel for a free one.
    package var port: UInt16

    /// Puts the two parts together.
    package init(_ address: IPAddress, port: UInt16) {
        self.address = address
        self.port = port
    }

    /// Reads `192.0.2.1:80` or `[2001:db8::1]:80`; nil for anything else.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = text[..<colon]
        if host.hasPrefix("[") {
            guard host.hasSuffix("]") else { return nil }
            host = host.dropFirst().dropLast()
            guard let address = IPAddress(String(host)), case .v6 = address else { return nil }
            self.init(address, port: port)
        } else {
            guard let address = IPAddress(String(host)), case .v4 = address else { return nil }
            self.init(address, port: port)
        }
    }

    /// The usual form, IPv6 in brackets.
    package var description: String {
        switch address {
        case .v4: "\(address):\(port)"
        case .v6: "[\(address)]:\(port)"
        }
    }

    /// Calls a body with the kernel's form of the address.
    func withKernelForm<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        switch address {
        case .v4(let number):
            var form = sockaddr_in()
            form.sin_family = sa_family_t(AF_INET)
            form.sin_port = port.bigEndian
            form.sin_addr.s_addr = number.bigEndian
            return SocketAddress.reinterpret(&form, body)
        case .v6(let high, let low):
            var form = sockaddr_in6()
            form.sin6_family = sa_family_t(AF_INET6)
            form.sin6_port = port.bigEndian
            withUnsafeMutableBytes(of: &form.sin6_addr) { bytes in
                bytes.storeBytes(of: high.bigEndian, toByteOffset: 0, as: UInt64.self)
                bytes.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
            }
            return SocketAddress.reinterpret(&form, body)
        }
    }

    private static func reinterpret<Form, Result>(
        _ form: inout Form, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        withUnsafePointer(to: &form) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<Form>.size)) }
        }
    }

    /// Reads the kernel's form; nil for a family other than IPv4 and IPv6.
    init?(_ storage: sockaddr_storage) {
        switch CInt(storage.ss_family) {
        case AF_INET:
            let form = withUnsafeBytes(of: storage) { $0.loadUnaligned(as: sockaddr_in.self) }
            self.init(.v4(UInt32(bigEndian: form.sin_addr.s_addr)), port: UInt16(bigEndian: form.sin_port))
        case AF_INET6:
            let form = withUnsafeBytes(of: storage) { $0.loadUnaligned(as: sockaddr_in6.self) }
            self.init(IPAddress(form.sin6_addr), port: UInt16(bigEndian: form.sin6_port))
        default:
            return nil
        }
    }
}
