import MAOSCore

/// One part of what the server does, as the simulation plays and checks it: what clients and the world do to it, what it
/// must have come to, and what is true of it at any time.
///
/// A domain may keep a model of its own, made from what has become durable. It draws all that is random from the world, and
/// never iterates over a table whose order differs between runs.
protocol SimulatedDomain: SendableMetatype {
    /// Sets up the part for a seed: some of its actions may be off, others frequent.
    init(_ configuration: inout EngineConfiguration, _ random: inout SeededRandom)

    /// How often each of its actions comes, beside those of the other domains; the same throughout a run.
    var weights: [Int] { get }

    /// Does one of them.
    mutating func act(_ action: Int, in world: inout World)

    /// Sees a batch that has become durable; the world's chronicle does not have it yet.
    mutating func see(_ batch: Batch, in world: inout World) throws(BrokenPromise)

    /// Sees what the world is asked for, just before it is done.
    mutating func see(_ effects: [Effect], in world: World) throws(BrokenPromise)

    /// Sees the answer to a command.
    mutating func see(
        _ answer: Result<Reply, Rejection>, to sent: World.Sent, in world: inout World
    ) throws(BrokenPromise)

    /// Sees that a server has begun anew.
    mutating func restarted(in world: World)

    /// Checks what is true between any two turns of a server that can store what it decides.
    func check(_ world: World) throws(BrokenPromise)

    /// Does what brings everything to its end: called again and again when nothing breaks any more.
    mutating func calmDown(in world: inout World)

    /// What has not come to its end yet; `nil` when everything has.
    func unfinished(in world: World) -> String?
}

extension SimulatedDomain {
    mutating func see(_ batch: Batch, in world: inout World) throws(BrokenPromise) {}
    mutating func see(_ effects: [Effect], in world: World) throws(BrokenPromise) {}
    mutating func see(
        _ answer: Result<Reply, Rejection>, to sent: World.Sent, in world: inout World
    ) throws(BrokenPromise) {}
    mutating func restarted(in world: World) {}
    func check(_ world: World) throws(BrokenPromise) {}
    mutating func calmDown(in world: inout World) {}
    func unfinished(in world: World) -> String? { nil }

    /// Weights of so many actions: some off, the others unevenly frequent.
    static func someWeights(_ count: Int, upTo bound: Int, _ random: inout SeededRandom) -> [Int] {
        (0..<count).map { _ in random.chance(in: 6) ? 0 : 1 + random.number(below: bound) }
    }
}

/// The parts that a simulation has, in the order in which they act and look.
enum Domains {
    static let all: [any SimulatedDomain.Type] = [
        ServerDomain.self, TaskDomain.self, AgentDomain.self, BudgetDomain.self, DeadLetterDomain.self,
        ScheduleDomain.self, WorkflowDomain.self, ResourceDomain.self, PoolDomain.self, LearningDomain.self,
        CoordinationDomain.self, TaskScheduleDomain.self, ExecutionBudgetDomain.self, ExecutionProgressDomain.self,
    ]
}
