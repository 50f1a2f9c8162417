internal import MAOSCore
internal import Synchronization

/// What a client asked to be told of.
struct DashboardSubscription: Sendable, Hashable {
    enum Topic: Sendable, Hashable {
        case agents
        case metrics
        case logs
    }

    var id: String
    /// The id of the message that asked for it.
    var alias: String?
    var topic: Topic
    /// Only about this agent; about all where `nil`.
    var agent: AgentID?
    var filter: DashboardFilter
    /// The newest event that it is not about.
    var since: UInt64
    /// When it was made.
    var sinceTime: Instant
}

/// What a session remembers that outlives its connections; one per client, on all loops.
///
/// A connection holds it while it is open, one at a time: the newest. Without one it remembers where it stood, and what it
/// missed is derived again from the history when somebody comes back for it.
final class DashboardSession: Sendable {
    /// The connection that it has.
    struct Holder: Sendable, Hashable {
        /// The loop's dialect.
        var dialect: Int
        var peer: PeerID
    }

    /// A message that was sent and can be derived again.
    struct Sent: Sendable, Hashable {
        var position: DashboardPosition
        var part: UInt32
    }

    /// Messages that were sent one after the other: of an agent's output any number, else one.
    struct Run: Sendable {
        var first: Sent
        var last: Sent

        var source: DashboardPosition.Source { first.position.source }

        func contains(_ message: Sent) -> Bool {
            func place(_ sent: Sent) -> (UInt64, UInt32) { (sent.position.sequence, sent.part) }
            return message.position.source == source && place(first) <= place(message) && place(message) <= place(last)
        }
    }

    /// How far a client has been told of an agent's log.
    struct OutputCursor: Sendable, Hashable, Comparable {
        /// The newest entry that it has been told of.
        var sequence: UInt64
        /// The first message of the entry after it that it has not been told of.
        var part: UInt32 = 0

        static func < (left: OutputCursor, right: OutputCursor) -> Bool {
            (left.sequence, left.part) < (right.sequence, right.part)
        }
    }

    /// What became of a message of the client.
    enum Answer: Sendable {
        case open
        case given([UInt8])
    }

    struct State: Sendable {
        var clientID: String
        var principal: Principal
        var expires: Instant
        var holder: Holder?
        var detachedAt: Instant?
        var subscriptions: [DashboardSubscription] = []
        /// The agents that it made or commanded, with the newest event before that.
        var agents: [AgentID: UInt64] = [:]
        /// What is known of agents that it hears of.
        var known: [AgentID: DashboardAgent] = [:]
        /// Agents that it has asked for and that have not started, with the messages that asked.
        var creations: [AgentID: String] = [:]
        /// Commands that run by themselves, with the messages that asked for them.
        var commands: [TaskID: String] = [:]
        /// What became of the newest messages of the client, by their ids.
        var answers: [String: Answer] = [:]
        var answerOrder = Deque<String>()
        /// The newest event that it has been told of, or that was not for it.
        var eventCursor: UInt64
        /// The oldest event before that whose messages still wait for the answer to a message of the client.
        var heldEvent: UInt64?
        /// How far it has been told of each agent's log.
        var outputCursors: [AgentID: OutputCursor] = [:]
        /// The newest messages that were sent, oldest first, but for ``latest``.
        var sent = Deque<Run>()
        /// Those that were sent last.
        var latest: Run?
    }

    /// Messages of clients whose answers are remembered.
    static let answerLimit: Int = 1_000
    /// Runs of messages that were sent.
    static let sentLimit: Int = 1_000
    static let commandLimit: Int = 1_000

    let id: String
    let userID: String
    let connectedAt: Instant
    private let state: Mutex<State>

    init(id: String, userID: String, at now: Instant, _ state: State) {
        self.id = id
        self.userID = userID
        connectedAt = now
        self.state = Mutex(state)
    }

