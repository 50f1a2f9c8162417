import Foundation
import MAOSAgents
import MAOSCore
import MAOSSystem
import MAOSTestSupport
import Testing

/// Runs in a process of its own: starts attempts, says which processes they are, and waits to be killed.
private func playKilledServer(data: String, instance: String, line: String, announce: String) async throws {
    var configuration = ProcessAgentConfiguration(dataFolder: data, instance: instance)
    configuration.isExclusive = true
    let store = RecordingOutputStore()
    let sink = RecordingReportSink()
    let runtime = try ProcessAgentRuntime(configuration, output: store, time: HostClock())
    runtime.connect(sink)
    let task = TaskSpecification(kind: .code, description: "x", command: .shell(line))
    let launch: AttemptLaunch = RuntimeHarness.launch(task, id: "t1")
    runtime.perform([.startAttempt(launch)])
    try await store.wait(for: "ready", in: .task(launch.id.task))
    let process: ProcessIdentity = try #require(try await sink.process(of: launch.id))
    let text: String = "\(process.pid) \(process.startTicks)\n" + store.text(of: launch.id.task)
    try text.write(toFile: announce, atomically: true, encoding: .utf8)
    Signals.send(Signals.kill, to: ProcessSettings.processNumber)
}

@Suite("What a killed server left")
struct LeftoversTests {
    private struct Scene {
        let folder: TemporaryFolder
        let instance: String
        let root: ProcessIdentity
        let members: [Int32]
    }

    /// Plays a server that is killed while a task runs a line of shell, which prints process numbers and `ready`.
    private func scene(_ line: String) async throws -> Scene {
        OrphanReaper.start()
        let folder = try TemporaryFolder()
        let (data, instance, announce): (String, String, String) = (
            folder.path, UUID().uuidString, "\(folder.path)/announced"
        )
        await #expect(processExitsWith: .signal(SIGKILL)) {
            [data = data as String, instance = instance as String, line = line as String, announce = announce as String]
            in
            try await playKilledServer(data: data, instance: instance, line: line, announce: announce)
        }
        let lines: [Substring] = try String(contentsOfFile: announce, encoding: .utf8).split(separator: "\n")
        let words: [Substring] = try #require(lines.first).split(separator: " ")
        let root = ProcessIdentity(
            pid: try #require(Int32(words[0])), startTicks: try #require(UInt64(words[1])))
        return Scene(
            folder: folder, instance: instance, root: root, members: lines.dropFirst().compactMap { Int32($0) })
    }

