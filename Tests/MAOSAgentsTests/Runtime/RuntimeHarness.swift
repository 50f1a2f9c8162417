import Foundation
import MAOSAgents
import MAOSCore
import MAOSSystem
import MAOSTestSupport
import Testing

/// A runtime with everything it needs, in a folder of its own.
struct RuntimeHarness {
    let folder: TemporaryFolder
    let sink = RecordingReportSink()
    let store: RecordingOutputStore
    let runtime: ProcessAgentRuntime
    let instance: String

    init(
        store: RecordingOutputStore = RecordingOutputStore(), runners: [String: RunnerConfiguration] = [:],
        change: (inout ProcessAgentConfiguration) -> Void = { _ in }
    ) throws {
        OrphanReaper.start()
        folder = try TemporaryFolder()
        self.store = store
        instance = UUID().uuidString
        var configuration = ProcessAgentConfiguration(
            dataFolder: folder.path, instance: instance, runners: RunnerTable(runners), url: "http://localhost:7400",
            makeToken: { launch in "token-of-\(launch.id.task)" })
        configuration.grace = 300
        change(&configuration)
        runtime = try ProcessAgentRuntime(configuration, output: store, time: HostClock())
        runtime.connect(sink)
    }

    /// Starts an attempt that runs a line of shell.
    @discardableResult
    func start(_ line: String, id: String = "t1", change: (inout TaskSpecification) -> Void = { _ in }) -> AttemptID {
        var task = TaskSpecification(kind: .code, description: "Say hello", command: .shell(line))
        change(&task)
        return start(task, id: id)
    }

    /// Starts an attempt at a task.
    @discardableResult
    func start(
        _ task: TaskSpecification, id: String = "t1", number: Int = 1, agent: AgentRecord = RuntimeHarness.agent(),
        inputs: [AttemptInput] = []
    ) -> AttemptID {
        let launch: AttemptLaunch = RuntimeHarness.launch(task, id: id, number: number, agent: agent, inputs: inputs)
        runtime.perform([.startAttempt(launch)])
        return launch.id
    }

    /// Starts an attempt and waits for its end.
    func run(
        _ line: String, id: String = "t1", change: (inout TaskSpecification) -> Void = { _ in }
    ) async throws -> AttemptOutcome {
        try await sink.outcome(of: start(line, id: id, change: change))
    }

    /// What a task printed.
    func output(_ id: String = "t1", _ stream: MAOSCore.OutputStream = .stdout) -> String {
        store.text(of: TaskID(unchecked: id), stream)
    }

    static func launch(
        _ task: TaskSpecification, id: String, number: Int = 1, agent: AgentRecord = RuntimeHarness.agent(),
        inputs: [AttemptInput] = []
    ) -> AttemptLaunch {
        let now = Instant(milliseconds: 1_700_000_000_000)
        let identifier = TaskID(unchecked: id)
        let record = TaskRecord(
            id: identifier, number: 1, specification: task, owner: "somebody", team: nil, createdAt: now,
            state: TaskState(status: .assigned, priority: .medium, updatedAt: now))
        return AttemptLaunch(
            id: AttemptID(task: identifier, number: number), task: record, agent: agent, inputs: inputs)
    }

    static func agent(
        _ id: String = "a1", change: (inout AgentSpecification) -> Void = { _ in }
    ) -> AgentRecord {
        let now = Instant(milliseconds: 1_700_000_000_000)
        var specification = AgentSpecification(type: .coder)
        change(&specification)
        return AgentRecord(
            id: AgentID(unchecked: id), number: 1, origin: .spawned, owner: "somebody", createdAt: now,
            specification: specification, state: AgentState(status: .ready, at: now))
    }
}

/// Looks at the host's processes.
enum Host {
    /// Whether a process lives; one that has ended and was not waited for does not.
    static func lives(_ pid: Int32) -> Bool {
        ProcessTable.status(of: pid).map { !$0.isDead } ?? false
    }

    /// The numbers that a text holds, one a line.
    static func numbers(_ text: String) -> [Int32] {
        text.split(separator: "\n").compactMap { Int32($0.trimmingCharacters(in: .whitespaces)) }
    }
}

/// A result as the runtime makes it from standard output.
func standardResult(_ text: String) -> AttemptOutcome {
    .completed(result: JSONText(["exitCode": 0, "stdout": .string(text)]))
}
