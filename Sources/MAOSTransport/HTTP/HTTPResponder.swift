package import MAOSProtocols
package import MAOSSystem

/// The place for the answer to one request.
///
/// Any thread may keep it; only the connection's loop may use it.
///
/// An answer to a connection that is gone goes nowhere, without harm.
package struct HTTPResponder: Sendable {
    /// The connection.
    package let connection: HTTP1ServerConnection
    /// Which of the connection's requests it is; counts from zero and wraps.
    package let number: UInt32
    let exchange: HTTP1Exchange

    /// How much of a stream waits to be sent.
    package enum Backlog: Sendable {
        /// Little: write on.
        case open
        /// Much: write no more before ``HTTPStreamOwner/streamDrained(_:)``.
        case full
        /// The connection is gone.
        case closed
    }

    /// Who asks.
    package var peer: SocketAddress { connection.peer }

    /// Answers with a whole body, and with the field `x-request-id` if there is an identifier.
    package func respond(
        _ status: HTTPStatus, contentType: String, body: [UInt8], requestID: RequestID? = nil,
        fields: HTTPFields = HTTPFields()
    ) {
        connection.respond(
            self, status, contentType: contentType, body: body, requestID: requestID, fields: fields)
    }

    /// Answers without a body.
    package func respond(_ status: HTTPStatus, fields: HTTPFields = HTTPFields()) {
        connection.respond(self, status, fields: fields)
    }

    /// Begins an answer that goes on and on; its end is ``finishStream()`` or the connection's.
    ///
    /// - Parameters:
    ///   - status: The answer's status.
    ///   - fields: Its fields, the type of the content among them.
    ///   - owner: Who is told what becomes of it; kept until it ends.
    /// - Returns: False if the stream has ended already: the connection is gone, or the request was `HEAD`.
    package func beginStream(_ status: HTTPStatus, fields: HTTPFields, owner: any HTTPStreamOwner) -> Bool {
        connection.beginStream(self, status, fields: fields, owner: owner)
    }

    /// Writes a piece of the stream; it is sent with everything else of this turn.
    @discardableResult
    package func write(_ bytes: ArraySlice<UInt8>) -> Backlog {
        connection.write(self, bytes)
    }

    /// Ends the stream.
    package func finishStream() {
        connection.finishStream(self)
    }

    /// Turns the connection into a WebSocket, or answers why not.
    ///
    /// - Parameters:
    ///   - request: The request that asks for it.
    ///   - subprotocols: Those that are spoken here; the client's first choice among them is taken.
    ///   - delegate: What the messages mean to; kept until the connection is over.
    /// - Returns: The connection, on which messages may be sent at once; nil if the request was refused, and is answered.
    package func upgrade(
        _ request: HTTPRequestHead, subprotocols: [String] = [], delegate: any WebSocketDelegate
    ) -> WebSocketServerConnection? {
        connection.upgrade(self, request, subprotocols: subprotocols, delegate: delegate)
    }

    /// Makes the connection close once this answer is sent.
    package func closeAfterwards() {
        connection.closeAfterwards()
    }
}
