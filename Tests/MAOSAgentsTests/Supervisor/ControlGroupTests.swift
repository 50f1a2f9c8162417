import Foundation
import MAOSAgents
import MAOSCore
import MAOSSystem
import MAOSTestSupport
import Testing

/// A control group that this process may make others in; nil where it may not.
private let writableGroup: String? = {
    for mount in ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] {
        guard FileManager.default.fileExists(atPath: "\(mount)/cgroup.procs") else { continue }
        let path: String = "\(mount)/maos-tests-\(ProcessSettings.processNumber)"
        guard (try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)) != nil else {
            continue
        }
        guard FileManager.default.fileExists(atPath: "\(path)/cgroup.kill") else {
            rmdir(path)
            continue
        }
        return path
    }
    return nil
}()

@Suite(
    "A control group", .enabled(if: writableGroup != nil, "no control groups (version 2) may be made here"), .serialized
)
struct ControlGroupTests {
    @Test("holds the whole tree, is killed as one, and is gone afterwards")
    func kill() async throws {
        let folder: String = try #require(writableGroup)
        defer { rmdir(folder) }
        var limits = ResourceLimits()
        limits.processes = 1_000
        let harness = try RuntimeHarness(runners: ["*": RunnerConfiguration(limits: limits)]) { configuration in
            configuration.controlGroups = ControlGroups(folder: folder, controllers: [])
        }
        let line: String =
            "cat /proc/self/cgroup | grep '^0:'; trap '' TERM; (setsid env -i sleep 100 &); echo ready; sleep 100; wait"
        let id: AttemptID = harness.start(line)
        try await harness.store.wait(for: "ready", in: .task(id.task))
        #expect(harness.output().contains("maos-task:t1#1"))
        let groups: [String] = try FileManager.default.contentsOfDirectory(atPath: folder).filter {
            $0.hasPrefix("maos-")
        }
        #expect(groups == ["maos-task:t1#1"])
        harness.runtime.perform([.stopAttempt(id, .cancelled)])
        #expect(try await harness.sink.outcome(of: id) == .stopped)
        await harness.runtime.shutDown()
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).allSatisfy { !$0.hasPrefix("maos-") })
    }
}
