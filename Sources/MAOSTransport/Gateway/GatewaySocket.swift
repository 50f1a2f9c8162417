internal import MAOSCore
internal import MAOSProtocols
internal import MAOSSystem

/// One client of the gateway's WebSocket: its session, and the connection that carries it.
final class GatewaySocket: WebSocketDelegate {
    /// Updates that a slow client has not taken yet, the newest of each kind only.
    private static let heldLimit: Int = 1_000

    private let id: PeerID
    private unowned let handler: GatewayHandler
    private let session: GatewayWebSocketSession
    private var connection: WebSocketServerConnection?
    private var held: [SupersedingKey: SharedMessage] = [:]
    private var isFull = false

    init(_ id: PeerID, handler: GatewayHandler, session: GatewayWebSocketSession) {
        self.id = id
        self.handler = handler
        self.session = session
    }

    // MARK: Handshake

    private static let path = Array("/ws".utf8)

    /// Whether a request is for the gateway's WebSocket.
    static func isHandshake(_ request: HTTPRequestHead) -> Bool {
        let target: ArraySlice<UInt8> = request.target
        let start: Int = target.startIndex
        // Nearly every request is none, and the second letter tells.
        guard target.count >= path.count, target[start + 1] == path[1], target.starts(with: path) else { return false }
        guard target.count > path.count else { return true }
        return target[start + path.count] == UInt8(ascii: "?")
    }

    /// The token of a request that has no `Authorization`: the query's `token`, else what follows `bearer` in the offered
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

    /// The connection is there: says hello.
    func begin(_ connection: WebSocketServerConnection, at now: Instant) {
        self.connection = connection
        handler.measures.sockets.value += 1
        carryOut(session.open(at: now))
    }

    func tick(at now: Instant) { carryOut(session.tick(at: now)) }

    /// Bytes that the client has not taken yet.
    var backlog: Int { connection?.backlog ?? 0 }

    // MARK: Sending

    func deliver(_ message: SharedMessage, superseding key: SupersedingKey?) {
        guard let connection else { return }
        if isFull, let key {
            held[key] = message
            if held.count > GatewaySocket.heldLimit { connection.close(.tryAgainLater, reason: "too slow") }
            return
        }
        handler.measures.messagesOut.add()
        if case .full = connection.send(message) { isFull = true }
    }

    private func carryOut(_ actions: [GatewaySocketAction]) {
        guard let connection else { return }
        for action: GatewaySocketAction in actions {
            switch action {
            case .send(let text):
                handler.measures.messagesOut.add()
                if case .full = connection.sendText(text) { isFull = true }
            case .close(let code, let reason):
                connection.close(WebSocketCloseCode(code), reason: reason)
            }
        }
    }

    // MARK: What comes

    func onText(_ text: [UInt8], _ socket: WebSocketServerConnection) {
        handler.measures.messagesIn.add()
        carryOut(session.receive(text, at: handler.now))
    }

    func onBinary(_ bytes: [UInt8], _ socket: WebSocketServerConnection) {
        handler.measures.messagesIn.add()
        carryOut(session.receiveBinary(at: handler.now))
    }

    func onClose(_ code: WebSocketCloseCode, reason: String, _ socket: WebSocketServerConnection) {
        session.close()
        connection = nil
        handler.measures.sockets.value -= 1
        handler.forget(id)
    }

    func onDrained(_ socket: WebSocketServerConnection) {
        isFull = false
        let waiting: [SharedMessage] = Array(held.values)
        held = [:]
        for message: SharedMessage in waiting {
            handler.measures.messagesOut.add()
            _ = socket.send(message)
        }
    }
}

extension GatewayHandler {
    /// Turns a request for the WebSocket into one, or refuses it before it opens.
    func open(
        _ request: HTTPRequestHead, _ authentication: GatewayAuthentication, _ logged: LoggedRequest,
        _ responder: HTTPResponder
    ) {
        let failure: GatewayFailure
        switch authentication {
        case .principal(let principal):
            return open(request, principal, responder)
        case .missing: failure = .authenticationRequired
        case .invalid: failure = .invalidToken
        }
        send(refusal(failure, request), logged, to: responder)
    }

    private func open(_ request: HTTPRequestHead, _ principal: Principal, _ responder: HTTPResponder) {
        let token: ArraySlice<UInt8>? =
            request.fields.value(.authorization).flatMap { GatewayHandler.bearerToken(in: $0) }
            ?? GatewaySocket.token(of: request)
        let end: Int64? = token.flatMap { verify($0) }?.claims.exp
        var made: GatewaySocket?
        let id: PeerID = admit { id in
            let session = GatewayWebSocketSession(
                id: makeConnectionID(), peer: id, principal: principal,
                expires: end.map { Instant(milliseconds: $0 * 1_000) }, userAgent: request.fields[.userAgent],
                address: "\(responder.peer.address)", hub: hub, at: now)
            let socket = GatewaySocket(id, handler: self, session: session)
            made = socket
            return .socket(socket)
        }
        guard let made, let connection = responder.upgrade(request, subprotocols: ["bearer"], delegate: made) else {
            return forget(id)
        }
        made.begin(connection, at: now)
    }
}