    @Test(
        "is found and ended, wherever it went",
        arguments: [
            "sleep 100 & echo $!; echo ready; wait",
            "setsid sleep 100 & echo $!; echo ready; wait",
            "(setsid sh -c 'trap \"\" TERM HUP; echo $$; echo ready; while :; do sleep 1; done' &); sleep 100",
            "env -i sleep 100 & echo $!; echo ready; wait",
            "setsid sh -c 'env -i sleep 100 & echo $!; sleep 100' & sleep 0.1; echo ready; wait",
        ])
    func isEnded(line: String) async throws {
        let scene: Scene = try await scene(line)
        #expect(scene.members.count == 1)
        #expect(scene.members.allSatisfy(Host.lives))
        let outcome: Leftovers.Outcome = Leftovers.end(
            recorded: [scene.root], instance: scene.instance, dataFolder: scene.folder.path)
        #expect(outcome.ended >= 1)
        #expect(outcome.remaining.isEmpty)
        for pid in scene.members + [scene.root.pid] { #expect(!Host.lives(pid)) }
    }

    @Test("is found by its mark alone, when nothing was recorded")
    func unrecorded() async throws {
        let scene: Scene = try await scene("setsid sleep 100 & echo $!; echo ready; wait")
        let outcome: Leftovers.Outcome = Leftovers.end(
            recorded: [], instance: scene.instance, dataFolder: scene.folder.path)
        #expect(outcome.ended >= 1)
        for pid in scene.members { #expect(!Host.lives(pid)) }
    }

    @Test("is not what another server left, and not a process that took over a number")
    func others() async throws {
        let scene: Scene = try await scene("setsid sleep 100 & echo $!; echo ready; wait")
        let folder = try TemporaryFolder()
        let member: Int32 = try #require(scene.members.first)
        let status: ProcessStatus = try #require(ProcessTable.status(of: member))
        let later = ProcessIdentity(pid: member, startTicks: status.startTicks + 1)
        let outcome: Leftovers.Outcome = Leftovers.end(
            recorded: [later], instance: UUID().uuidString, dataFolder: folder.path)
        #expect(outcome == Leftovers.end(recorded: [], instance: "nobody", dataFolder: folder.path))
        #expect(outcome.ended == 0)
        #expect(Host.lives(member))
        let exact = ProcessIdentity(pid: member, startTicks: status.startTicks)
        #expect(Leftovers.end(recorded: [exact], instance: "nobody", dataFolder: folder.path).ended == 1)
        #expect(!Host.lives(member))
    }

    @Test("costs next to nothing where there is nothing")
    func nothing() throws {
        let folder = try TemporaryFolder()
        var best: Int64 = .max
        for _ in 0..<5 {
            let begin: Int64 = SystemClock.monotonicNanoseconds()
            _ = Leftovers.end(
                recorded: [ProcessIdentity(pid: 999_999, startTicks: 1)], instance: "nobody", dataFolder: folder.path)
            best = min(best, SystemClock.monotonicNanoseconds() - begin)
        }
        // A few milliseconds on a machine that is not busy with tests.
        #expect(best < 1_000_000_000, "\(best / 1_000) µs")
    }
}

@Suite("A server that alone starts processes")
struct ExclusiveSupervisionTests {
    @Test("ends descendants that hide every trace, and leaves no zombies")
    func hidden() async throws {
        OrphanReaper.start()
        await #expect(processExitsWith: .success) {
            let harness = try RuntimeHarness { $0.isExclusive = true }
            // The daemon's parent is gone, and so are its environment and session; only one attempt can be its origin.
            let line: String = "(setsid env -i /bin/sh -c 'setsid /bin/sleep 100 & echo $!' &); sleep 0.3; echo done"
            let outcome: AttemptOutcome = try await harness.run(line)
            guard case .completed = outcome else { fatalError("\(outcome)") }
            let members: [Int32] = Host.numbers(harness.output())
            guard members.count == 1, !Host.lives(members[0]) else { fatalError("\(members) live") }
            await harness.runtime.shutDown()
            let own: Int32 = ProcessSettings.processNumber
            let children: [Int32] = ProcessTable.threads(of: own).flatMap {
                ProcessTable.children(ofThread: $0, in: own) ?? []
            }
            guard children.isEmpty else { fatalError("children are left: \(children)") }
        }
    }

    @Test("ends a hidden descendant with the last attempt that may have started it")
    func ambiguous() async throws {
        OrphanReaper.start()
        await #expect(processExitsWith: .success) {
            let harness = try RuntimeHarness { $0.isExclusive = true }
            let other: AttemptID = harness.start("echo up; read x < fifo; echo finished", id: "other")
            try await harness.store.wait(for: "up", in: .task(other.task))
            let line: String = "(setsid env -i /bin/sh -c 'setsid /bin/sleep 100 & echo $!' &); sleep 0.6; echo done"
            _ = try await harness.run(line)
            guard let member: Int32 = Host.numbers(harness.output()).first else { fatalError("none") }
            harness.runtime.perform([.stopAttempt(other, .cancelled)])
            _ = try await harness.sink.outcome(of: other)
            await harness.runtime.shutDown()
            guard !Host.lives(member) else { fatalError("\(member) lives") }
        }
    }
}
