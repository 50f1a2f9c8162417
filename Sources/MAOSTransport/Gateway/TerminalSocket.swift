package import MAOSCore
internal import MAOSProtocols
internal import MAOSSystem
internal import Synchronization

/// One client at an agent's terminal: its session, and the connection that carries it.
final class TerminalSocket: WebSocketDelegate {
    private let session: TerminalSession
    private unowned let handler: GatewayHandler
    private var connection: WebSocketServerConnection?
    /// What the client is known by whose token has no end; `nil` for others.
    private let credential: String?

    init(_ session: TerminalSession, credential: String?, handler: GatewayHandler) {
        self.session = session
        self.credential = credential
        self.handler = handler
    }

    /// Closes the connection if its token has been replaced by another one.
    func end(unlessNamed current: String) {
        guard let credential, credential != current else { return }
        close(.policyViolation, reason: "the credentials have been revoked")
    }

    /// The connection is there: shows what was printed last.
    func begin(_ connection: WebSocketServerConnection, at now: Instant) {
        self.connection = connection
        handler.measures.terminals.sockets.value += 1
        handler.carryOut(handler.hub.attach(session, at: now))
    }

    /// Bytes that the client has not taken yet.
    var backlog: Int { connection?.backlog ?? 0 }

    // MARK: Sending

    func send(frame: [UInt8]) {
        guard let connection else { return }
        handler.measures.terminals.messagesOut.add()
        note(connection.send(frame: frame))
    }

    func send(text: [UInt8]) {
        guard let connection else { return }
        handler.measures.terminals.messagesOut.add()
        note(connection.sendText(text))
    }

    private func note(_ backlog: WebSocketServerConnection.Backlog) {
        if case .full = backlog { handler.hub.filled(session.peer) }
    }

    func close(_ code: WebSocketCloseCode, reason: String) { connection?.close(code, reason: reason) }

    func setReading(_ reads: Bool) { connection?.setReading(reads) }

    // MARK: What comes

    func onText(_ text: [UInt8], _ socket: WebSocketServerConnection) {
        handler.measures.terminals.messagesIn.add()
        handler.carryOut(session.receive(text: text))
    }

    func onBinary(_ bytes: [UInt8], _ socket: WebSocketServerConnection) {
        handler.measures.terminals.messagesIn.add()
        handler.carryOut(session.receive(bytes))
    }

    func onClose(_ code: WebSocketCloseCode, reason: String, _ socket: WebSocketServerConnection) {
        connection = nil
        handler.measures.terminals.sockets.value -= 1
        handler.forget(session.peer)
    }

    func onDrained(_ socket: WebSocketServerConnection) {
        handler.carryOut(handler.hub.drained(session.peer, at: handler.now))
    }
}

extension GatewayHandler {
    /// Turns a request for a terminal, which the dialect has found good, into a WebSocket.
    func attach(
        _ terminal: GatewayTerminal, _ request: HTTPRequestHead, _ responder: HTTPResponder
    ) {
        let tenure: (expires: Instant?, credential: String?) = tenure(of: sentToken(of: request))
        var made: TerminalSocket?
        let id: PeerID = admit { id in
            let session = TerminalSession(
                terminal, peer: id, expires: tenure.expires, configuration: services.configuration)
            let socket = TerminalSocket(session, credential: tenure.credential, handler: self)
            made = socket
            return .terminal(socket)
        }
        guard let made, let connection = responder.upgrade(request, subprotocols: ["bearer"], delegate: made) else {
            return forget(id)
        }
        made.begin(connection, at: now)
    }
}

extension GatewayHandler: ResidentObserver {
    package func residentEnded(of agent: AgentID, code: Int) {
        guard interest.load(ordering: .sequentiallyConsistent) > 0 else { return }
        loop.execute { [self] in carryOut(hub.residentEnded(of: agent, code: code)) }
    }
}
