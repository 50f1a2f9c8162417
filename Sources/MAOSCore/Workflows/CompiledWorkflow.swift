/// A workflow in the form in which it is carried out: every name resolved, every expression read.
package final class CompiledWorkflow: Sendable {
    /// Steps side by side: those of the workflow itself, of a parallel step, or of a loop's round.
    struct Region: Sendable {
        /// The step that holds it; `nil` for the workflow's own steps.
        var owner: Int?
        /// Where its steps stand in ``CompiledWorkflow/steps``.
        var steps: [Int] = []
        /// Whether what a step waits for decides when it starts, and not its place.
        var isGraph: Bool
        /// Steps that start at once, in order.
        var entries: [Int] = []
        /// Of each step, those that wait for it.
        var successors: [[Edge]] = []
        /// Of each step, how many edges lead to it; those that route to it included.
        var waits: [Int] = []
        /// Whether a step is entered only when another one names it.
        var isRouted: [Bool] = []
        /// The sum of the weights.
        var weight: Double = 0
    }

    /// A step waits for another to end.
    struct Edge: Sendable {
        enum Condition: UInt8, Sendable {
            case success
            case failure
            case always
            /// The step is named by the other's `onSuccess` or `onFailure`, and starts only if it is taken.
            case route
        }

        /// The place of the waiting step in its region.
        var place: Int
        var condition: Condition
    }

    struct Step: Sendable {
        enum Kind: Sendable {
            case task(TaskPlan)
            case decision(Expression)
            case parallel(region: Int, atOnce: Int)
            case loop(LoopPlan)
        }

        var id: String
        var region: Int
        /// Its place in the region.
        var place: Int
        var kind: Kind
        var weight: Double = 1
        /// Places in the region.
        var onSuccess: Int?
        var onFailure: Int?
        /// The step that follows by its place in a sequence.
        var next: Int?
        /// Whether a step that waits for its failure deals with it.
        var failureIsAwaited = false
        /// Where it stands in the document, for messages.
        var path: String
    }

    struct TaskPlan: Sendable {
        /// The configuration with the workflow's defaults.
        var template: Template
        /// The task, where nothing of it depends on an execution.
        var specification: TaskSpecification?
        /// Whether there is a task at all: a step may be an approval and nothing else.
        var hasTask: Bool = true
        var approval: Template?
        /// What undoes the step.
        var compensation: Template?
    }

    struct LoopPlan: Sendable {
        enum Source: Sendable {
            case expression(Expression)
            case template(Template)
        }

        var region: Int
        /// `nil` for a loop that goes on while a condition holds.
        var items: Source?
        var condition: Expression?
        /// Rounds at most.
        var maximum: Int
        /// Rounds at the same time.
        var atOnce: Int
    }

    let steps: [Step]
    let regions: [Region]
    let places: [String: Int]
    let policy: WorkflowFailurePolicy
    /// Task steps at the same time.
    let atOnce: Int
    /// How long an execution may take.
    let timeout: Milliseconds?
    let retryPolicy: RetryPolicy
    /// What the tasks of an execution may use together where it does not say otherwise.
    let budget: Budget
    /// Members that tasks have where their step does not say otherwise.
    let defaults: JSONObject
    /// Parameters where the execution does not say otherwise.
    let parameters: JSONObject
    let project: String?

    init(builder: WorkflowCompiler, project: String?) {
        steps = builder.steps
        regions = builder.regions
        places = builder.places
        policy = builder.policy
        atOnce = builder.atOnce
        timeout = builder.timeout
        retryPolicy = builder.retryPolicy
        budget = builder.budget
        defaults = builder.defaults
        parameters = builder.parameters
        self.project = project
    }
}
