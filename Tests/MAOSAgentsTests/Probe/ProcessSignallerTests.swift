import Foundation
import MAOSAgents
import MAOSCore
import MAOSSystem
import MAOSTestSupport
import Testing

/// Signals that clients have sent to processes.
@Suite("Signals for clients") struct ProcessSignallerTests {
    private static func monitor(_ harness: RuntimeHarness) -> HostMonitor {
        HostMonitor(disk: harness.folder.path, runtime: harness.runtime, thresholds: ResourceThresholds())
    }

    private static func identity(_ pid: Int32) throws -> ProcessIdentity {
        ProcessIdentity(pid: pid, startTicks: try #require(ProcessTable.status(of: pid)).startTicks)
    }

    /// A process that was not started by a runtime, with the given first argument.
    private static func foreign(_ name: String) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments = ["-c", "exec -a \(name) sleep 1000"]
        try process.run()
        let expected: [UInt8] = Array("\(name)\u{0}1000\u{0}".utf8)
        while ProcessTable.arguments(of: process.processIdentifier) != expected { sched_yield() }
        return process
    }

    @Test("a process that was started here is signalled, and its end is waited for [OC-REQ-47]")
    func supervised() async throws {
        let harness = try RuntimeHarness()
        let monitor: HostMonitor = ProcessSignallerTests.monitor(harness)
        let id: AttemptID = harness.start("exec sleep 1000")
        let process: ProcessIdentity = try #require(await harness.sink.process(of: id))
        #expect(await monitor.signal(process, .terminate, allowsForeign: false) == .ended)
        #expect(
            try await harness.sink.outcome(of: id) == .failed(TaskFailure(.execution, "killed by SIGTERM")))
        #expect(await monitor.signal(process, .kill, allowsForeign: false) == .notFound)
        await harness.runtime.shutDown()
    }

    @Test("what does not end within 5 seconds goes on [OC-REQ-47]")
    func deaf() async throws {
        let harness = try RuntimeHarness()
        let monitor: HostMonitor = ProcessSignallerTests.monitor(harness)
        let id: AttemptID = harness.start("trap '' TERM; echo ready; while :; do sleep 1000; done")
        try await harness.store.wait(for: "ready", in: .task(id.task))
        let process: ProcessIdentity = try #require(await harness.sink.process(of: id))
        #expect(await monitor.signal(process, .terminate, allowsForeign: false) == .stillRunning)
        #expect(Host.lives(process.pid))
        await harness.runtime.shutDown()
    }

    @Test("a descendant is signalled by itself")
    func descendant() async throws {
        let harness = try RuntimeHarness()
        let monitor: HostMonitor = ProcessSignallerTests.monitor(harness)
        let id: AttemptID = harness.start("setsid sleep 1000 & echo $!; wait; echo done")
        try await harness.store.wait(for: "\n", in: .task(id.task))
        let child: Int32 = try #require(Host.numbers(harness.output()).first)
        #expect(await monitor.signal(try ProcessSignallerTests.identity(child), .kill, allowsForeign: false) == .ended)
        #expect(try await harness.sink.outcome(of: id) == standardResult("\(child)\ndone\n"))
        await harness.runtime.shutDown()
    }

    @Test(
        "what was not started here is left alone, unless that is allowed and it is a program that clients ask for [OC-REQ-48]"
    )
    func foreign() async throws {
        let harness = try RuntimeHarness()
        let monitor: HostMonitor = ProcessSignallerTests.monitor(harness)
        let claude: Process = try ProcessSignallerTests.foreign("claude")
        let other: Process = try ProcessSignallerTests.foreign("other")
        // They were started with the signals blocked that this program blocks.
        defer { for process in [claude, other] where process.isRunning { kill(process.processIdentifier, SIGKILL) } }
        let identity: ProcessIdentity = try ProcessSignallerTests.identity(claude.processIdentifier)
        #expect(await monitor.signal(identity, .kill, allowsForeign: false) == .forbidden)
        let another: ProcessIdentity = try ProcessSignallerTests.identity(other.processIdentifier)
        #expect(await monitor.signal(another, .kill, allowsForeign: true) == .forbidden)
        #expect(claude.isRunning && other.isRunning)
        #expect(await monitor.signal(identity, .kill, allowsForeign: true) == .ended)
        await harness.runtime.shutDown()
    }

    @Test("neither the server nor the first process nor a number that is none is ever signalled")
    func never() async throws {
        let harness = try RuntimeHarness()
        let monitor: HostMonitor = ProcessSignallerTests.monitor(harness)
        for pid: Int32 in [getpid(), 1, 0, -1, -5] {
            let process = ProcessIdentity(pid: pid, startTicks: ProcessTable.status(of: pid)?.startTicks ?? 0)
            #expect(await monitor.signal(process, .kill, allowsForeign: true) == .forbidden)
        }
        #expect(
            await monitor.signal(ProcessIdentity(pid: 4_000_000, startTicks: 1), .kill, allowsForeign: true)
                == .notFound)
        await harness.runtime.shutDown()
    }

    @Test("a later process with the same number is not signalled")
    func reused() async throws {
        let harness = try RuntimeHarness()
        let monitor: HostMonitor = ProcessSignallerTests.monitor(harness)
        let id: AttemptID = harness.start("exec sleep 1000")
        var process: ProcessIdentity = try #require(await harness.sink.process(of: id))
        process.startTicks -= 1
        #expect(await monitor.signal(process, .kill, allowsForeign: true) == .notFound)
        #expect(Host.lives(process.pid))
        await harness.runtime.shutDown()
    }

    @Test("details are looked up for what is there")
    func details() async throws {
        let harness = try RuntimeHarness()
        let monitor: HostMonitor = ProcessSignallerTests.monitor(harness)
        let own: ProcessIdentity = try ProcessSignallerTests.identity(getpid())
        let gone = ProcessIdentity(pid: own.pid, startTicks: own.startTicks + 1)
        let socket: Descriptor = try Socket.listen(on: SocketAddress(.loopback4, port: 0))
        let found: [ProcessIdentity: ProcessDetails] = monitor.details(of: [own, gone])
        #expect(found.count == 1)
        let details: ProcessDetails = try #require(found[own])
        #expect(details.workingDirectory == FileManager.default.currentDirectoryPath)
        #expect((details.openFiles ?? 0) > 3 && (details.connections ?? 0) >= 1)
        #expect(socket.number > 0)
        await harness.runtime.shutDown()
    }
}
