import MAOSAgents
import MAOSCore
import MAOSSystem
import MAOSTestSupport
import Testing

@Suite("An agent")
struct AgentTests {
    private func wait(
        _ harness: RuntimeHarness, for what: String, _ isMet: @escaping @Sendable (Command) -> Bool
    ) async throws {
        try await harness.sink.commands.wait(for: what) { $0.contains(where: isMet) }
    }

    private func startTerminal(_ harness: RuntimeHarness, _ id: String = "a1") async throws -> ProcessIdentity {
        let agent: AgentRecord = RuntimeHarness.agent(id) { $0.resident = .terminal }
        harness.runtime.perform([.startAgent(agent)])
        let all: [Command] = try await harness.sink.commands.wait(for: "start of the agent") { commands in
            commands.contains { if case .agentStarted(agent.id, _) = $0 { true } else { false } }
        }
        for case .agentStarted(agent.id, let process?) in all { return process }
        throw WaitedTooLong(description: "it has no process")
    }

    @Test("without a process of its own is ready at once, and gone at once")
    func plain() async throws {
        let harness = try RuntimeHarness()
        let agent: AgentRecord = RuntimeHarness.agent()
        harness.runtime.perform([.startAgent(agent), .stopAgent(agent.id, graceful: true)])
        try await wait(harness, for: "start") { if case .agentStarted(agent.id, nil) = $0 { true } else { false } }
        try await wait(harness, for: "stop") { if case .agentStopped(agent.id) = $0 { true } else { false } }
        await harness.runtime.shutDown()
    }

    @Test("is reported alive, all of them in one report")
    func heartbeat() async throws {
        let harness = try RuntimeHarness { $0.heartbeat = 20 }
        harness.runtime.perform([.startAgent(RuntimeHarness.agent("a1")), .startAgent(RuntimeHarness.agent("a2"))])
        try await wait(harness, for: "heartbeats") { command in
            if case .agentsAlive(let ids) = command { Set(ids.map(\.rawValue)) == ["a1", "a2"] } else { false }
        }
        await harness.runtime.shutDown()
    }

    @Test("that was given up for its silence goes on with the process it has, and never has two")
    func silence() async throws {
        let harness = try RuntimeHarness()
        let first: ProcessIdentity = try await startTerminal(harness)
        let agent: AgentRecord = RuntimeHarness.agent("a1") { $0.resident = .terminal }
        // What the engine asks for when its wait is over.
        harness.runtime.perform([.startAgent(agent)])
        let all: [Command] = try await harness.sink.commands.wait(for: "the second start of the agent") { commands in
            commands.count { if case .agentStarted(agent.id, _) = $0 { true } else { false } } == 2
        }
        let started: [ProcessIdentity?] = all.compactMap {
            if case .agentStarted(agent.id, let process) = $0 { .some(process) } else { nil }
        }
        #expect(started == [first, first])
        #expect(await harness.runtime.type(Array("echo still=$((40 + 2))\n".utf8), to: agent.id))
        try await harness.store.wait(for: "still=42", in: .agent(agent.id), .terminal)
        harness.runtime.perform([.stopAgent(agent.id, graceful: true)])
        try await wait(harness, for: "stop") { if case .agentStopped(agent.id) = $0 { true } else { false } }
        #expect(!Host.lives(first.pid))
        await harness.runtime.shutDown()
    }

    @Test("with a terminal is a shell where no runner says otherwise, and takes what is typed")
    func terminal() async throws {
        let harness = try RuntimeHarness()
        let process: ProcessIdentity = try await startTerminal(harness)
        let agent = AgentID(unchecked: "a1")
        harness.runtime.resize(agent, to: TerminalSize(columns: 101, rows: 33))
        #expect(await harness.runtime.type(Array("tty; stty size; echo sum=$((40 + 2)) >&2\n".utf8), to: agent))
        try await harness.store.wait(for: "sum=42", in: .agent(agent), .terminal)
        let text: String = harness.store.stream(.agent(agent), .terminal).text
        #expect(text.contains("/dev/pts/"))
        #expect(text.contains("33 101"))
        // The terminal echoes.
        #expect(text.contains("echo sum=$((40 + 2))"))
        harness.runtime.perform([.stopAgent(agent, graceful: true)])
        try await wait(harness, for: "stop") { if case .agentStopped(agent) = $0 { true } else { false } }
        #expect(!Host.lives(process.pid))
        #expect(await !harness.runtime.type([10], to: agent))
        await harness.runtime.shutDown()
    }

