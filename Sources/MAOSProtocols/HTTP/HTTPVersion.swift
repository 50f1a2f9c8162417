/// A version of HTTP that is spoken here.
package enum HTTPVersion: Sendable, Hashable, Comparable {
    /// HTTP/1.0: no chunks, one message a connection unless asked otherwise.
    case http10
    /// HTTP/1.1 (RFC 9112).
    case http11
}
