package import MAOSCore

/// One dialect on one event loop: all of its WebSocket connections, without the sockets.
///
/// The transport tells it of connections, messages, committed events, stored output and time, in the order in which they
/// come, and carries out what it returns, in that order. Confined to its loop; must not block. Everything that waits for
/// something else goes through ``SocketOutput/submit(_:_:_:)`` and ``SocketOutput/perform(_:_:)``, which are answered by
/// ``complete(_:with:at:)``.
package protocol SocketDialect: AnyObject {
    /// Takes over a connection whose handshake is done.
    func open(_ peer: PeerID, _ arrival: SocketArrival, at now: Instant) -> [SocketOutput]

    /// Takes a whole text message; its bytes are UTF-8.
    func receive(_ text: [UInt8], from peer: PeerID, at now: Instant) -> [SocketOutput]

    /// Takes a whole binary message.
    func receiveBinary(_ bytes: [UInt8], from peer: PeerID, at now: Instant) -> [SocketOutput]

    /// Takes note of a frame that carries no message: a ping or pong of the protocol.
    func sign(ofLifeFrom peer: PeerID, at now: Instant)

    /// Takes note that the transport is closing a connection, which takes no more messages; ``close(_:at:)`` follows.
    func ending(_ peer: PeerID)

    /// Hears how a connection ends, right before ``close(_:at:)``; 1006 where nothing was said (RFC 6455 §7.4.1).
    func closing(_ peer: PeerID, code: UInt16, at now: Instant)

    /// Forgets a connection that is gone; called once for each that was opened, and last.
    func close(_ peer: PeerID, at now: Instant) -> [SocketOutput]

    /// Takes committed events, in order; called while there is a connection, or ``listensAlways``.
    func receive(_ events: [Event], at now: Instant) -> [SocketOutput]

    /// Takes stored output, in order for each log; called while there is a connection, or ``listensAlways``.
    func receive(_ entries: [OutputEntry], at now: Instant) -> [SocketOutput]

    /// Takes note of stored output that it is not told of, because the loop was too busy: it stands in the logs.
    func skipped(_ gaps: [OutputGap], at now: Instant) -> [SocketOutput]

    /// Takes the outcome of what was submitted or is to be performed, also if the connection has gone meanwhile.
    func complete(_ token: SocketToken, with outcome: SocketOutcome, at now: Instant) -> [SocketOutput]

    /// Goes on with a client that has taken everything it was given, after ``SocketOutput/pace(_:)``.
    func drained(_ peer: PeerID, at now: Instant) -> [SocketOutput]

    /// Sees to what is due; called about every 250 ms while there is a connection, or ``listensAlways``.
    func tick(at now: Instant) -> [SocketOutput]

    /// Says goodbye: the server is about to end. The transport closes what is still open with 1001 afterwards.
    func drain(at now: Instant) -> [SocketOutput]

    /// Whether it is to hear of everything also while nobody is connected, for sessions that outlive connections.
    var listensAlways: Bool { get }

    /// How often a client has gone on here where it had been before its connection ended.
    var resumptions: Int { get }
}

extension SocketDialect {
    /// Does not matter.
    package func ending(_ peer: PeerID) {}

    /// Does not matter.
    package func closing(_ peer: PeerID, code: UInt16, at now: Instant) {}

    /// There are no messages in it.
    package func sign(ofLifeFrom peer: PeerID, at now: Instant) {}

    /// Has no use for output.
    package func receive(_ entries: [OutputEntry], at now: Instant) -> [SocketOutput] { [] }

    /// Has no use for output.
    package func skipped(_ gaps: [OutputGap], at now: Instant) -> [SocketOutput] { [] }

    /// Has nothing to go on with.
    package func drained(_ peer: PeerID, at now: Instant) -> [SocketOutput] { [] }

    /// Has nothing to say.
    package func drain(at now: Instant) -> [SocketOutput] { [] }

    /// Nothing outlives its connections.
    package var listensAlways: Bool { false }

    /// Nobody can go on.
    package var resumptions: Int { 0 }
}

/// Who has come, as far as the handshake tells.
package struct SocketArrival: Sendable {
    /// The client's address, without port.
    package var address: String
    /// Whether that is this host.
    package var isLoopback: Bool
    /// Who the client is, by the token of the request; the anonymous loopback principal where the dialect trusts loopback.
    package var caller: SocketCaller?
    /// The items of the request's query, decoded, in order.
    package var query: [HTTPTarget.QueryItem]
    /// The client's `User-Agent`, where it sent one.
    package var userAgent: String?

    /// Describes an arrival.
    ///
    /// - Parameters:
    ///   - address: The client's address, without port.
    ///   - isLoopback: Whether that is this host.
    ///   - caller: Who it is.
    ///   - query: The items of the request's query.
    ///   - userAgent: The client's `User-Agent`.
    package init(
        address: String, isLoopback: Bool, caller: SocketCaller? = nil, query: [HTTPTarget.QueryItem] = [],
        userAgent: String? = nil
    ) {
        self.address = address
        self.isLoopback = isLoopback
        self.caller = caller
        self.query = query
        self.userAgent = userAgent
    }

    /// The value of the first query item of that name.
    package func queryValue(_ name: String) -> String? {
        query.first { $0.name == name }?.value
    }
}

/// Somebody whose credentials were good.
package struct SocketCaller: Sendable, Hashable {
    /// Who it is to the engine.
    package var principal: Principal
    /// Whether it said who it is; false for whoever is trusted by address alone.
    package var isAuthenticated: Bool
    /// When the token was made; `nil` where it does not say.
    package var issued: Instant?
    /// When the credentials end; `nil` for never.
    package var expires: Instant?
    /// What it bears, as whoever checked it calls it; `nil` for what can end at ``expires`` only.
    package var credential: String?

    /// Describes a caller.
    ///
    /// - Parameters:
    ///   - principal: Who it is to the engine.
    ///   - isAuthenticated: Whether it said who it is.
    ///   - issued: When the token was made.
    ///   - expires: When the credentials end.
    ///   - credential: What it bears, as whoever checked it calls it.
    package init(
        principal: Principal, isAuthenticated: Bool = true, issued: Instant? = nil, expires: Instant? = nil,
        credential: String? = nil
    ) {
        self.principal = principal
        self.isAuthenticated = isAuthenticated
        self.issued = issued
        self.expires = expires
        self.credential = credential
    }
}

/// Why credentials are refused.
package enum CredentialProblem: Error, Sendable, Hashable {
    /// They were good once.
    case expired
    /// They are not known, not signed by this server, or broken.
    case invalid
}

/// Checks what clients say of themselves after the handshake; on the loop, at once.
package protocol CredentialChecker: AnyObject, Sendable {
    /// Checks a signed token (RFC 7519).
    func check(token: String, at now: Instant) throws(CredentialProblem) -> SocketCaller

    /// Whether what a caller bears is still good: false once it has been revoked or replaced.
    func stillHolds(_ caller: SocketCaller) -> Bool
}
