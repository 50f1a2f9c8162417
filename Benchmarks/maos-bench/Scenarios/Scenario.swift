/// Something that can be measured by itself.
enum Scenario: String, CaseIterable, Sendable {
    case get
    case create
    case noopInProcess = "noop-inprocess"
    case noopProcess = "noop-process"
    case workflow
    case engine
    case startup
    case host
    case fanout
    case sockets
    case output
    case yardsticks
    case peers

    /// Those that are measured when none is named.
    static let usual: [Scenario] = allCases.filter { $0 != .yardsticks && $0 != .peers }

    /// One line for the help.
    var summary: String {
        switch self {
        case .get: "GET of a task over HTTP with a token"
        case .create: "durable creation of tasks over HTTP"
        case .noopInProcess: "tasks without work end to end, durable, agents in the same process"
        case .noopProcess: "tasks that run /bin/true end to end through the server"
        case .workflow:
            "an execution of 1,000 steps without work in 10 layers of 100, durable, agents in the same process"
        case .engine: "the engine alone, in memory and on one thread"
        case .startup: "start until ready, and memory when idle"
        case .fanout: "events for 1,000 WebSocket subscribers"
        case .sockets: "WebSocket connections: readiness, answers, memory of 10,000 idle ones"
        case .output: "200 MB that a process prints, stored and followed"
        case .peers: "the fan-out by software of others; needs node and ws; only when named"
        case .host: "looks at the host and at 2,000 processes, once a second"
        case .yardsticks: "the yardsticks alone, without a server; only when named"
        }
    }

    /// Carries it out.
    func measure(_ options: Options) throws -> ScenarioResult {
        switch self {
        case .get: try GetScenario.measure(options)
        case .create: try CreateScenario.measure(options)
        case .noopInProcess: try NoopInProcessScenario.measure(options)
        case .noopProcess: try NoopProcessScenario.measure(options)
        case .workflow: try WorkflowScenario.measure(options)
        case .engine: try EngineScenario.measure(options)
        case .startup: try StartupScenario.measure(options)
        case .fanout: try FanoutScenario.measure(options)
        case .sockets: try SocketsScenario.measure(options)
        case .output: try OutputScenario.measure(options)
        case .host: try HostScenario.measure(options)
        case .peers: try PeerScenario.measure(options)
        case .yardsticks: try YardstickScenario.measure(options)
        }
    }
}

/// What a scenario brought.
struct ScenarioResult: Sendable {
    var scenario: Scenario
    var figures: [Figure]
}
