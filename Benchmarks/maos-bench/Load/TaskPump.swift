internal import Glibc
internal import MAOSCore
internal import MAOSSystem
internal import Synchronization

/// Creates a task for every one that completes, and counts.
///
/// It hears of completions where the orchestrator runs, a batch at a time, and answers with one batch of creations.
final class TaskPump: EventSink, ReplySink {
    /// What happened between two moments.
    struct Window: Sendable {
        /// Tasks that completed.
        var tasks: Int
        /// Batches of events that were published.
        var batches: Int
        /// Its length in nanoseconds.
        var nanoseconds: Int64
        /// CPU time of the process in nanoseconds.
        var cpu: Int64

        /// Tasks a second.
        var rate: Double { quotient(Double(tasks), Double(nanoseconds) / 1e9) }
        var microsecondsPerTask: Double { quotient(Double(cpu) / 1e3, Double(tasks)) }
        var tasksPerBatch: Double { quotient(Double(tasks), Double(batches)) }
    }

    private let orchestrator: Orchestrator
    private let creation: Request
    private let created = Atomic<Int>(0)
    private let completed = Atomic<Int>(0)
    private let batches = Atomic<Int>(0)
    private let refusals = Atomic<Int>(0)
    private let isOpen = Atomic<Bool>(true)

    /// Listens to an orchestrator from now on.
    init(_ orchestrator: Orchestrator) {
        self.orchestrator = orchestrator
        let task = TaskSpecification(kind: .code, description: "Do nothing")
        creation = Request(.createTask(task, id: nil, idempotency: nil), from: .system)
        orchestrator.events.attach(self)
    }

    /// Listens no more.
    func detach() { orchestrator.events.detach(self) }

    /// Hands a command over.
    func submit(_ command: Command) {
        orchestrator.submit([Submission(request: Request(command, from: .system), target: .sink(self, token: 0))])
    }

    /// Keeps so many tasks under way, first unmeasured, then measured, then waits until all have completed.
    func run(outstanding: Int, warmUp: Int64, duration: Int64) throws(BenchError) -> Window {
        create(outstanding)
        pause(warmUp)
        let begin: Window = mark()
        pause(duration)
        let end: Window = mark()
        isOpen.store(false, ordering: .sequentiallyConsistent)
        let limit: Int64 = SystemClock.monotonicMilliseconds() + 20_000
        while completed.load(ordering: .relaxed) < created.load(ordering: .relaxed) {
            guard SystemClock.monotonicMilliseconds() < limit else { throw BenchError("tasks did not complete") }
            pause(1_000_000)
        }
        let refused: Int = refusals.load(ordering: .relaxed)
        guard refused == 0 else { throw BenchError("\(refused) commands were refused") }
        return Window(
            tasks: end.tasks - begin.tasks, batches: end.batches - begin.batches,
            nanoseconds: end.nanoseconds - begin.nanoseconds, cpu: end.cpu - begin.cpu)
    }

    func receive(_ events: [Event]) {
        var count: Int = 0
        for event: Event in events {
            if case .task(let task) = event.body, task.kind == .completed { count += 1 }
        }
        batches.add(1, ordering: .relaxed)
        guard count > 0 else { return }
        completed.add(count, ordering: .relaxed)
        if isOpen.load(ordering: .sequentiallyConsistent) { create(count) }
    }

    func deliver(_ replies: [TokenReply]) {
        for reply: TokenReply in replies {
            if case .failure = reply.result { refusals.add(1, ordering: .relaxed) }
        }
    }

    private func create(_ count: Int) {
        created.add(count, ordering: .relaxed)
        orchestrator.submit(
            Array(repeating: Submission(request: creation, target: .sink(self, token: 0)), count: count))
    }

    /// Counts since the beginning.
    private func mark() -> Window {
        Window(
            tasks: completed.load(ordering: .relaxed), batches: batches.load(ordering: .relaxed),
            nanoseconds: SystemClock.monotonicNanoseconds(), cpu: ProcessProbe.ownProcessNanoseconds())
    }

    private func pause(_ nanoseconds: Int64) { usleep(UInt32(nanoseconds / 1_000)) }
}

/// A thread of its own for the orchestrator, as in the server.
final class OrchestratorWorker: OrchestratorExecutor {
    private let worker: WorkerThread

    init(_ worker: WorkerThread) { self.worker = worker }

    func execute(_ work: @escaping @Sendable () -> Void) { worker.execute(work) }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        worker.execute { [self] in unsafe job.runSynchronously(on: asUnownedSerialExecutor()) }
    }

    func isIsolatingCurrentContext() -> Bool? { worker.isCurrent }

    func checkIsolated() { worker.checkIsolated() }
}
