internal import MAOSSystem

/// Which hosts a request may name, and which browser pages may send one.
///
/// A browser sends requests for any page it shows, so that its address says nothing about who is behind it: a page of a
/// foreign origin is refused, and so is a name that somebody made point here.
package struct OriginPolicy: Hashable, Sendable {
    private let hosts: Set<String>
    private let origins: Set<String>

    /// Makes a policy.
    ///
    /// - Parameters:
    ///   - hosts: Accepted host names beside those of loopback, without ports.
    ///   - origins: Accepted origins of pages beside those of loopback and `hosts`, as `scheme://host[:port]`.
    package init(hosts: [String] = [], origins: [String] = []) {
        self.hosts = Set(hosts.map { OriginPolicy.bare($0.lowercased()) })
        self.origins = Set(origins.map { $0.lowercased() })
    }

    /// Why a request is refused.
    package enum Refusal: Error, Hashable, Sendable {
        /// The `Host` is neither loopback nor configured.
        case foreignHost
        /// The `Origin` is neither loopback, nor the server's own, nor configured.
        case foreignOrigin
    }

    /// Checks a request's two fields.
    ///
    /// - Parameters:
    ///   - host: The value of `Host`, or the authority of the request's target; nil if there is none (HTTP/1.0).
    ///   - origin: The value of `Origin`; nil if there is none, which no browser does where it matters.
    /// - Returns: Nil if the request may go on.
    package func refusal(host: String?, origin: String?) -> Refusal? {
        if let host, !acceptsHost(host) { return .foreignHost }
        if let origin, !acceptsOrigin(origin) { return .foreignOrigin }
        return nil
    }

    /// Whether a `Host` is loopback by name or number, or configured; its port does not matter.
    package func acceptsHost(_ field: String) -> Bool {
        guard let host = OriginPolicy.hostPart(of: field.lowercased()) else { return false }
        return acceptsName(host)
    }

    /// Whether an `Origin` is of a page from loopback, from this server, or from a configured place.
    package func acceptsOrigin(_ field: String) -> Bool {
        let origin = field.lowercased()
        if origins.contains(origin) { return true }
        guard let scheme = origin.firstIndex(of: ":"), origin[scheme...].hasPrefix("://") else { return false }
        guard ["http", "https"].contains(origin[..<scheme]) else { return false }
        let authority = origin[scheme...].dropFirst(3)
        guard let host = OriginPolicy.hostPart(of: String(authority)) else { return false }
        return acceptsName(host)
    }

    private func acceptsName(_ host: String) -> Bool {
        if host == "localhost" || hosts.contains(host) { return true }
        return IPAddress(host)?.isLoopback ?? false
    }

    /// The host of `host[:port]`, without brackets and a last dot; nil unless the whole has that form.
    private static func hostPart(of authority: String) -> String? {
        var host = authority[...]
        var port: Substring?
        if host.hasPrefix("[") {
            guard let end = host.firstIndex(of: "]") else { return nil }
            let rest = host[host.index(after: end)...]
            guard rest.isEmpty || rest.hasPrefix(":") else { return nil }
            if !rest.isEmpty { port = rest.dropFirst() }
            host = host[..<end].dropFirst()
            guard let address = IPAddress(String(host)), case .v6 = address else { return nil }
        } else if let colon = host.firstIndex(of: ":") {
            port = host[host.index(after: colon)...]
            host = host[..<colon]
        }
        if let port {
            guard port.isEmpty || port.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            guard port.isEmpty || UInt16(port) != nil else { return nil }
        }
        if host.hasSuffix(".") { host = host.dropLast() }
        let allowed = host.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: ":"): true
            default: false
            }
        }
        guard allowed, !host.isEmpty else { return nil }
        return String(host)
    }

    private static func bare(_ host: String) -> String {
        var host = host[...]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        if host.hasSuffix(".") { host = host.dropLast() }
        return String(host)
    }
}
