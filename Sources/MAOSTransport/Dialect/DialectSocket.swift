internal import MAOSCore
internal import MAOSProtocols
internal import MAOSSystem

/// One client of a dialect: what it is to the dialect, and the connection that carries it.
final class DialectSocket: WebSocketDelegate {
    /// Updates that a slow client has not taken yet, the newest of each kind only.
    private static let supersededLimit: Int = 1_000
    /// Messages that wait until the dialect of a shared port is decided.
    private static let undecidedLimit: Int = 1_000

    let peer: PeerID
    private unowned let handler: DialectHandler
    private(set) var connection: WebSocketServerConnection?
    private var superseded: [SupersedingKey: SharedMessage] = [:]
    private var isFull = false
    /// Whether the dialect waits for the client to take what it was given.
    private var isPacing = false
    /// What waits until it is known whether the client wants it; `nil` once that is known.
    private var undecided: [SharedMessage]?

    init(_ peer: PeerID, handler: DialectHandler, connection: WebSocketServerConnection?, isUndecided: Bool = false) {
        self.peer = peer
        self.handler = handler
        self.connection = connection
        if isUndecided { undecided = [] }
    }

    /// The handshake is done.
    func begin(_ connection: WebSocketServerConnection) { self.connection = connection }

    /// The client wants what the dialect says: what has waited goes out.
    func decide() {
        guard let waiting: [SharedMessage] = undecided else { return }
        undecided = nil
        for message: SharedMessage in waiting { deliver(message, superseding: nil) }
        if isPacing { connection?.tellWhenDrained() }
    }

    /// Tells the dialect when the client has taken everything.
    func pace() {
        isPacing = true
        if undecided == nil { connection?.tellWhenDrained() }
    }

    /// Another dialect has the connection now.
    func handOver() {
        letGo()
        handler.forget(peer)
    }

    /// Nothing more goes to the connection.
    func letGo() {
        connection = nil
        undecided = nil
        superseded = [:]
    }

    /// Bytes that the client has not taken yet.
    var backlog: Int { connection?.backlog ?? 0 }

    /// Gives the client a message that many get.
    ///
    /// - Parameters:
    ///   - message: The message.
    ///   - key: Of messages with the same key a slow client gets the newest only.
    ///   - isExpendable: Whether a slow client does without it.
    ///   - isAlone: Whether there is nothing else to be said now.
    func deliver(
        _ message: SharedMessage, superseding key: SupersedingKey?, isExpendable: Bool = false, isAlone: Bool = false
    ) {
        guard let connection else { return }
        guard undecided == nil else {
            if undecided?.count == DialectSocket.undecidedLimit { undecided?.removeFirst() }
            undecided?.append(message)
            return
        }
        if isFull, isExpendable { return }
        if isFull, let key {
            superseded[key] = message
            if superseded.count > DialectSocket.supersededLimit {
                connection.close(.tryAgainLater, reason: "too slow a reader", discardingBacklog: true)
            }
            return
        }
        handler.measures.messagesOut.add(UInt64(message.messageCount))
        note(connection.send(message, isAlone: isAlone))
    }

    func send(_ text: [UInt8], isUrgent: Bool = false) {
        guard undecided == nil else { return deliver(SharedMessage(text: text), superseding: nil) }
        guard let connection else { return }
        handler.measures.messagesOut.add()
        note(connection.sendText(text, isUrgent: isUrgent))
    }

    /// Notes how much waits behind a message.
    private func note(_ backlog: WebSocketServerConnection.Backlog) {
        switch backlog {
        case .open: break
        case .full: isFull = true
        case .closed: handler.ending(peer)
        }
    }

    // MARK: What comes

    func onText(_ text: [UInt8], _ socket: WebSocketServerConnection) { handler.receive(text, from: peer) }

    func onBinary(_ bytes: [UInt8], _ socket: WebSocketServerConnection) { handler.receiveBinary(bytes, from: peer) }

    func onSignOfLife(_ socket: WebSocketServerConnection) { handler.signOfLife(from: peer) }

    func onClose(_ code: WebSocketCloseCode, reason: String, _ socket: WebSocketServerConnection) {
        connection = nil
        handler.forget(peer, code: code)
    }

    func onDrained(_ socket: WebSocketServerConnection) {
        isFull = false
        let waiting: [SharedMessage] = Array(superseded.values)
        superseded = [:]
        for message: SharedMessage in waiting { deliver(message, superseding: nil) }
        guard isPacing else { return }
        isPacing = false
        handler.drained(peer)
    }

    func onServerEnding(_ socket: WebSocketServerConnection) {
        handler.sayGoodbye()
        decide()
        socket.close(.goingAway, reason: "the server is going away")
    }
}