    private func startConversation(_ harness: RuntimeHarness) async throws -> ProcessIdentity {
        let agent: AgentRecord = RuntimeHarness.agent {
            $0.resident = .conversation
            $0.model = "claude-3-opus"
        }
        harness.runtime.perform([.startAgent(agent)])
        let all: [Command] = try await harness.sink.commands.wait(for: "start of the agent") { commands in
            commands.contains { if case .agentStarted(agent.id, _) = $0 { true } else { false } }
        }
        for case .agentStarted(agent.id, let process?) in all { return process }
        throw WaitedTooLong(description: "it has no process")
    }

    @Test("that is talked to is a shell by default, without echo, with its streams apart, and takes long lines whole")
    func conversation() async throws {
        let harness = try RuntimeHarness()
        let process: ProcessIdentity = try await startConversation(harness)
        let agent = AgentID(unchecked: "a1")
        let long = String(repeating: "x", count: 20_000)
        #expect(await harness.runtime.type(Array("echo wrong >&2; test -t 0 && echo terminal\n".utf8), to: agent))
        try await harness.store.wait(for: "terminal\n", in: .agent(agent), .stdout)
        try await harness.store.wait(for: "wrong\n", in: .agent(agent), .stderr)
        #expect(await harness.runtime.type(Array("x=\(long); echo ${#x}\n".utf8), to: agent))
        try await harness.store.wait(for: "20000\n", in: .agent(agent), .stdout)
        let text: String = harness.store.stream(.agent(agent), .stdout).text
        #expect(text == "terminal\n20000\n")
        harness.runtime.perform([.stopAgent(agent, graceful: true)])
        try await wait(harness, for: "stop") { if case .agentStopped(agent) = $0 { true } else { false } }
        #expect(!Host.lives(process.pid))
        await harness.runtime.shutDown()
    }

    @Test("that is talked to goes by its model's runner, and has a grace of its own when it is to end")
    func conversationRunner() async throws {
        let line: String = "trap '' TERM HUP; echo model={model}; while :; do read line; echo \"got $line\"; done"
        let runners = [
            "claude-3-opus": RunnerConfiguration(interactive: ["/bin/sh", "-c", line]),
            "coder": RunnerConfiguration(interactive: ["/bin/false"]),
        ]
        let harness = try RuntimeHarness(runners: runners) {
            $0.grace = 60_000
            $0.conversationGrace = 50
        }
        let process: ProcessIdentity = try await startConversation(harness)
        let agent = AgentID(unchecked: "a1")
        try await harness.store.wait(for: "model=claude-3-opus\n", in: .agent(agent), .stdout)
        harness.runtime.perform([.stopAgent(agent, graceful: true)])
        try await wait(harness, for: "stop") { if case .agentStopped(agent) = $0 { true } else { false } }
        #expect(!Host.lives(process.pid))
        await harness.runtime.shutDown()
    }

