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
}

/// What produces the body of an answer bit by bit.
package enum GatewayStream {
    case events(GatewayEventStream)
    case output(GatewayOutputStream)
}
