internal import Glibc
internal import MAOSCore
internal import MAOSSystem

extension WorkerThread: OrchestratorExecutor {}

/// The system's clocks: UTC for the engine, and wake-ups on a thread that is there anyway.
final class SystemTimeSource: TimeSource {
    private let worker: WorkerThread

    init(worker: WorkerThread) { self.worker = worker }

    func now() -> Instant { Instant(milliseconds: SystemClock.wallMilliseconds()) }

    func wake(at instant: Instant, _ body: @escaping @Sendable () -> Void) {
        let wait: Int64 = max(0, instant.milliseconds - SystemClock.wallMilliseconds())
        worker.wake(at: SystemClock.monotonicMilliseconds() + wait, body)
    }
}

/// Waits on one thread for what happens on another, for the start and the stop of the server.
final class Signpost: @unchecked Sendable {
    // `isReached` is only touched while the mutex is held.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var isReached = false

    init() {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Lets the waiting thread go on.
    func reach() {
        pthread_mutex_lock(mutex)
        isReached = true
        pthread_cond_broadcast(condition)
        pthread_mutex_unlock(mutex)
    }

    /// Waits until somebody calls ``reach()``; false when the time is up first.
    @discardableResult
    func wait(atMost limit: Milliseconds) -> Bool {
        var end = timespec()
        clock_gettime(CLOCK_REALTIME, &end)
        end.tv_sec += Int(limit.count / 1_000)
        end.tv_nsec += Int(limit.count % 1_000) * 1_000_000
        if end.tv_nsec >= 1_000_000_000 {
            end.tv_sec += 1
            end.tv_nsec -= 1_000_000_000
        }
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while !isReached {
            guard pthread_cond_timedwait(condition, mutex, &end) == 0 else { return isReached }
        }
        return true
    }
}

/// The outcome of commands, for a thread that waits for it.
final class AwaitedReply: ReplySink {
    private struct State {
        var results: [Result<Reply, Rejection>?]
        var open: Int
    }

    private let state: Locked<State>
    private let signpost = Signpost()

    private init(_ count: Int) { state = Locked(State(results: Array(repeating: nil, count: count), open: count)) }

    func deliver(_ replies: [TokenReply]) {
        let isOver: Bool = state.withLock { (state: inout State) in
            for reply: TokenReply in replies { state.results[Int(reply.token)] = reply.result }
            state.open -= replies.count
            return state.open <= 0
        }
        if isOver { signpost.reach() }
    }

    /// Hands commands over together and waits until all are carried out or refused.
    ///
    /// - Returns: Their outcomes, in order; `nil` when the time is up before that of all.
    static func of(
        _ commands: Command..., to orchestrator: Orchestrator, atMost limit: Milliseconds
    ) -> [Result<Reply, Rejection>]? {
        let awaited = AwaitedReply(commands.count)
        orchestrator.submit(
            commands.enumerated().map { (token, command) in
                Submission(request: Request(command, from: .system), target: .sink(awaited, token: UInt64(token)))
            })
        guard awaited.signpost.wait(atMost: limit) else { return nil }
        return awaited.state.withLock { $0.results.compactMap { $0 } }
    }
}