    @Test("halts with everything that its process has started, and goes on")
    func suspended() async throws {
        let harness = try RuntimeHarness()
        let process: ProcessIdentity = try await startConversation(harness)
        let agent = AgentID(unchecked: "a1")
        #expect(await harness.runtime.type(Array("sh -c 'echo $$; exec sleep 100' &\n".utf8), to: agent))
        try await harness.store.wait(for: "\n", in: .agent(agent), .stdout)
        let child: Int32 = try #require(Host.numbers(harness.store.stream(.agent(agent), .stdout).text).first)
        harness.runtime.perform([.suspendAgent(agent, true)])
        for pid in [process.pid, child] {
            while ProcessTable.status(of: pid)?.state != UInt8(ascii: "T") { await Task.yield() }
        }
        harness.runtime.perform([.suspendAgent(agent, false)])
        #expect(await harness.runtime.type(Array("echo again\n".utf8), to: agent))
        try await harness.store.wait(for: "again", in: .agent(agent), .stdout)
        harness.runtime.perform([.suspendAgent(agent, true), .stopAgent(agent, graceful: true)])
        try await wait(harness, for: "stop") { if case .agentStopped(agent) = $0 { true } else { false } }
        for pid in [process.pid, child] { #expect(!Host.lives(pid)) }
        await harness.runtime.shutDown()
    }

    @Test("that is a shell runs what is addressed to it with a shell")
    func addressed() async throws {
        let harness = try RuntimeHarness()
        let agent: AgentRecord = RuntimeHarness.agent { $0.resident = .conversation }
        var task = TaskSpecification(kind: .code, description: "echo $((40 + 2))")
        task.agent = agent.id
        let id: AttemptID = harness.start(task, agent: agent)
        #expect(try await harness.sink.outcome(of: id) == standardResult("42\n"))
        await harness.runtime.shutDown()
    }

    @Test("whose process ends by itself has crashed, for a reason")
    func crash() async throws {
        let runner = RunnerConfiguration(interactive: ["/bin/sh", "-c", "echo started; read line; exit 3"])
        let harness = try RuntimeHarness(runners: ["coder": runner])
        _ = try await startTerminal(harness)
        let agent = AgentID(unchecked: "a1")
        try await harness.store.wait(for: "started", in: .agent(agent), .terminal)
        #expect(await harness.runtime.type([10], to: agent))
        try await wait(harness, for: "crash") { command in
            if case .agentCrashed(agent, "exited with code 3") = command { true } else { false }
        }
        // It may be started again.
        _ = try await startTerminal(harness)
        await harness.runtime.shutDown()
    }

    @Test("is typed to no faster than it reads, and says what became of the rest when it ends")
    func typingAhead() async throws {
        // Without a line discipline that throws away what is too long, a terminal that is not read from fills up.
        let script: String = "stty raw -echo; echo ready; read line; exec wc -c"
        let harness = try RuntimeHarness(runners: [
            "coder": RunnerConfiguration(interactive: ["/bin/sh", "-c", script])
        ])
        let ends = Watched<[Int]>([])
        harness.runtime.whenResidentEnds { _, code in ends.change { $0.append(code) } }
        let process: ProcessIdentity = try await startTerminal(harness)
        let agent = AgentID(unchecked: "a1")
        try await harness.store.wait(for: "ready", in: .agent(agent), .terminal)
        _ = Signals.send(Signals.suspend, to: process.pid)
        let answers = Watched<[Typing]>([])
        let line: [UInt8] = Array("x\n".utf8)
        harness.runtime.feed(line, to: agent) { answer in answers.change { $0.append(answer) } }
        _ = try await answers.wait(for: "the line") { $0 == [.taken] }
        let much = [UInt8](repeating: 0x61, count: 600_000)
        harness.runtime.feed(much, to: agent) { answer in answers.change { $0.append(answer) } }
        harness.runtime.feed(much, to: agent) { answer in answers.change { $0.append(answer) } }
        // The first is under way, and leaves no room for another.
        _ = try await answers.wait(for: "a refusal") { $0 == [.taken, .full] }
        _ = Signals.send(Signals.resume, to: process.pid)
        _ = try await answers.wait(for: "the rest") { $0 == [.taken, .full, .taken] }
        _ = Signals.send(Signals.suspend, to: process.pid)
        harness.runtime.feed(much, to: agent) { answer in answers.change { $0.append(answer) } }
        _ = Signals.send(Signals.kill, to: process.pid)
        _ = try await answers.wait(for: "the end") { $0.last == .noProcess }
        _ = try await ends.wait(for: "the code") { $0 == [137] }
        harness.runtime.feed(line, to: agent) { answer in answers.change { $0.append(answer) } }
        _ = try await answers.wait(for: "the answer") { $0.count == 5 && $0.last == .noProcess }
        await harness.runtime.shutDown()
    }

    @Test("tells the code of its process after the last of its output", arguments: [0, 3, 255])
    func exitCode(_ code: Int) async throws {
        let runner = RunnerConfiguration(interactive: ["/bin/sh", "-c", "echo last words; exit \(code)"])
        let harness = try RuntimeHarness(runners: ["coder": runner])
        let agent = AgentID(unchecked: "a1")
        let ends = Watched<[String]>([])
        harness.runtime.whenResidentEnds { [store = harness.store] agent, code in
            let text: String = store.stream(.agent(agent), .terminal).text
            ends.change { $0.append("\(agent) \(code) \(text.contains("last words"))") }
        }
        harness.runtime.perform([.startAgent(RuntimeHarness.agent { $0.resident = .terminal })])
        _ = try await ends.wait(for: "the code") { $0 == ["\(agent) \(code) true"] }
        await harness.runtime.shutDown()
    }

    @Test("may close its terminal and live on")
    func closedTerminal() async throws {
        let script: String = "exec </dev/null >/dev/null 2>&1; sleep 0.2; echo back >/dev/tty; sleep 0.1; exit 5"
        let harness = try RuntimeHarness(runners: [
            "coder": RunnerConfiguration(interactive: ["/bin/sh", "-c", script])
        ])
        _ = try await startTerminal(harness)
        try await wait(harness, for: "crash") { command in
            if case .agentCrashed(_, "exited with code 5") = command { true } else { false }
        }
        #expect(harness.store.stream(.agent(AgentID(unchecked: "a1")), .terminal).text.contains("back"))
        await harness.runtime.shutDown()
    }

    @Test("whose process cannot be started has crashed, and says which program")
    func notStarted() async throws {
        let harness = try RuntimeHarness(runners: ["*": RunnerConfiguration(interactive: ["no-such-agent"])])
        harness.runtime.perform([.startAgent(RuntimeHarness.agent { $0.resident = .terminal })])
        try await wait(harness, for: "crash") { command in
            guard case .agentCrashed(_, let reason) = command else { return false }
            return reason == "could not start no-such-agent: No such file or directory"
        }
        await harness.runtime.shutDown()
    }

    @Test("is gone only when its attempts are, and takes them along when it is forced")
    func forced() async throws {
        let harness = try RuntimeHarness()
        let id: AttemptID = harness.start("echo ready; sleep 100")
        try await harness.store.wait(for: "ready", in: .task(id.task))
        harness.runtime.perform([.stopAgent(AgentID(unchecked: "a1"), graceful: false)])
        let all: [Command] = try await harness.sink.commands.wait(for: "stop") { commands in
            commands.contains { if case .agentStopped = $0 { true } else { false } }
        }
        let ended: Int = try #require(all.firstIndex { $0.endedAttempt == id })
        let stopped: Int = try #require(all.firstIndex { if case .agentStopped = $0 { true } else { false } })
        #expect(ended < stopped)
        await harness.runtime.shutDown()
    }

    @Test("ends with the server's orderly stop, attempts and background processes too")
    func shutDown() async throws {
        let harness = try RuntimeHarness()
        let process: ProcessIdentity = try await startTerminal(harness)
        let id: AttemptID = harness.start("setsid sleep 100 & echo $!; trap '' TERM; while :; do sleep 1; done")
        try await harness.store.wait(for: "\n", in: .task(id.task))
        await harness.runtime.shutDown()
        #expect(try await harness.sink.outcome(of: id) == .stopped)
        for pid in Host.numbers(harness.output()) + [process.pid] { #expect(!Host.lives(pid)) }
    }
}
