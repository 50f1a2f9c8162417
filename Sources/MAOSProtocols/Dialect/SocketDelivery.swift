/// One WebSocket text message for many connections; the payload is shared.
package struct SocketDelivery: Sendable {
    /// The message, as UTF-8.
    package var payload: [UInt8]
    /// Who gets it.
    package var peers: [PeerID]
    /// Where set, a newer delivery with the same key may take this one's place while it still waits to be sent.
    package var superseding: SupersedingKey?
    /// Whether readers who are behind do without it, for dialects whose messages must not change their order.
    package var isExpendable: Bool

    /// Addresses a message.
    ///
    /// - Parameters:
    ///   - payload: The message, as UTF-8.
    ///   - peers: Who gets it.
    ///   - superseding: What it is about, if only the newest of its kind matters to a reader who is behind.
    ///   - isExpendable: Whether readers who are behind do without it.
    package init(
        payload: [UInt8], peers: [PeerID], superseding: SupersedingKey? = nil, isExpendable: Bool = false
    ) {
        self.payload = payload
        self.peers = peers
        self.superseding = superseding
        self.isExpendable = isExpendable
    }
}

/// Names updates of which only the newest matters.
package struct SupersedingKey: Hashable, Sendable {
    /// The kind of update: a channel or a message type.
    package var topic: String
    /// What it is about; empty where there is one of the kind only.
    package var entity: String

    /// Names the updates of a topic, or those about one thing among them.
    package init(topic: String, entity: String = "") {
        self.topic = topic
        self.entity = entity
    }
}
