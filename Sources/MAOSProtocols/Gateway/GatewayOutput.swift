/// What the transport has to do for streams and requests that wait.
package enum GatewayOutput: Sendable {
    /// More of a stream's body; ``GatewayHub/drained(_:at:)`` is called when the connection has written it all.
    case send([UInt8], to: PeerID)
    /// Carry this out on a thread that may block, then call ``GatewayHub/complete(_:with:at:)``.
    case read(StoreRead, for: PeerID)
    /// The stream's body is whole.
    case finish(PeerID)
    /// What a request waits for with ``GatewayAction/awaitEnd(_:until:_:)`` has come, or its time is up.
    case ended(PeerID, Bool)
    /// One WebSocket binary message for many terminals; ``GatewayHub/filled(_:)`` is called for those that take no more.
    case show([UInt8], to: [PeerID])
    /// A WebSocket text message for a terminal.
    case tell([UInt8], to: PeerID)
    /// Close a terminal with this code (RFC 6455 §7.4), after what was sent.
    case close(PeerID, code: UInt16, reason: String)
    /// Whether what the client of a terminal sends is read on.
    case setReading(PeerID, Bool)
    /// Have the host do this for a terminal; after typing, ``GatewayHub/typingEnded(_:for:)`` is called.
    case perform(HostRequest, for: PeerID)
}

/// What produces the body of an answer bit by bit.
package enum GatewayStream {
    case events(GatewayEventStream)
    case output(GatewayOutputStream)

    /// Whether it tells of what is still to come, rather than of what is there.
    package var isFollowing: Bool {
        switch self {
        case .events: true
        case .output(let stream): stream.isFollowing
        }
    }
}
