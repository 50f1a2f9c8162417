package import MAOSCore

/// How the dashboard's dialect behaves; the defaults are those of document 004 where it has some.
package struct DashboardConfiguration: Sendable {
    /// How long a client may take to say who it is.
    package var authenticationDeadline: Milliseconds = .seconds(5)
    /// How often a client is pinged.
    package var heartbeat: Milliseconds = .seconds(30)
    /// How long a client may be silent.
    package var silence: Milliseconds = .seconds(60)
    /// How long a session is kept without a connection.
    package var detachedLifetime: Milliseconds = .seconds(300)
    /// How long a token may live.
    package var tokenLifetime: Milliseconds = .seconds(3_600)
    /// How long a client whose token has ended may take to send another.
    package var expiryGrace: Milliseconds = .seconds(30)
    /// How often metrics are sent.
    package var metricsInterval: Milliseconds = .seconds(5)
    /// Messages that are kept for a client that comes back.
    package var missedMessages: Int = 1_000
    /// Bytes of them: less than a client may leave unread, so that it can be told of more meanwhile.
    package var missedBytes: Int = 4 << 20
    /// Sessions that are kept at most; those without a connection go first.
    package var sessions: Int = 10_000
    /// Commands of one agent that run at the same time.
    package var concurrentCommands: Int = 16
    /// Who callers of this host are that bring no token; `nil` where they need one.
    package var trusted: Principal?

    /// The usual ways.
    package init() {}
}

/// How much the dashboard's clients may do; `nil` for as much as they like.
package struct DashboardLimits: Sendable, Hashable {
    /// Agents with a process that is talked to.
    package var agents: Int? = 50
    /// Commands to one agent within a second.
    package var commandsPerSecond: Int? = 10
    /// Subscriptions of one connection.
    package var subscriptions: Int? = 100
    /// Messages of one connection within a second.
    package var messagesPerSecond: Int? = 100
    /// Messages of one user within a second, over all connections.
    package var messagesPerUser: Int? = 10_000
    /// Messages from one address within a second, over all connections.
    package var messagesPerAddress: Int? = 10_000
    /// Connections from one address.
    package var connectionsPerAddress: Int? = 1_000

    /// The limits of document 004, and of its checklist where it says nothing.
    package init() {}

    /// No limits.
    package static var none: DashboardLimits {
        var limits = DashboardLimits()
        limits.agents = nil
        limits.commandsPerSecond = nil
        limits.subscriptions = nil
        limits.messagesPerSecond = nil
        limits.messagesPerUser = nil
        limits.messagesPerAddress = nil
        limits.connectionsPerAddress = nil
        return limits
    }
}
