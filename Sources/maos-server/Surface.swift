internal import MAOSProtocols
internal import MAOSTransport

/// What a listener can serve, by the names that operators use.
enum Surface: String, CaseIterable {
    /// Everything there is, each dialect at a path of its own.
    case all
    case gateway
    case hive
    case opencode
    case dashboard

    /// The names, for messages.
    static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }

    /// Reads `SURFACE[,SURFACE…]`.
    ///
    /// - Returns: The surfaces, or the first name that is none.
    static func list(_ text: String) -> Result<[Surface], UnknownName> {
        var found: [Surface] = []
        for name: Substring in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let surface = Surface(rawValue: String(name)) else {
                return .failure(UnknownName(name: String(name)))
            }
            found.append(surface)
        }
        return .success(found)
    }

    /// A name that is no surface's.
    struct UnknownName: Error {
        var name: String
    }
}

/// The dialects of the server, and where a listener serves them.
struct Surfaces {
    let gateway = Gateway()
    let gatewaySockets = DialectSurface()
    let hive = DialectSurface()
    let opencode = DialectSurface()
    let dashboard = DialectSurface()

    /// The dialects that speak WebSocket, by the names that metrics have for them.
    var dialects: [(name: String, surface: DialectSurface)] {
        [("gateway", gatewaySockets), ("hive", hive), ("opencode", opencode), ("dashboard", dashboard)]
    }

    /// What a listener of these surfaces serves.
    func listener(_ surfaces: [Surface]) -> ListenerSurfaces {
        let servesAll: Bool = surfaces.contains(.all)
        let servesGateway: Bool = servesAll || surfaces.contains(.gateway)
        var served = ListenerSurfaces(
            gateway: gateway, servesGateway: servesGateway,
            description: AsyncAPIDocument(
                version: Version.text,
                endpoints: endpoints(surfaces, servesAll: servesAll, servesGateway: servesGateway)))
        if servesAll || surfaces.contains(.hive) { served.routes["/hive/ws"] = .dialect(hive) }
        if servesAll || surfaces.contains(.opencode) { served.routes["/opencode/ws"] = .dialect(opencode) }
        if servesAll || surfaces.contains(.dashboard) { served.routes["/dashboard/ws"] = .dialect(dashboard) }
        // Beside the gateway, its own WebSocket keeps the short path.
        if !served.servesGateway { served.routes["/ws"] = shortPath(surfaces) }
        return served
    }

    /// What a listener of these surfaces tells of its WebSocket paths; each dialect at the shortest that leads to it.
    private func endpoints(
        _ surfaces: [Surface], servesAll: Bool, servesGateway: Bool
    ) -> [AsyncAPIDocument.Endpoint] {
        var endpoints: [AsyncAPIDocument.Endpoint] = []
        if servesGateway { endpoints += [.init(.gateway, at: ["/ws"]), .init(.terminal, at: [Surfaces.terminal])] }
        let sharers: [Surface] = surfaces.contains(.hive) && surfaces.contains(.dashboard) ? [.hive, .dashboard] : []
        let alone: Surface? = [.hive, .dashboard, .opencode].first { surfaces.contains($0) }
        let dialects: [(surface: Surface, dialect: AsyncAPIDocument.Dialect, path: String)] = [
            (.hive, .hive, "/hive/ws"), (.opencode, .openCode, "/opencode/ws"),
            (.dashboard, .dashboard, "/dashboard/ws"),
        ]
        for (surface, dialect, path) in dialects where servesAll || surfaces.contains(surface) {
            let hasShortPath: Bool = !servesGateway && (sharers.contains(surface) || alone == surface)
            endpoints.append(.init(dialect, at: hasShortPath ? ["/ws", path] : [path]))
        }
        return endpoints
    }

    private static let terminal = "/api/v1/agents/{agentId}/terminal"

    /// Where `/ws` leads on a listener that does not serve the gateway.
    private func shortPath(_ surfaces: [Surface]) -> ListenerSurfaces.Route? {
        if surfaces.contains(.hive), surfaces.contains(.dashboard) { return .shared(hive: hive, dashboard: dashboard) }
        if surfaces.contains(.hive) { return .dialect(hive) }
        if surfaces.contains(.dashboard) { return .dialect(dashboard) }
        return surfaces.contains(.opencode) ? .dialect(opencode) : nil
    }
}
