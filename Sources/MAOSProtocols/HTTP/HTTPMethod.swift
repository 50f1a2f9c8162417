/// A request method (RFC 9110 §9); names are case-sensitive.
package enum HTTPMethod: Sendable, Hashable {
    /// Reads a resource.
    case get
    /// As `GET`, with a reply that has no body.
    case head
    /// Has the resource process the body.
    case post
    /// Replaces the resource.
    case put
    /// Removes the resource.
    case delete
    /// Changes the resource in part (RFC 5789).
    case patch
    /// Asks what may be done.
    case options
    /// Asks for the request as it arrived.
    case trace
    /// Asks a proxy for a tunnel.
    case connect
    /// Any other token.
    case other(String)

    /// A method by its name, which must be a token to make sense on the wire.
    package init(_ name: String) {
        self =
            switch name {
            case "GET": .get
            case "HEAD": .head
            case "POST": .post
            case "PUT": .put
            case "DELETE": .delete
            case "PATCH": .patch
            case "OPTIONS": .options
            case "TRACE": .trace
            case "CONNECT": .connect
            default: .other(name)
            }
    }

    /// The name as it stands on the wire.
    package var name: String {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .delete: "DELETE"
        case .patch: "PATCH"
        case .options: "OPTIONS"
        case .trace: "TRACE"
        case .connect: "CONNECT"
        case .other(let name): name
        }
    }
}
