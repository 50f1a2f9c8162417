package import MAOSCore

/// What the transport has to do next for a request.
package enum GatewayAction {
    /// Send this; the request is done.
    case respond(GatewayResponse)
    /// Hand this to the orchestrator, then call ``GatewayREST/complete(_:with:at:)-(_,Result<Reply,Rejection>,_)``.
    case submit(Command, Principal, GatewayPending)
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
package struct GatewayPending: Sendable {
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
        case listTask(TaskQuery, page: Int)
        case listTerminatedAgents(page: Int, limit: Int)
        /// A repeated request to create the task.
        case repeatCreation
        /// The request is broken, but a task that does not exist comes first.
        case refuseUnlessMissing(GatewayFailure)
        case refuseAgentUnlessMissing(GatewayFailure)
        case listDeadLetters(page: Int, limit: Int)
        case showDeadLetter
        /// Replaces these members of the dead letter's creation.
        case editDeadLetter(JSONObject)
        /// Answers with the task that was made of the dead letter.
        case requeueEdited
        case discardDeadLetter
        /// Does this to the dead letters that were found.
        case settleFound(DeadLetterSettlement)
        /// Answers with what became of each; `remaining` satisfy the filter beside them.
        case settleDeadLetters(DeadLetterSettlement, remaining: Int)
        case listEvents
        case findTaskOutput(GatewayOutputRequest)
        case findAgentOutput(GatewayOutputRequest)
        case showOutput(isEnded: Bool)
        case schedule(GatewaySchedulePurpose)
        case resource(GatewayResourcePurpose)
        case workflow(GatewayWorkflowPurpose)
        case pool(GatewayPoolPurpose)
        case budget(GatewayBudgetPurpose)
    }

    let purpose: Purpose
    /// The thing that the request names; empty where it names none.
    let id: String
    let context: GatewayContext
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
