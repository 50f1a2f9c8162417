internal import MAOSCore
internal import MAOSProtocols
internal import MAOSSystem

/// Who may open a connection.
extension DialectHandler {
    /// Why a handshake is refused.
    struct HandshakeRefusal: Error {
        var status: HTTPStatus
        var reason: String
    }

    /// Turns a request into a connection of the dialect, or refuses it before it opens.
    func open(_ request: HTTPRequestHead, _ responder: HTTPResponder) {
        do throws(HandshakeRefusal) {
            open(request, responder, try arrival(of: request, responder))
        } catch {
            refuse(error, request, responder)
        }
    }

    /// Turns the request of somebody who may connect into a connection of the dialect.
    func open(_ request: HTTPRequestHead, _ responder: HTTPResponder, _ arrival: SocketArrival) {
        let socket: DialectSocket = admit(nil)
        guard let connection = responder.upgrade(request, subprotocols: services.subprotocols, delegate: socket)
        else { return abandon(socket) }
        socket.begin(connection)
        open(socket, arrival)
    }

    /// Answers a handshake that is refused.
    func refuse(_ refusal: HandshakeRefusal, _ request: HTTPRequestHead, _ responder: HTTPResponder) {
        measures.refusals.add()
        services.log(
            .warn, "refused a connection",
            [
                "dialect": services.name, "status": "\(refusal.status.code)", "address": "\(responder.peer.address)",
                "reason": refusal.reason,
            ])
        var fields = HTTPFields()
        if refusal.status == .unauthorized { fields.append(.wwwAuthenticate, "Bearer") }
        responder.respond(
            refusal.status, contentType: "text/plain; charset=utf-8", body: Array("\(refusal.reason)\n".utf8),
            fields: fields)
    }

    /// Who comes, if they may.
    func arrival(
        of request: HTTPRequestHead, _ responder: HTTPResponder
    ) throws(HandshakeRefusal) -> SocketArrival {
        let host: String = request.authority
        switch services.origins.refusal(host: host.isEmpty ? nil : host, origin: request.fields[.origin]) {
        case .foreignHost?:
            throw HandshakeRefusal(
                status: .forbidden, reason: "This host name is not served here (configuration key hosts)")
        case .foreignOrigin?:
            throw HandshakeRefusal(
                status: .forbidden, reason: "Pages of this origin may not connect (configuration key origins)")
        case nil: break
        }
        let target: HTTPTarget
        do throws(HTTPTargetError) {
            target = try request.parsedTarget()
        } catch {
            throw HandshakeRefusal(status: .badRequest, reason: "The address cannot be read")
        }
        let address: IPAddress = responder.peer.address
        return SocketArrival(
            address: "\(address)", isLoopback: address.isLoopback,
            caller: try caller(request, target, isLoopback: address.isLoopback), query: target.query,
            userAgent: request.fields[.userAgent])
    }

    /// Who the request says it comes from: by its `Authorization`, else by the query's `token`, else by where it comes from.
    private func caller(
        _ request: HTTPRequestHead, _ target: HTTPTarget, isLoopback: Bool
    ) throws(HandshakeRefusal) -> SocketCaller? {
        let token: String?
        if let credentials: ArraySlice<UInt8> = request.fields.value(.authorization) {
            guard let bearer: ArraySlice<UInt8> = GatewayHandler.bearerToken(in: credentials) else {
                throw HandshakeRefusal(status: .unauthorized, reason: "Authorization must be a bearer token")
            }
            token = String(decoding: bearer, as: UTF8.self)
        } else {
            token = target.queryValue("token")
        }
        guard let token else { return try anonymous(isLoopback: isLoopback) }
        do throws(CredentialProblem) {
            return try services.credentials.check(token: token, at: now)
        } catch {
            throw HandshakeRefusal(
                status: .unauthorized, reason: error == .expired ? "The token has expired" : "The token is not valid")
        }
    }

    private func anonymous(isLoopback: Bool) throws(HandshakeRefusal) -> SocketCaller? {
        switch services.trust {
        case .loopback(let principal, _) where isLoopback:
            return SocketCaller(principal: principal, isAuthenticated: false)
        case .messages, .loopback(_, otherwise: .messages):
            return nil
        case .tokens, .loopback(_, otherwise: .tokens):
            throw HandshakeRefusal(status: .unauthorized, reason: "A token is needed here")
        }
    }
}
