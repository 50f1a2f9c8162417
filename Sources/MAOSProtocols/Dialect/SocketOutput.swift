package import MAOSCore

/// What the transport has to do for the connections of a dialect.
package enum SocketOutput: Sendable {
    /// Send this text message, whose bytes are UTF-8.
    case send([UInt8], to: PeerID)
    /// Send this text message before those that the client has not taken yet, except others that were sent this way.
    case sendAhead([UInt8], to: PeerID)
    /// Send one text message to many.
    case deliver(SocketDelivery)
    /// Say so by ``SocketDialect/drained(_:at:)`` once the client has taken everything that it was given.
    case pace(PeerID)
    /// Close with this code (RFC 6455 §7.4).
    case close(PeerID, code: UInt16, reason: String)
    /// Hand this to the orchestrator; the reply comes with the token.
    case submit(Command, Principal, SocketToken)
    /// Do this on a thread that may block; the outcome comes with the token.
    case perform(SocketWork, SocketToken)
}

/// Names something that a dialect waits for.
package struct SocketToken: Hashable, Sendable {
    /// For whom; other dialects and loops do not see it.
    package var peer: PeerID
    /// The dialect's own number for it.
    package var number: UInt64

    /// Names something.
    package init(peer: PeerID, number: UInt64) {
        self.peer = peer
        self.number = number
    }
}

/// What a dialect wants to have done where it may block.
package enum SocketWork: Sendable {
    /// Read from the disk.
    case read(StoreRead)
    /// Anything else; the dialect's own services carry it out.
    case host(HostRequest)
}

/// What came of something that a dialect waited for.
package enum SocketOutcome: Sendable {
    /// The orchestrator's reply.
    case reply(Result<Reply, Rejection>)
    /// What was read.
    case read(Result<StoreReadResult, JournalError>)
    /// What the host said.
    case host(HostAnswer)
}
