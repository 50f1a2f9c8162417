package import MAOSCore

/// What the transport has to do next for a request.
package enum GatewayAction {
    /// Send this; the request is done.
    case respond(GatewayResponse)
    /// Hand this to the orchestrator for the request's principal, then call
    /// ``GatewayREST/complete(_:with:at:)-(_,Result<Reply,Rejection>,_)``.
    case submit(Command, GatewayPending)
    /// Carry this out on a thread that may block, then call
    /// ``GatewayREST/complete(_:with:at:)-(_,Result<StoreReadResult,JournalError>,_)``.
    case read(StoreRead, GatewayPending)
    /// Call ``GatewayREST/complete(_:ended:at:)`` when the task has ended (``GatewayHub/awaitEnd(of:until:for:)``), at the
    /// latest at the given time.
    case awaitEnd(TaskID, until: Instant, GatewayPending)
    /// Send the head, whose body has no known length, then let ``GatewayHub/open(_:for:at:)`` produce the body.
    case stream(GatewayStream, GatewayResponse)
    /// Turn the connection into a WebSocket, and let ``GatewayHub/attach(_:to:at:)`` take it over.
    case attach(GatewayTerminal)
}

/// What somebody who attaches to a terminal asks for.
package struct GatewayTerminal: Sendable, Hashable {
    /// Whose terminal.
    package var agent: AgentID
    /// Whether to stay when the process ends, for the next one.
    package var followsRestarts: Bool

    /// Names a terminal.
    package init(agent: AgentID, followsRestarts: Bool = false) {
        self.agent = agent
        self.followsRestarts = followsRestarts
    }
}

/// A request that waits for the outcome of an action: what to do with it.
///
/// It has a place of its own in memory, so that actions are small: most requests are answered at once, and have none.
package final class GatewayPending: Sendable {
    /// What is large has a box of its own, so that the frequent ones are a few words.
    enum Purpose: Sendable {
        /// A creation that can be repeated is answered without an estimate, which would be another one each time.
        case createTask(isRepeatable: Bool)
        case cancelTask
        case retryTask
        /// Answers with the whole task.
        case changeTask
        case spawnAgent
        /// Answers with the whole agent.
        case changeAgent
        case terminateAgent
        case showTask
        case showAgent
        /// A task that has ended waits for nothing.
        case showWaiting
        case listTasks(page: Int, limit: Int)
        /// The list of a token that may see one task only.
        indirect case listTask(TaskQuery, page: Int)
        case listTerminatedAgents(page: Int, limit: Int)
        /// A repeated request to create the task.
        case repeatCreation
        /// The request is broken, but a task that does not exist comes first.
        indirect case refuseUnlessMissing(GatewayFailure)
        indirect case refuseAgentUnlessMissing(GatewayFailure)
        case listDeadLetters(page: Int, limit: Int)
        case showDeadLetter
        /// Replaces these members of the dead letter's creation.
        indirect case editDeadLetter(JSONObject)
        /// Answers with the task that was made of the dead letter.
        case requeueEdited
        case discardDeadLetter
        /// Does this to the dead letters that were found.
        case settleFound(DeadLetterSettlement)
        /// Answers with what became of each; `remaining` satisfy the filter beside them.
        case settleDeadLetters(DeadLetterSettlement, remaining: Int)
        case listEvents
        indirect case findTaskOutput(GatewayOutputRequest)
        indirect case findAgentOutput(GatewayOutputRequest)
        case showOutput(isEnded: Bool)
        indirect case schedule(GatewaySchedulePurpose)
        indirect case resource(GatewayResourcePurpose)
        indirect case workflow(GatewayWorkflowPurpose)
        indirect case pool(GatewayPoolPurpose)
        indirect case budget(GatewayBudgetPurpose)
    }

    let purpose: Purpose
    /// The thing that the request names; empty where it names none.
    let id: String
    let context: GatewayContext

    init(purpose: Purpose, id: String, context: GatewayContext) {
        self.purpose = purpose
        self.id = id
        self.context = context
    }

    /// Who sends the request.
    package var principal: Principal { context.principal }
}

/// Which output a client wants, and how.
struct GatewayOutputRequest: Sendable, Hashable {
    enum Form: Sendable, Hashable {
        /// One page as JSON.
        case page
        /// All of it, raw.
        case text
        /// Server-sent events, for as long as there is something to come.
        case follow
    }

    var form: Form
    var from: UInt64
    var limit: Int
}
