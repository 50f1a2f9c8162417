import MAOSAgents
import MAOSCore
import MAOSSystem
import MAOSTestSupport
import Testing

@Suite("A limit")
struct LimitTests {
    private func run(
        _ line: String, _ limits: ResourceLimits, resources: ResourceRequirements? = nil
    ) async throws -> AttemptOutcome {
        let harness = try RuntimeHarness(runners: ["*": RunnerConfiguration(limits: limits)])
        let agent: AgentRecord = RuntimeHarness.agent { $0.resources = resources }
        let task = TaskSpecification(kind: .code, description: "x", command: .shell(line))
        let outcome: AttemptOutcome = try await harness.sink.outcome(of: harness.start(task, agent: agent))
        await harness.runtime.shutDown()
        return outcome
    }

    private func expectLimit(_ outcome: AttemptOutcome, _ beginning: String) {
        guard case .failed(let failure) = outcome else {
            Issue.record("it did not fail but \(outcome)")
            return
        }
        #expect(failure.code == .limitExceeded)
        #expect(failure.message.hasPrefix(beginning), "\(failure.message)")
    }

    @Test("of memory ends the whole tree, wherever the memory is used")
    func memory() async throws {
        var limits = ResourceLimits()
        limits.memory = 48 << 20
        // The variable of a grandchild grows until something ends it.
        let line: String = "(sh -c 'x=0123456789abcdef; while :; do x=$x$x; sleep 0.05; done'); echo survived"
        expectLimit(try await run(line, limits), "memory limit of 48 MB exceeded")
    }

    @Test("of memory comes from the agent's resources")
    func agentMemory() async throws {
        let resources = ResourceRequirements(cpu: 1, memory: 40)
        let line: String = "x=0123456789abcdef; while :; do x=$x$x; sleep 0.05; done"
        expectLimit(try await run(line, ResourceLimits(), resources: resources), "memory limit of 40 MB exceeded")
    }

    @Test("of processor time ends a loop")
    func processorTime() async throws {
        var limits = ResourceLimits()
        limits.processorSeconds = 1
        expectLimit(try await run("while :; do :; done", limits), "processor time limit of 1 s exceeded")
    }

    @Test("of processor time counts all processes of the tree together")
    func processorTimeOfTree() async throws {
        var limits = ResourceLimits()
        limits.processorSeconds = 1
        let loop: String = "(while :; do :; done) & "
        expectLimit(try await run(loop + loop + loop + "wait", limits), "processor time limit of 1 s exceeded")
    }

    @Test("of a file's size ends who writes on")
    func fileSize() async throws {
        var limits = ResourceLimits()
        limits.fileSize = 1 << 20
        expectLimit(try await run("exec head -c 2000000 /dev/zero > big", limits), "file size limit of 1 MB exceeded")
    }

    @Test("of processes ends a tree that has more")
    func processes() async throws {
        var limits = ResourceLimits()
        limits.processes = 5
        let line: String = "for i in 1 2 3 4 5 6 7 8; do sleep 100 & done; wait"
        expectLimit(try await run(line, limits), "process limit of 5 exceeded")
    }

    @Test("of descriptors is the kernel's own")
    func openFiles() async throws {
        var limits = ResourceLimits()
        limits.openFiles = 16
        #expect(try await run("ulimit -n", limits) == standardResult("16\n"))
    }

    @Test("that is kept disturbs nobody")
    func kept() async throws {
        var limits = ResourceLimits()
        limits.memory = 256 << 20
        limits.processorSeconds = 20
        limits.processes = 50
        limits.fileSize = 1 << 20
        #expect(try await run("sleep 0.6; echo fine", limits) == standardResult("fine\n"))
    }
}
