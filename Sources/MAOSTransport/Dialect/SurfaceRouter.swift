package import MAOSProtocols

/// What a listener serves, by path.
package struct ListenerSurfaces: Sendable {
    /// What a path leads to.
    package enum Route: Sendable {
        case dialect(DialectSurface)
        /// The client's first message decides (``SharedPort``).
        case shared(hive: DialectSurface, dashboard: DialectSurface)
    }

    /// The gateway, which answers probes on every listener.
    package let gateway: Gateway
    /// Whether the whole gateway is served, or its probes only.
    package var servesGateway: Bool
    /// WebSocket paths beside the gateway's own.
    package var routes: [String: Route]
    /// What clients are told of those, and of the gateway's.
    package var description: AsyncAPIDocument

    /// Describes a listener.
    ///
    /// - Parameters:
    ///   - gateway: The gateway, which answers probes on every listener.
    ///   - servesGateway: Whether all of it is served.
    ///   - routes: WebSocket paths beside the gateway's own.
    ///   - description: What clients are told of its WebSocket paths.
    package init(
        gateway: Gateway, servesGateway: Bool, routes: [String: Route] = [:], description: AsyncAPIDocument
    ) {
        self.gateway = gateway
        self.servesGateway = servesGateway
        self.routes = routes
        self.description = description
    }

    /// What handles the requests of a listener on a loop.
    package func handler(_ resources: LoopResources) -> any HTTPHandler {
        SurfaceRouter(self, resources: resources)
    }
}

/// Hands each request of a listener to the dialect that its path names.
final class SurfaceRouter: HTTPHandler {
    private static let restPrefix: [UInt8] = Array("/api/".utf8)
    /// What every listener answers.
    private static let open: Set<String> = ["/livez", "/readyz", "/health", "/openapi.json"]

    private let surfaces: ListenerSurfaces
    private let resources: LoopResources
    private let gateway: GatewayHandler

    init(_ surfaces: ListenerSurfaces, resources: LoopResources) {
        self.surfaces = surfaces
        self.resources = resources
        gateway = surfaces.gateway.handler(resources)
    }

    func handle(_ request: consuming HTTPRequestHead, body: consuming [UInt8], responder: HTTPResponder) {
        // Nearly every request is for the REST interface.
        if surfaces.servesGateway, request.target.starts(with: SurfaceRouter.restPrefix) {
            return gateway.handle(request, body: body, responder: responder)
        }
        let path = String(decoding: request.target.prefix { $0 != UInt8(ascii: "?") }.prefix(100), as: UTF8.self)
        switch surfaces.routes[path] {
        case .dialect(let dialect)?:
            dialect.handler(resources).open(request, responder)
        case .shared(let hive, let dashboard)?:
            openShared(request, responder, hive: hive.handler(resources), dashboard: dashboard.handler(resources))
        case nil where path == "/asyncapi.json":
            gateway.describe(surfaces.description, request, responder)
        case nil where surfaces.servesGateway || SurfaceRouter.open.contains(path):
            gateway.handle(request, body: body, responder: responder)
        case nil:
            responder.respond(
                .notFound, contentType: "text/plain; charset=utf-8",
                body: Array("There is nothing here; WebSocket clients connect to \(socketPaths)\n".utf8))
        }
    }

    private var socketPaths: String { surfaces.routes.keys.sorted().joined(separator: ", ") }

    func refuse(_ status: HTTPStatus, reason: String, responder: HTTPResponder) {
        gateway.refuse(status, reason: reason, responder: responder)
    }

    private func openShared(
        _ request: HTTPRequestHead, _ responder: HTTPResponder, hive: DialectHandler, dashboard: DialectHandler
    ) {
        let offered: [String] = request.fields.list(.secWebSocketProtocol)
        let dialect: String?
        do throws(HTTPTargetError) {
            dialect = try request.parsedTarget().queryValue("dialect")
        } catch {
            dialect = nil
        }
        switch SharedPort.hint(dialect: dialect, subprotocols: offered, host: request.authority) {
        case .hive?: return hive.open(request, responder)
        case .dashboard?: return dashboard.open(request, responder)
        case nil: break
        }
        do throws(DialectHandler.HandshakeRefusal) {
            let arrival: SocketArrival = try hive.arrival(of: request, responder)
            let socket = SharedPortSocket(hive: hive, dashboard: dashboard, arrival: arrival)
            guard let connection = responder.upgrade(request, subprotocols: [], delegate: socket) else {
                return socket.abandon(hive)
            }
            socket.begin(connection, hive)
        } catch  where error.status == .unauthorized {
            // Who may not listen to the hive may still say to the dashboard who it is.
            dashboard.open(request, responder)
        } catch {
            hive.refuse(error, request, responder)
        }
    }
}
