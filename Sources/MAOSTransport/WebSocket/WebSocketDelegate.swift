package import MAOSProtocols

/// What a WebSocket's messages mean to.
///
/// Every call comes on the connection's loop.
package protocol WebSocketDelegate: AnyObject {
    /// A text message came; its bytes are UTF-8.
    func onText(_ text: [UInt8], _ socket: WebSocketServerConnection)

    /// A binary message came.
    func onBinary(_ bytes: [UInt8], _ socket: WebSocketServerConnection)

    /// The client is alive: a ping or pong of the protocol came.
    func onSignOfLife(_ socket: WebSocketServerConnection)

    /// The connection is over; called once, and last. The code is ``WebSocketCloseCode/abnormal`` if nobody said why.
    func onClose(_ code: WebSocketCloseCode, reason: String, _ socket: WebSocketServerConnection)

    /// What waited to be sent is mostly gone after ``WebSocketServerConnection/Backlog/full``: go on.
    func onDrained(_ socket: WebSocketServerConnection)

    /// The server is about to end: send last words and close.
    func onServerEnding(_ socket: WebSocketServerConnection)
}

extension WebSocketDelegate {
    /// Nothing to do.
    package func onSignOfLife(_ socket: WebSocketServerConnection) {}

    /// Nothing to do.
    package func onDrained(_ socket: WebSocketServerConnection) {}

    /// Closes with 1001.
    package func onServerEnding(_ socket: WebSocketServerConnection) {
        socket.close(.goingAway, reason: "the server is going away")
    }
}
