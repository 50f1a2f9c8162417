internal import CLinux
internal import Glibc

/// Turns host names into addresses, waiting for the answer; for clients, not for loops.
package enum Resolver {
    /// A name that leads nowhere.
    package struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
        /// The name.
        package let host: String
        /// The resolver's reason.
        package let reason: String

        /// A line for people.
        package var description: String { "cannot resolve \(host): \(reason)" }
    }

    /// The addresses of a host, in the order in which to try them.
    ///
    /// - Parameter host: A number, with or without brackets, `localhost`, which is always both loopback addresses, or a
    ///   name for the system's resolver.
    /// - Returns: One address or more.
    /// - Throws: ``Failure``.
    package static func addresses(of host: String) throws(Failure) -> [IPAddress] {
        var bare = host[...]
        if bare.hasPrefix("["), bare.hasSuffix("]") { bare = bare.dropFirst().dropLast() }
        if let address = IPAddress(String(bare)) { return [address] }
        if bare.lowercased() == "localhost" { return [.loopback4, .loopback6] }
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let result = getaddrinfo(String(bare), nil, &hints, &list)
        guard result == 0 else { throw Failure(host: host, reason: String(cString: gai_strerror(result))) }
        defer { freeaddrinfo(list) }
        var addresses: [IPAddress] = []
        var next = list
        while let entry = next {
            next = entry.pointee.ai_next
            guard let form = entry.pointee.ai_addr else { continue }
            var storage = sockaddr_storage()
            withUnsafeMutableBytes(of: &storage) { bytes in
                bytes.copyMemory(
                    from: UnsafeRawBufferPointer(
                        start: form, count: min(bytes.count, Int(entry.pointee.ai_addrlen))))
            }
            guard let address = SocketAddress(storage)?.address, !addresses.contains(address) else { continue }
            addresses.append(address)
        }
        guard !addresses.isEmpty else { throw Failure(host: host, reason: "no address") }
        return addresses
    }
}
