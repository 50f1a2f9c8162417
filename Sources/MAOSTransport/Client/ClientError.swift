/// Why there is no answer from a server.
///
/// That it answered "no" is a response, not an error.
package enum ClientError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Nobody is there, or the connection broke; the text says what happened.
    case unreachable(String)
    /// No answer came in time.
    case timedOut(String)
    /// What came is not HTTP or WebSocket; the text says what is wrong with it.
    case notUnderstood(String)
    /// The server refused the WebSocket, with this status and body.
    case refused(status: Int, body: String)

    /// A line for people.
    package var description: String {
        switch self {
        case .unreachable(let reason): reason
        case .timedOut(let reason): reason
        case .notUnderstood(let reason): reason
        case .refused(let status, let body): "the server answered \(status)\(body.isEmpty ? "" : ": \(body)")"
        }
    }
}
