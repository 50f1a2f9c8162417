package import MAOSProtocols

/// What answers requests on one loop.
///
/// Every call comes on that loop.
package protocol HTTPHandler: AnyObject {
    /// A request with its whole body is there; answer it through the responder, now or later.
    func handle(_ request: consuming HTTPRequestHead, body: consuming [UInt8], responder: HTTPResponder)

    /// What came is no request, is too large, or took too long: answer it with this status. The connection is closed
    /// afterwards.
    func refuse(_ status: HTTPStatus, reason: String, responder: HTTPResponder)
}

extension HTTPHandler {
    /// Answers with the reason as plain text.
    package func refuse(_ status: HTTPStatus, reason: String, responder: HTTPResponder) {
        responder.respond(status, contentType: "text/plain; charset=utf-8", body: Array("\(reason)\n".utf8))
    }
}

/// Who writes an answer that goes on and on.
///
/// Every call comes on the connection's loop.
package protocol HTTPStreamOwner: AnyObject {
    /// What waited to be sent is gone after ``HTTPResponder/Backlog/full``: go on.
    func streamDrained(_ responder: HTTPResponder)

    /// The connection is gone, or the stream was finished; nothing more can be written.
    func streamClosed(_ responder: HTTPResponder)

    /// The server is about to end: write last words and finish.
    func streamShouldEnd(_ responder: HTTPResponder)
}

extension HTTPStreamOwner {
    /// Finishes at once.
    package func streamShouldEnd(_ responder: HTTPResponder) {
        responder.finishStream()
    }
}
