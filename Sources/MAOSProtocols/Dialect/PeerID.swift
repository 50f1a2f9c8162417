/// A connection of the transport's, by the name that the transport has for it.
package struct PeerID: Hashable, Sendable {
    /// The transport's number for it.
    package let rawValue: UInt64

    /// Names a connection; unique on its loop for as long as the server runs.
    package init(rawValue: UInt64) { self.rawValue = rawValue }
}
