internal import MAOSCore

/// Tells the two dialects apart that share one address: a hive client listens in silence, a dashboard client speaks first.
package enum SharedPort {
    /// Milliseconds after which a client that has said nothing is a hive client.
    package static let patience: Int64 = 250

    /// The dialects of the shared address.
    package enum Choice: Sendable, Hashable {
        case hive
        case dashboard
    }

    private static let depthLimit: Int = 64

    private static let dashboardTypes: Set<String> = [
        "auth", "agent:create", "agent:command", "agent:terminate", "agent:pause", "agent:resume", "subscribe:agent",
        "subscribe:metrics", "subscribe:logs", "unsubscribe", "ping", "pong",
    ]

    /// Whether a message is one that dashboard clients send; whether it is valid does not matter here.
    package static func isDashboardMessage(_ text: [UInt8]) -> Bool {
        guard let message: JSONValue = try? JSONReader.parse(text, depthLimit: depthLimit),
            let type: String = message["type"]?.stringValue
        else { return false }
        return dashboardTypes.contains(type)
    }

    /// What the handshake says by itself: the query's `dialect`, a subprotocol that the client offers, or the host's name.
    ///
    /// - Parameters:
    ///   - dialect: The value of the query's `dialect`.
    ///   - subprotocols: What the client offers, in its order.
    ///   - host: The name that the request is for, perhaps with a port.
    /// - Returns: Nothing where only the first message can tell.
    package static func hint(dialect: String?, subprotocols: [String], host: String) -> Choice? {
        switch dialect {
        case "hive": return .hive
        case "dashboard": return .dashboard
        default: break
        }
        for subprotocol: String in subprotocols {
            if subprotocol == "maos.hive" { return .hive }
            if subprotocol == "maos.dashboard" { return .dashboard }
        }
        return host.lowercased().hasPrefix("dashboard.") ? .dashboard : nil
    }
}
