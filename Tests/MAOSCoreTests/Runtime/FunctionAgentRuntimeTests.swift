import MAOSCore
import MAOSTestSupport
import Testing

@Suite("A runtime of functions")
struct FunctionAgentRuntimeTests {
    private func launch(_ id: String) -> AttemptLaunch {
        let now = Instant(milliseconds: 1_700_000_000_000)
        let task = TaskRecord(
            id: TaskID(unchecked: id), number: 1,
            specification: TaskSpecification(kind: .code, description: "x"), owner: "o", team: nil, createdAt: now,
            state: TaskState(status: .assigned, priority: .medium, updatedAt: now))
        let agent = AgentRecord(
            id: AgentID(unchecked: "a1"), number: 1, origin: .spawned, owner: "o", createdAt: now,
            specification: AgentSpecification(type: .coder), state: AgentState(status: .ready, at: now))
        return AttemptLaunch(id: AttemptID(task: task.id, number: 1), task: task, agent: agent)
    }

    @Test("calls the function for each attempt and reports what it returns, starts before ends")
    func outcomes() async throws {
        let sink = RecordingReportSink()
        let runtime = FunctionAgentRuntime(time: HostClock()) { attempt in
            attempt.report(progress: 0.5, step: "half")
            return attempt.launch.id.task.rawValue.hasSuffix("3")
                ? .failed(TaskFailure(.execution, "no threes")) : .completed(result: JSONText(3))
        }
        runtime.connect(sink)
        let launches: [AttemptLaunch] = (0..<1_000).map { launch("t\($0)") }
        runtime.perform(launches.map { .startAttempt($0) })
        for launch in launches {
            let expected: AttemptOutcome =
                launch.id.task.rawValue.hasSuffix("3")
                ? .failed(TaskFailure(.execution, "no threes")) : .completed(result: JSONText(3))
            #expect(try await sink.outcome(of: launch.id) == expected)
        }
        #expect(sink.progress(of: launches[0].id) == [0.5])
        var started: Set<AttemptID> = []
        var ended: Set<AttemptID> = []
        for command in sink.commands.value {
            switch command {
            case .attemptStarted(let id, _): started.insert(id)
            case .attemptEnded(let id, _, _):
                #expect(started.contains(id))
                #expect(ended.insert(id).inserted)
            default: break
            }
        }
        #expect(ended.count == 1_000)
        #expect(sink.batches.value < 3_000)
    }

    @Test("cancels a function whose attempt is to stop, whatever it returns then")
    func stop() async throws {
        let sink = RecordingReportSink()
        let runtime = FunctionAgentRuntime(time: HostClock()) { _ in
            try? await Task.sleep(for: .seconds(100))
            return .completed(result: nil)
        }
        runtime.connect(sink)
        let launch: AttemptLaunch = launch("t1")
        let unknown = AttemptID(task: TaskID(unchecked: "t2"), number: 1)
        runtime.perform([.startAttempt(launch), .suspendAttempt(launch.id, true), .stopAttempt(launch.id, .cancelled)])
        #expect(try await sink.outcome(of: launch.id) == .stopped)
        runtime.perform([.stopAttempt(unknown, .cancelled)])
        #expect(try await sink.outcome(of: unknown) == .stopped)
    }

    @Test("has agents that are ready at once, are reported alive, and stop at once")
    func agents() async throws {
        let sink = RecordingReportSink()
        let runtime = FunctionAgentRuntime(time: HostClock(), heartbeat: 5) { _ in .stopped }
        runtime.connect(sink)
        let agent: AgentRecord = launch("t").agent
        runtime.perform([.startAgent(agent)])
        try await sink.commands.wait(for: "heartbeat") { commands in
            commands.contains { if case .agentsAlive([agent.id]) = $0 { true } else { false } }
        }
        runtime.perform([.stopAgent(agent.id, graceful: true)])
        try await sink.commands.wait(for: "stop") { commands in
            commands.contains { if case .agentStopped(agent.id) = $0 { true } else { false } }
        }
    }
}
