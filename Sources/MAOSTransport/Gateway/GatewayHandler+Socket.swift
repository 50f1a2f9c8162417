internal import MAOSCore
internal import MAOSProtocols
internal import MAOSSystem

/// The gateway's WebSocket (000, WebSocket): handshakes go through the pipeline of all requests, then the dialect has them.
extension GatewayHandler {
    private static let socketPath = Array("/ws".utf8)

    /// Whether a request is for the gateway's WebSocket.
    static func isHandshake(_ request: HTTPRequestHead) -> Bool {
        let target: ArraySlice<UInt8> = request.target
        let start: Int = target.startIndex
        // Nearly every request is none, and the second letter tells.
        guard target.count >= socketPath.count, target[start + 1] == socketPath[1], target.starts(with: socketPath)
        else { return false }
        guard target.count > socketPath.count else { return true }
        return target[start + socketPath.count] == UInt8(ascii: "?")
    }

    /// The token of a handshake that has no `Authorization`: the query's `token`, else what follows `bearer` in the offered
    /// subprotocols (GW-WS-01).
    static func token(of request: HTTPRequestHead) -> ArraySlice<UInt8>? {
        do throws(HTTPTargetError) {
            if let token: String = try request.parsedTarget().queryValue("token") { return Array(token.utf8)[...] }
        } catch {
            return nil
        }
        let offered: [String] = request.fields.list(.secWebSocketProtocol)
        guard offered.count == 2, offered[0] == "bearer" else { return nil }
        return Array(offered[1].utf8)[...]
    }

    /// Turns a request for the WebSocket into one, or refuses it before it opens.
    func open(
        _ request: HTTPRequestHead, _ authentication: GatewayAuthentication, _ logged: LoggedRequest,
        _ responder: HTTPResponder
    ) {
        let failure: GatewayFailure
        switch authentication {
        case .principal(let principal):
            return services.sockets.handler(resources).open(
                request, responder, arrival(of: request, principal, responder))
        case .missing: failure = .authenticationRequired
        case .invalid: failure = .invalidToken
        }
        send(refusal(failure, request), logged, to: responder)
    }

    /// The token of a handshake, good or not.
    func sentToken(of request: HTTPRequestHead) -> ArraySlice<UInt8>? {
        request.fields.value(.authorization).flatMap { GatewayHandler.bearerToken(in: $0) }
            ?? GatewayHandler.token(of: request)
    }

    /// How long the bearer of a token may stay: until its end, or, where it has none, until another one is in its place.
    func tenure(of token: ArraySlice<UInt8>?) -> (expires: Instant?, credential: String?) {
        guard let token else { return (nil, nil) }
        if let end: Int64 = verify(token)?.claims.exp { return (Instant(milliseconds: end * 1_000), nil) }
        return (nil, services.administrator.name(at: loop.now))
    }

    private func arrival(
        of request: HTTPRequestHead, _ principal: Principal, _ responder: HTTPResponder
    ) -> SocketArrival {
        let token: ArraySlice<UInt8>? = sentToken(of: request)
        let address: IPAddress = responder.peer.address
        let tenure: (expires: Instant?, credential: String?) = tenure(of: token)
        return SocketArrival(
            address: "\(address)", isLoopback: address.isLoopback,
            caller: SocketCaller(
                principal: principal, isAuthenticated: token != nil, expires: tenure.expires,
                credential: tenure.credential),
            userAgent: request.fields[.userAgent])
    }
}
