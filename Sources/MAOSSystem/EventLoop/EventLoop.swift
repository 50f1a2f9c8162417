internal import CLinux
internal import Glibc
internal import Synchronization

/// One thread that waits for events and handles them: descriptors, deadlines, and work from other threads.
///
/// A turn goes: wait, handle what the kernel reports, run work from other threads, run work from this one, fire
/// deadlines, then flush those who asked for it with ``flushLater(_:)``. Everything a source does happens on the loop's
/// thread, synchronously and without a lock; other threads hand work over with ``execute(_:)`` or, being a
/// `SerialExecutor`, by calling an actor that lives here.
package final class EventLoop: SerialExecutor, @unchecked Sendable {
    // `inbox` and the atomics are shared; every other variable is confined to the loop's thread once it runs, and to
    // the thread that made the loop before.

    enum Work {
        case job(UnownedJob)
        case closure(@Sendable () -> Void)
    }

    private struct Inbox {
        var work: [Work] = []
        var isAsleep = false
    }

    private struct Slot {
        var source: EventSource?
        var generation: UInt32 = 0
    }

    /// The thread's name.
    package let name: String

    private let epoll: Descriptor
    private let wakeup: Descriptor
    private let inbox = Locked(Inbox())
    private let threadIdentity = Atomic<UInt>(0)
    private let load = Atomic<Int>(0)
    private let thread = Locked<SystemThread?>(nil)

    /// The monotonic clock in milliseconds, read once per turn.
    @exclusivity(unchecked) package private(set) var now: Int64 = SystemClock.monotonicMilliseconds()
    /// Turns so far; tells whether two things happened in the same one.
    @exclusivity(unchecked) package private(set) var turn: UInt64 = 0

    @exclusivity(unchecked) private var slots: [Slot] = []
    @exclusivity(unchecked) private var freeSlots: [Int32] = []
    @exclusivity(unchecked) private var timers = TimerHeap()
    @exclusivity(unchecked) private var localWork: [Work] = []
    @exclusivity(unchecked) private var runningWork: [Work] = []
    @exclusivity(unchecked) private var flushes: [EventSource] = []
    @exclusivity(unchecked) private var runningFlushes: [EventSource] = []
    @exclusivity(unchecked) private var isStopping = false
    @exclusivity(unchecked) private var politeness = LoopPoliteness()
    private let events: UnsafeMutablePointer<epoll_event>
    private static let eventCapacity = 256
    private static let wakeupToken = UInt64.max
    private static let flushRounds = 8

    /// Makes a loop that does not run yet.
    package init(name: String) throws(SystemError) {
        self.name = name
        epoll = Descriptor(owning: try systemCall("epoll_create1") { epoll_create1(CInt(EPOLL_CLOEXEC)) })
        wakeup = Descriptor(
            owning: try systemCall("eventfd") {
                eventfd(0, CInt(EFD_CLOEXEC) | CInt(EFD_NONBLOCK))
            })
        events = .allocate(capacity: EventLoop.eventCapacity)
        // Edge-triggered: each write to it is an edge of its own, so nobody needs to read it.
        let (poll, number) = (epoll.number, wakeup.number)
        var event = epoll_event(
            events: EPOLLIN.rawValue | EPOLLET.rawValue, data: epoll_data_t(u64: EventLoop.wakeupToken))
        try systemCall("epoll_ctl") { epoll_ctl(poll, EPOLL_CTL_ADD, number, &event) }
    }

    deinit {
        events.deallocate()
    }

    // MARK: - Life

    /// Starts the loop on a thread of its own.
    package func start() throws(SystemError) {
        let started = try SystemThread(name: name) { [self] in run() }
        thread.withLock { thread in
            precondition(thread == nil, "the loop \(name) was started twice")
            thread = started
        }
    }

    /// Asks the loop to end after the turn that it is in; what it was handed before is still done.
    package func stop() {
        execute { [self] in isStopping = true }
    }

    /// Waits until the loop has ended.
    ///
    /// - Precondition: Not called on the loop.
    package func join() {
        thread.withLock { $0 }?.join()
    }

    // MARK: - Work from anywhere

    /// Runs work on the loop, after what is there already; from any thread.
    package func execute(_ work: @escaping @Sendable () -> Void) {
        submit(.closure(work))
    }

    /// Whether the caller is on the loop's thread.
    @inline(__always)
    package var isCurrent: Bool {
        threadIdentity.load(ordering: .relaxed) == SystemThread.currentIdentity()
    }

    func submit(_ work: Work) {
        if isCurrent {
            localWork.append(work)
            return
        }
        let wakes = inbox.withLock { inbox in
            inbox.work.append(work)
            let wakes = inbox.isAsleep
            inbox.isAsleep = false
            return wakes
        }
        if wakes { wake() }
    }

    private func wake() {
        let result = eventfd_write(wakeup.number, 1)
        precondition(result == 0, "eventfd_write failed")
    }

    // MARK: - Load

    /// How much lives on the loop, as those who put it there count; from any thread.
    package var currentLoad: Int { load.load(ordering: .relaxed) }

    /// Counts something that came to live here, or left; from any thread.
    package func addLoad(_ difference: Int) {
        load.add(difference, ordering: .relaxed)
    }

    // MARK: - Flushing

    /// Calls a source's ``EventSource/flush()`` once at the end of this turn, however often it is asked for.
    package func flushLater(_ source: EventSource) {
        guard !source.isAwaitingFlush else { return }
        source.isAwaitingFlush = true
        flushes.append(source)
    }

    /// Flushes what was asked for, also what flushing itself asks for; endless chains go on in the next turn.
    private func runFlushes() {
        for _ in 0..<EventLoop.flushRounds {
            guard !flushes.isEmpty else { return }
            swap(&flushes, &runningFlushes)
            for index in runningFlushes.indices {
                let source = runningFlushes[index]
                source.isAwaitingFlush = false
                source.flush()
            }
            runningFlushes.removeAll(keepingCapacity: true)
        }
    }

    // MARK: - Deadlines

    func arm(_ source: EventSource, at time: Int64) {
        timers.arm(source, at: time)
    }

    func disarm(_ source: EventSource) {
        timers.disarm(source)
    }

    // MARK: - Descriptors

    func register(
        _ source: EventSource, number: CInt, interest: EventSet, trigger: EventSource.Trigger
    ) throws(SystemError) {
        precondition(number >= 0 && source.slot < 0, "a source is registered once, with a descriptor")
        let slot: Int32
        if let free = freeSlots.popLast() {
            slot = free
        } else {
            slot = Int32(slots.count)
            slots.append(Slot())
        }
        source.slot = slot
        slots[Int(slot)].source = source
        do throws(SystemError) {
            try control(EPOLL_CTL_ADD, number, slot, interest, trigger)
        } catch {
            vacate(source)
            throw error
        }
    }

    func changeInterest(
        of source: EventSource, number: CInt, to interest: EventSet, trigger: EventSource.Trigger
    ) throws(SystemError) {
        precondition(source.slot >= 0, "the source is not registered")
        try control(EPOLL_CTL_MOD, number, source.slot, interest, trigger)
    }

    func deregister(_ source: EventSource, number: CInt) {
        guard source.slot >= 0 else { return }
        vacate(source)
        var event = epoll_event()
        _ = epoll_ctl(epoll.number, EPOLL_CTL_DEL, number, &event)
    }

    private func vacate(_ source: EventSource) {
        let slot = source.slot
        source.slot = -1
        slots[Int(slot)].source = nil
        slots[Int(slot)].generation &+= 1
        freeSlots.append(slot)
    }

    private func control(
        _ operation: CInt, _ number: CInt, _ slot: Int32, _ interest: EventSet, _ trigger: EventSource.Trigger
    ) throws(SystemError) {
        var bits = interest.rawValue
        if case .edge = trigger { bits |= EPOLLET.rawValue }
        // The generation tells an event of a closed descriptor from one of its successor in the same place.
        let token = UInt64(slots[Int(slot)].generation) << 32 | UInt64(UInt32(bitPattern: slot))
        var event = epoll_event(events: bits, data: epoll_data_t(u64: token))
        let poll = epoll.number
        try systemCall("epoll_ctl") { epoll_ctl(poll, operation, number, &event) }
    }

    // MARK: - Turns

    private func run() {
        threadIdentity.store(SystemThread.currentIdentity(), ordering: .relaxed)
        while !isStopping {
            let count = waitForEvents()
            now = SystemClock.monotonicMilliseconds()
            turn &+= 1
            if let isPolite = politeness.change(at: now, turn: turn) { LoopPoliteness.apply(isPolite) }
            for index in 0..<count { dispatch(events[index]) }
            runInbox()
            runLocalWork()
            while let source = timers.popDue(at: now) { source.deadlineReached() }
            runFlushes()
        }
        windUp()
        threadIdentity.store(0, ordering: .relaxed)
    }

    /// Waits for the kernel, not at all if there is work left.
    private func waitForEvents() -> Int {
        var mayWait = localWork.isEmpty && flushes.isEmpty
        if mayWait {
            mayWait = inbox.withLock { inbox in
                inbox.isAsleep = inbox.work.isEmpty
                return inbox.isAsleep
            }
        }
        var timeout: Int64 = 0
        if mayWait {
            timeout = -1
            if let earliest = timers.earliest {
                timeout = max(0, earliest - SystemClock.monotonicMilliseconds())
            }
        }
        let count = epoll_wait(epoll.number, events, CInt(EventLoop.eventCapacity), CInt(clamping: timeout))
        guard count < 0 else { return Int(count) }
        precondition(errno == EINTR, "epoll_wait failed")
        return 0
    }

    private func dispatch(_ event: epoll_event) {
        let token = event.data.u64
        guard token != EventLoop.wakeupToken else { return }
        let slot = Int(UInt32(truncatingIfNeeded: token))
        guard slots[slot].generation == UInt32(token >> 32), let source = slots[slot].source else { return }
        source.ready(EventSet(rawValue: event.events))
    }

    private func runInbox() {
        inbox.withLock { inbox in
            inbox.isAsleep = false
            swap(&inbox.work, &runningWork)
        }
        runTaken()
    }

    private func runLocalWork() {
        guard !localWork.isEmpty else { return }
        swap(&localWork, &runningWork)
        runTaken()
    }

    private func runTaken() {
        guard !runningWork.isEmpty else { return }
        let executor = asUnownedSerialExecutor()
        for index in runningWork.indices {
            switch runningWork[index] {
            case .job(let job): job.runSynchronously(on: executor)
            case .closure(let closure): closure()
            }
        }
        runningWork.removeAll(keepingCapacity: runningWork.count < 4_096)
    }

    /// Does what is still there, then lets go of every source.
    private func windUp() {
        repeat {
            runInbox()
            runLocalWork()
            runFlushes()
        } while !localWork.isEmpty || !flushes.isEmpty
        var sources = timers.removeAll()
        for slot in slots.indices {
            guard let source = slots[slot].source else { continue }
            sources.append(source)
        }
        for source in sources {
            source.loopStopped()
            source.closeDescriptor()
        }
        _ = timers.removeAll()
        for source in flushes { source.isAwaitingFlush = false }
        flushes = []
    }
}
