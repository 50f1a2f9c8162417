internal import CLinux
internal import Glibc
internal import Synchronization

/// One thread that runs what it is handed, in order: the executor of an actor that must not wait for others.
///
/// It takes everything that has gathered at once, so the busier it is the less often it is woken. It can also wake itself
/// at a time on the monotonic clock.
package final class WorkerThread: SerialExecutor, @unchecked Sendable {
    // `state` is only touched while `mutex` is held; `taken` only on the worker's thread.

    /// Names a wake-up, so that it can be cancelled.
    package struct WakeToken: Hashable, Sendable {
        fileprivate let number: UInt64
    }

    private enum Work {
        case job(UnownedJob)
        case closure(@Sendable () -> Void)
    }

    private struct Wake {
        var at: Int64
        var token: WakeToken
        var action: @Sendable () -> Void
    }

    private struct State {
        var queue: [Work] = []
        /// Latest first, so that the next one is at the end.
        var wakes: [Wake] = []
        var lastToken: UInt64 = 0
        var isAsleep = false
        var isStopping = false
    }

    /// The thread's name.
    package let name: String

    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private let threadIdentity = Atomic<UInt>(0)
    private let thread = Locked<SystemThread?>(nil)
    private var state = State()
    private var taken: [Work] = []

    /// Makes a worker that does not run yet; what it is handed waits until it does.
    package init(name: String) {
        self.name = name
        mutex = .allocate(capacity: 1)
        condition = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    // MARK: - Life

    /// Starts the thread.
    package func start() throws(SystemError) {
        let started = try SystemThread(name: name) { [self] in run() }
        thread.withLock { thread in
            precondition(thread == nil, "the worker \(name) was started twice")
            thread = started
        }
    }

    /// Asks the worker to end once it has done what it was handed; wake-ups that are not due are dropped.
    package func stop() {
        withState { state in
            state.isStopping = true
            return true
        }
    }

    /// Waits until the worker has ended.
    ///
    /// - Precondition: Not called on the worker.
    package func join() {
        thread.withLock { $0 }?.join()
    }

    // MARK: - Work

    /// Runs work on the worker, after what is there already; from any thread.
    package func execute(_ work: @escaping @Sendable () -> Void) {
        withState { state in
            state.queue.append(.closure(work))
            return true
        }
    }

    /// Runs an actor's job on the worker; from any thread.
    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        withState { state in
            state.queue.append(.job(job))
            return true
        }
    }

    /// Runs work at a time, or soon after; from any thread.
    ///
    /// - Parameters:
    ///   - milliseconds: A reading of ``SystemClock/monotonicMilliseconds()``; one in the past means at once.
    ///   - action: Runs on the worker.
    /// - Returns: What ``cancel(_:)`` takes.
    @discardableResult
    package func wake(at milliseconds: Int64, _ action: @escaping @Sendable () -> Void) -> WakeToken {
        var token = WakeToken(number: 0)
        withState { state in
            state.lastToken += 1
            token = WakeToken(number: state.lastToken)
            let wake = Wake(at: milliseconds, token: token, action: action)
            let place = state.wakes.firstIndex { $0.at <= milliseconds } ?? state.wakes.count
            state.wakes.insert(wake, at: place)
            return place == state.wakes.count - 1
        }
        return token
    }

    /// Takes a wake-up back; one that has happened stays happened.
    package func cancel(_ token: WakeToken) {
        withState { state in
            state.wakes.removeAll { $0.token == token }
            return false
        }
    }

    /// Whether the caller is on the worker's thread.
    package var isCurrent: Bool {
        threadIdentity.load(ordering: .relaxed) == SystemThread.currentIdentity()
    }

    /// Whether the caller is on the worker, as the concurrency runtime asks it.
    package func isIsolatingCurrentContext() -> Bool? {
        isCurrent
    }

    /// Traps unless the caller is on the worker.
    package func checkIsolated() {
        precondition(isCurrent, "not on the worker \(name)")
    }

    // MARK: - The thread

    /// Changes the state under the lock, and wakes the worker if the body wants it and it sleeps.
    private func withState(_ body: (inout State) -> Bool) {
        pthread_mutex_lock(mutex)
        let wakes = body(&state) && state.isAsleep
        if wakes { state.isAsleep = false }
        pthread_mutex_unlock(mutex)
        if wakes { pthread_cond_signal(condition) }
    }

    private func run() {
        threadIdentity.store(SystemThread.currentIdentity(), ordering: .relaxed)
        let executor = asUnownedSerialExecutor()
        while takeWork() {
            for index in taken.indices {
                switch taken[index] {
                case .job(let job): job.runSynchronously(on: executor)
                case .closure(let closure): closure()
                }
            }
            taken.removeAll(keepingCapacity: taken.count < 4_096)
        }
        threadIdentity.store(0, ordering: .relaxed)
    }

    /// Waits for work and takes all of it; false when the worker is to end and nothing is left.
    private func takeWork() -> Bool {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            swap(&state.queue, &taken)
            if !state.wakes.isEmpty {
                let now = SystemClock.monotonicMilliseconds()
                while let next = state.wakes.last, next.at <= now {
                    taken.append(.closure(next.action))
                    state.wakes.removeLast()
                }
            }
            if !taken.isEmpty { return true }
            if state.isStopping { return false }
            state.isAsleep = true
            if let next = state.wakes.last {
                var time = timespec(tv_sec: Int(next.at / 1_000), tv_nsec: Int(next.at % 1_000) * 1_000_000)
                pthread_cond_timedwait(condition, mutex, &time)
            } else {
                pthread_cond_wait(condition, mutex)
            }
            state.isAsleep = false
        }
    }
}