    func withState<Value: Sendable>(_ body: (inout State) -> Value) -> Value {
        state.withLock { body(&$0) }
    }
}

extension DashboardSession.State {
    /// The newest messages that were sent, oldest first.
    var runs: [DashboardSession.Run] { (0..<sent.count).compactMap { sent[$0] } + (latest.map { [$0] } ?? []) }

    /// Notes a message that was sent, so that what follows it can be found.
    ///
    /// - Parameters:
    ///   - sent: What it was derived from.
    ///   - isFollowed: Whether that has more messages for the client.
    mutating func note(_ sent: DashboardSession.Sent, isFollowed: Bool) {
        if case .output = sent.position.source, latest?.source == sent.position.source {
            latest?.last = sent
        } else {
            if let latest { self.sent.append(latest) }
            if self.sent.count > DashboardSession.sentLimit { _ = self.sent.popFirst() }
            latest = DashboardSession.Run(first: sent, last: sent)
        }
        let sequence: UInt64 = sent.position.sequence
        switch sent.position.source {
        case .event: eventCursor = max(eventCursor, sequence)
        case .output(let agent):
            let cursor: DashboardSession.OutputCursor =
                isFollowed
                ? DashboardSession.OutputCursor(sequence: sequence - 1, part: sent.part + 1)
                : DashboardSession.OutputCursor(sequence: sequence)
            outputCursors[agent] = outputCursors[agent].map { max($0, cursor) } ?? cursor
        }
    }

    /// Goes back to before what the connection so far holds back: another one has the session now, or none.
    mutating func rewindToHeld() {
        guard let held: UInt64 = heldEvent.take() else { return }
        eventCursor = min(eventCursor, held - 1)
    }

    /// Notes that a message of the client is being seen to.
    mutating func begin(_ id: String) {
        answers[id] = .open
        answerOrder.append(id)
        if answerOrder.count > DashboardSession.answerLimit, let oldest: String = answerOrder.popFirst() {
            answers[oldest] = nil
        }
    }

    /// Goes back to the moment after a message was sent, or after an agent's output was that is not remembered any more.
    ///
    /// - Parameter messageID: The message's identifier.
    /// - Returns: False where that is not known; then nothing is done.
    mutating func rewind(after messageID: String) -> Bool {
        var runs: [DashboardSession.Run] = runs
        let agents: [AgentID] = runs.compactMap { if case .output(let agent) = $0.source { agent } else { nil } }
        guard let message = DashboardMessageID.message(messageID, of: Set(agents).union(outputCursors.keys)) else {
            return false
        }
        let following = DashboardSession.OutputCursor(sequence: message.position.sequence - 1, part: message.part + 1)
        // What each source goes on with, as what came before that.
        var firsts: [DashboardPosition.Source: DashboardSession.OutputCursor] = [:]
        let place: Int? = runs.lastIndex { $0.contains(message) }
        if let place {
            if runs[place].last != message { firsts[message.position.source] = following }
        } else {
            // All that is remembered was sent after it.
            guard case .output(let agent) = message.position.source, let cursor = outputCursors[agent],
                following < cursor
            else { return false }
            firsts[message.position.source] = following
        }
        for run: DashboardSession.Run in runs[((place ?? -1) + 1)...] {
            let before = DashboardSession.OutputCursor(
                sequence: run.first.position.sequence - 1, part: run.first.part)
            firsts[run.source] = firsts[run.source].map { min($0, before) } ?? before
        }
        for (source, first) in firsts {
            switch source {
            case .event: eventCursor = min(eventCursor, first.sequence)
            case .output(let agent): outputCursors[agent] = outputCursors[agent].map { min($0, first) } ?? first
            }
        }
        runs.removeSubrange(((place ?? -1) + 1)...)
        sent = Deque()
        for run: DashboardSession.Run in runs.dropLast() { sent.append(run) }
        latest = DashboardSession.Run(first: runs.last?.first ?? message, last: message)
        return true
    }
}
