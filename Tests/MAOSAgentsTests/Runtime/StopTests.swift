import Foundation
import MAOSAgents
import MAOSCore
import MAOSSystem
import MAOSTestSupport
import Testing

@Suite("Stopping an attempt")
struct StopTests {
    /// Waits until a process that the test's own program does not look after has gone.
    private func expectGone(_ pids: [Int32]) {
        for pid in pids { #expect(!Host.lives(pid), "\(pid) still lives") }
    }

    @Test("ends a process that listens, in one stage")
    func polite() async throws {
        let harness = try RuntimeHarness()
        let id: AttemptID = harness.start("echo ready; exec sleep 100")
        try await harness.store.wait(for: "ready", in: .task(id.task))
        let process: ProcessIdentity = try #require(try await harness.sink.process(of: id))
        harness.runtime.perform([.stopAttempt(id, .cancelled)])
        #expect(try await harness.sink.outcome(of: id) == .stopped)
        #expect(harness.sink.stages(of: id) == [.signalled])
        expectGone([process.pid])
        await harness.runtime.shutDown()
    }

    @Test("kills a process that does not listen, after the grace")
    func deaf() async throws {
        let harness = try RuntimeHarness()
        let id: AttemptID = harness.start("trap '' TERM HUP INT; echo ready; while :; do sleep 1; done")
        try await harness.store.wait(for: "ready", in: .task(id.task))
        let process: ProcessIdentity = try #require(try await harness.sink.process(of: id))
        let begin: Int64 = SystemClock.monotonicMilliseconds()
        harness.runtime.perform([.stopAttempt(id, .timeout)])
        #expect(try await harness.sink.outcome(of: id) == .stopped)
        #expect(SystemClock.monotonicMilliseconds() - begin >= 295)
        #expect(harness.sink.stages(of: id) == [.signalled, .killed])
        expectGone([process.pid])
        await harness.runtime.shutDown()
    }

    @Test("lets a process that listens finish what it has to do")
    func lastWords() async throws {
        let harness = try RuntimeHarness()
        let id: AttemptID = harness.start("trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.01; done")
        try await harness.store.wait(for: "ready", in: .task(id.task))
        harness.runtime.perform([.stopAttempt(id, .cancelled)])
        #expect(try await harness.sink.outcome(of: id) == .stopped)
        #expect(harness.output() == "ready\nbye\n")
        await harness.runtime.shutDown()
    }

    @Test(
        "reaches grandchildren wherever they went",
        arguments: [
            "sleep 100 & echo $!; wait",
            "setsid sleep 100 & echo $!; wait",
            "(setsid sh -c 'sleep 100 & echo $!; wait' &); sleep 100",
            "(setsid sh -c '(setsid sleep 100 & echo $!)' &); sleep 100",
            "setsid sh -c 'trap \"\" TERM HUP; echo $$; while :; do sleep 1; done' & wait",
        ])
    func grandchildren(line: String) async throws {
        let harness = try RuntimeHarness()
        let id: AttemptID = harness.start(line)
        try await harness.store.wait(for: "\n", in: .task(id.task))
        let members: [Int32] = Host.numbers(harness.output())
        #expect(members.count == 1 && members.allSatisfy(Host.lives))
        harness.runtime.perform([.stopAttempt(id, .cancelled)])
        #expect(try await harness.sink.outcome(of: id) == .stopped)
        expectGone(members)
        await harness.runtime.shutDown()
    }

    @Test(
        "is not needed for what a finished attempt leaves running",
        arguments: [
            "sleep 100 & echo $!",
            "sleep 100 >/dev/null 2>&1 & echo $!",
            "setsid sleep 100 >/dev/null 2>&1 & echo $!",
            "(setsid sh -c 'sleep 100 & echo $!' &); sleep 0.2",
            "nohup sh -c 'trap \"\" TERM; echo $$; while :; do sleep 1; done' 2>/dev/null & sleep 0.2",
        ])
    func leftBehind(line: String) async throws {
        let harness = try RuntimeHarness()
        let id: AttemptID = harness.start(line)
        guard case .completed = try await harness.sink.outcome(of: id) else {
            Issue.record("it did not complete")
            return
        }
        let members: [Int32] = Host.numbers(harness.output())
        #expect(members.count == 1)
        expectGone(members)
        #expect(harness.sink.stages(of: id).isEmpty)
        await harness.runtime.shutDown()
    }

    @Test("before it has started keeps it from starting")
    func beforeStart() async throws {
        let harness = try RuntimeHarness()
        let launches: [AttemptLaunch] = (1...40).map { number in
            RuntimeHarness.launch(
                TaskSpecification(kind: .code, description: "x", command: .shell("sleep 100")), id: "n\(number)")
        }
        let effects: [Effect] = launches.flatMap { launch -> [Effect] in
            [.startAttempt(launch), .stopAttempt(launch.id, .cancelled)]
        }
        harness.runtime.perform(effects)
        for launch in launches { #expect(try await harness.sink.outcome(of: launch.id) == .stopped) }
        await harness.runtime.shutDown()
    }

    @Test("asked back before it has started, an attempt is given back; one that runs, or has ended, is left alone")
    func recall() async throws {
        let harness = try RuntimeHarness()
        let waiting: AttemptLaunch = RuntimeHarness.launch(
            TaskSpecification(kind: .code, description: "x", command: .shell("sleep 100")), id: "waiting")
        let running: AttemptLaunch = RuntimeHarness.launch(
            TaskSpecification(kind: .code, description: "x", command: .shell("sleep 0.2; printf on")), id: "running")
        harness.runtime.perform([.startAttempt(running)])
        harness.runtime.perform([
            .recallAttempt(running.id), .startAttempt(waiting), .recallAttempt(waiting.id),
            .recallAttempt(AttemptID(task: TaskID(unchecked: "nobody"), number: 1)),
        ])
        #expect(try await harness.sink.outcome(of: waiting.id) == .stopped)
        #expect(try await harness.sink.outcome(of: running.id) == standardResult("on"))
        harness.runtime.perform([.recallAttempt(running.id)])
        await harness.runtime.shutDown()
    }

    @Test("of one that has ended, or never was, is answered all the same")
    func tooLate() async throws {
        let harness = try RuntimeHarness()
        _ = try await harness.run("true")
        let ended = AttemptID(task: TaskID(unchecked: "t1"), number: 1)
        let unknown = AttemptID(task: TaskID(unchecked: "nobody"), number: 3)
        harness.runtime.perform([.stopAttempt(ended, .cancelled), .stopAttempt(unknown, .cancelled)])
        #expect(try await harness.sink.outcome(of: unknown) == .stopped)
        #expect(try await harness.sink.outcome(of: ended) == standardResult(""))
        await harness.runtime.shutDown()
    }

    @Test("keeps pace with a storm of forks")
    func storm() async throws {
        let harness = try RuntimeHarness()
        // Each one starts the next in a session of its own and ends; beside them, many that stay.
        let line: String = """
            cat > chain <<'END'
            #!/bin/sh
            sleep 0.02
            setsid "$0" &
            END
            chmod +x chain; ./chain; echo ready; for i in $(seq 60); do setsid sleep 100 & done; wait
            """
        let id: AttemptID = harness.start(line)
        try await harness.store.wait(for: "ready", in: .task(id.task))
        harness.runtime.perform([.stopAttempt(id, .cancelled)])
        #expect(try await harness.sink.outcome(of: id) == .stopped)
        let marker: String = "MAOS_SUPERVISED=\(harness.instance)/"
        let rest: [Int32] = ProcessTable.all().filter {
            ProcessTable.environmentValue(of: $0, beginning: marker) != nil
        }
        #expect(rest.isEmpty)
        await harness.runtime.shutDown()
    }

    @Test("pauses: a suspended tree does nothing, goes on when it may, and can still be stopped")
    func suspend() async throws {
        let harness = try RuntimeHarness()
        let line: String = "sh -c 'while :; do echo tick; sleep 0.02; done' & echo $$; wait"
        let id: AttemptID = harness.start(line)
        try await harness.store.wait(for: "tick\ntick", in: .task(id.task))
        let root: ProcessIdentity = try #require(try await harness.sink.process(of: id))
        harness.runtime.perform([.suspendAttempt(id, true)])
        while ProcessTable.status(of: root.pid)?.state != UInt8(ascii: "T") { await Task.yield() }
        for child in ProcessTable.children(of: root.pid, threads: 1) {
            // A shell that has just forked sleeps in the kernel until its child, stopped too, has begun its program.
            let held: [UInt8?] = [UInt8(ascii: "T"), UInt8(ascii: "D")]
            while !held.contains(ProcessTable.status(of: child)?.state) { await Task.yield() }
        }
        let before: Int = harness.store.stream(.task(id.task), .stdout).total
        harness.runtime.perform([.suspendAttempt(id, false)])
        try await harness.store.streams.wait(for: "another tick") { streams in
            streams.values.contains { $0.total > before }
        }
        harness.runtime.perform([.suspendAttempt(id, true), .stopAttempt(id, .cancelled)])
        #expect(try await harness.sink.outcome(of: id) == .stopped)
        #expect(harness.sink.stages(of: id) == [.signalled])
        await harness.runtime.shutDown()
    }

    @Test("leaves no zombies, neither of roots nor of orphans")
    func zombies() async throws {
        let harness = try RuntimeHarness()
        for number in 0..<20 {
            _ = try await harness.run("(sh -c 'exit 0' &); (setsid true &); sleep 0.01 & true", id: "z\(number)")
        }
        let own: Int32 = ProcessSettings.processNumber
        let threads: [Int32] = ProcessTable.threads(of: own)
        let children: [Int32] = threads.flatMap { ProcessTable.children(ofThread: $0, in: own) ?? [] }
        // Other tests of this program have children too; none of ours is among them.
        let sessions: Set<Int32> = Set(children)
        for command in harness.sink.commands.value {
            if case .attemptStarted(_, let process?) = command { #expect(!sessions.contains(process.pid)) }
        }
        await harness.runtime.shutDown()
    }
}
