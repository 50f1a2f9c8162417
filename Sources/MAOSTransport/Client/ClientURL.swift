/// Where a server is: `http://HOST[:PORT][/PATH]`, or `ws://…` of the same form.
package struct ClientURL: Hashable, Sendable, CustomStringConvertible {
    /// A name or a number, without brackets.
    package let host: String
    /// The port; 80 if the text has none.
    package let port: UInt16
    /// What comes before every path that is asked for; without a slash at its end.
    package let basePath: String

    /// Reads a URL; nil for anything else, and for `https` and `wss`.
    package init?(_ text: String) {
        guard let scheme = ["http://", "ws://"].first(where: { text.lowercased().hasPrefix($0) }) else { return nil }
        let rest = text.dropFirst(scheme.utf8.count)
        guard !rest.contains(where: { $0 == "?" || $0 == "#" || $0 == "@" || $0.isWhitespace }) else { return nil }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        var authority = rest[..<slash]
        var path = rest[slash...]
        while path.hasSuffix("/") { path = path.dropLast() }
        var portText: Substring?
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { return nil }
            let after = authority[authority.index(after: end)...]
            guard after.isEmpty || after.hasPrefix(":") else { return nil }
            if !after.isEmpty { portText = after.dropFirst() }
            authority = authority[..<end].dropFirst()
        } else if let colon = authority.firstIndex(of: ":") {
            portText = authority[authority.index(after: colon)...]
            authority = authority[..<colon]
        }
        guard !authority.isEmpty else { return nil }
        var number: UInt16 = 80
        if let portText {
            guard let parsed = UInt16(portText), parsed > 0 else { return nil }
            number = parsed
        }
        host = String(authority)
        port = number
        basePath = String(path)
    }

    /// The value of `Host`.
    package var authority: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == 80 ? name : "\(name):\(port)"
    }

    /// The URL as text.
    package var description: String { "http://\(authority)\(basePath)" }
}
