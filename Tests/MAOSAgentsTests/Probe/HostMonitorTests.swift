import Glibc
import MAOSAgents
import MAOSCore
import MAOSSystem
import MAOSTestSupport
import Testing

/// Looks of a server at its own processes.
@Suite("The monitor of the host") struct HostMonitorTests {
    private static func monitor(_ harness: RuntimeHarness) -> HostMonitor {
        HostMonitor(disk: harness.folder.path, runtime: harness.runtime, thresholds: ResourceThresholds())
    }

    /// Looks until something is found, which takes more than one look; keeps its thread meanwhile, as other tests may take
    /// half a minute until they let this one go on.
    private static func look<Value>(_ monitor: HostMonitor, until find: (HostMonitor) -> Value?) throws -> Value {
        let end: Int64 = SystemClock.monotonicMilliseconds() + 30_000
        while SystemClock.monotonicMilliseconds() < end {
            _ = monitor.look(at: Instant(milliseconds: SystemClock.wallMilliseconds()))
            if let value: Value = find(monitor) { return value }
            sched_yield()
        }
        throw WaitedTooLong(description: "not found among \(monitor.scan.processes.map(\.commandLine))")
    }

    @Test("what the processes of an agent use is added up, those of its descendants included [DASH-SC-06]")
    func usage() async throws {
        let harness = try RuntimeHarness()
        let monitor: HostMonitor = HostMonitorTests.monitor(harness)
        let agent = AgentID(unchecked: "a1")
        #expect(monitor.usage(of: agent) == nil)
        let id: AttemptID = harness.start("setsid sleep 1001 & while :; do :; done")
        let usage: ProcessUsage = try HostMonitorTests.look(monitor) { monitor in
            monitor.usage(of: agent).flatMap { $0.processes >= 2 && $0.cpuPercent > 0 ? $0 : nil }
        }
        #expect(usage.threads >= 2 && usage.residentBytes > 0)
        let sleeper: ProcessReading = try #require(
            monitor.scan.processes.first { $0.commandLine == "sleep 1001" && $0.owner?.attempt == id })
        #expect(sleeper.owner?.agent == agent && sleeper.isOfInterest && sleeper.program == .other)
        #expect(sleeper.workingDirectory?.hasPrefix(harness.folder.path) == true)
        #expect(monitor.scan.process(sleeper.identity.pid) == sleeper)
        harness.runtime.perform([.stopAttempt(id, .cancelled)])
        _ = try await harness.sink.outcome(of: id)
        _ = monitor.look(at: Instant(milliseconds: SystemClock.wallMilliseconds()))
        #expect(monitor.usage(of: agent) == nil)
        await harness.runtime.shutDown()
    }
}
