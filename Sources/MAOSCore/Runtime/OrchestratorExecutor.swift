internal import Synchronization

/// Where an orchestrator runs: one piece of work at a time.
public protocol OrchestratorExecutor: SerialExecutor {
    /// Runs work in turn, as the executor; from any thread, never waits.
    func execute(_ work: @escaping @Sendable () -> Void)
}

/// The default: a serial place in Swift's shared thread pool.
final class PooledExecutor: OrchestratorExecutor {
    private enum Work: Sendable {
        case job(UnownedJob)
        case closure(@Sendable () -> Void)
    }

    private struct State {
        var queue: [Work] = []
        var isRunning = false
    }

    private let state = Mutex(State())

    func enqueue(_ job: consuming ExecutorJob) { add(.job(UnownedJob(job))) }

    func execute(_ work: @escaping @Sendable () -> Void) { add(.closure(work)) }

    func isIsolatingCurrentContext() -> Bool? { nil }

    /// Nothing but this executor calls into what it isolates.
    func checkIsolated() {}

    private func add(_ work: Work) {
        let starts: Bool = state.withLock { (state: inout State) in
            state.queue.append(work)
            defer { state.isRunning = true }
            return !state.isRunning
        }
        if starts { Task.detached { self.run() } }
    }

    private func run() {
        while true {
            let work: [Work] = state.withLock { (state: inout State) in
                defer { state.queue = [] }
                state.isRunning = !state.queue.isEmpty
                return state.queue
            }
            guard !work.isEmpty else { return }
            for item: Work in work {
                switch item {
                case .job(let job): unsafe job.runSynchronously(on: asUnownedSerialExecutor())
                case .closure(let body): body()
                }
            }
        }
    }
}
