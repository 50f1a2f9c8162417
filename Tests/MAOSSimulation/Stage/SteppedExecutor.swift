import MAOSCore
import Synchronization

/// Runs an orchestrator on the test's own thread, when the test says so.
package final class SteppedExecutor: OrchestratorExecutor {
    private let queue = Mutex<[@Sendable () -> Void]>([])

    package init() {}

    package func execute(_ work: @escaping @Sendable () -> Void) { queue.withLock { $0.append(work) } }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        execute { [self] in job.runSynchronously(on: asUnownedSerialExecutor()) }
    }

    package func isIsolatingCurrentContext() -> Bool? { nil }

    /// Only ``run()`` calls into what it isolates.
    package func checkIsolated() {}

    /// Does all the work there is, also what comes up meanwhile.
    package func run() {
        while true {
            let work: [@Sendable () -> Void] = queue.withLock { (queue: inout [@Sendable () -> Void]) in
                defer { queue = [] }
                return queue
            }
            guard !work.isEmpty else { return }
            for body in work { body() }
        }
    }
}
