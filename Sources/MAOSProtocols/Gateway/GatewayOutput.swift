package import MAOSCore

/// A connection of the transport's, by the name that the transport has for it.
package struct GatewayPeerID: Hashable, Sendable {
    /// The transport's number for it.
    package let rawValue: UInt64

    /// Names a connection; unique on its loop for as long as it is open.
    package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// What the transport has to do for streams and WebSocket connections.
package enum GatewayOutput: Sendable {
    /// One WebSocket text message for many connections.
    case deliver(GatewayDelivery)
    /// More of a stream's body; ``GatewayHub/drained(_:at:)`` is called when the connection has written it all.
    case send([UInt8], to: GatewayPeerID)
    /// Carry this out on a thread that may block, then call ``GatewayHub/complete(_:with:at:)``.
    case read(GatewayRead, for: GatewayPeerID)
    /// The stream's body is whole.
    case finish(GatewayPeerID)
    /// What a request waits for with ``GatewayAction/awaitEnd(_:until:_:)`` has come, or its time is up.
    case ended(GatewayPeerID, Bool)
}

/// One WebSocket text message for many connections; the payload is shared.
package struct GatewayDelivery: Sendable {
    /// The message, as UTF-8.
    package var payload: [UInt8]
    /// Who gets it.
    package var peers: [GatewayPeerID]
    /// Where set, a newer delivery with the same key may take this one's place while it still waits to be sent.
    package var superseding: GatewaySupersedingKey?
}

/// Names updates of which only the newest matters.
package struct GatewaySupersedingKey: Hashable, Sendable {
    /// The channel that it was sent on.
    package var channel: GatewayChannel
    /// The task whose progress it tells.
    package var task: TaskID?

    /// Names the updates on a channel, or those of one task on it.
    package init(channel: GatewayChannel, task: TaskID?) {
        self.channel = channel
        self.task = task
    }
}

/// What produces the body of an answer bit by bit.
package enum GatewayStream {
    case events(GatewayEventStream)
    case output(GatewayOutputStream)
}
