package import MAOSCore
internal import MAOSSystem
internal import Synchronization

/// What processes print, in files under `output/` in the data directory.
///
/// Each task has a log, and each agent one that refers to the entries of its tasks, so that everything is stored once. A
/// thread of its own writes; whatever has gathered meanwhile goes out together. An entry survives the end of the process at
/// once, the end of the machine once the system has written it.
///
/// What the disk refuses is dropped: its numbers stay unused, so a reader sees the gap.
package final class OutputLog: OutputStore {
    /// What an operator may set about the output log.
    package struct Configuration: Sendable {
        /// Bytes that one log may take, at least 1 MB; past it, its oldest part goes.
        package var bytesPerLog: Int = 1 << 30
        /// Bytes that all logs together may take; past it, what was written longest ago goes.
        package var bytesTotal: Int = 16 << 30
        /// How long output is kept after it was written; for ever where `nil`.
        package var retention: Milliseconds? = .seconds(90 * 86_400)
        /// Logs that are kept open for writing.
        package var openLogs: Int = 256

        /// What holds where nothing is set.
        package init() {}
    }

    private struct Queue {
        var chunks: [OutputChunk] = []
        var isScheduled = false
        var isClosed = false
    }

    private struct WeakObserver: Sendable {
        weak let observer: (any OutputObserver)?
    }

    private let queue = Locked(Queue())
    private let observers = Locked<[WeakObserver]>([])
    private let pending = Atomic<Int>(0)
    private let lost = Locked(OutputLosses())
    private let worker: WorkerThread
    /// Only the worker takes it, and whoever closes the log.
    private let writer: Locked<OutputWriter>
    private let views: OutputViews

    /// Bytes that are written before observers hear of them.
    private static let sliceBytes = 1 << 20

    private init(root: String, configuration: Configuration) {
        views = OutputViews(root: root)
        writer = Locked(OutputWriter(root: root, configuration: configuration, views: views))
        worker = WorkerThread(name: "maos-output")
    }

    deinit { worker.stop() }

    /// Opens the logs in a data directory; makes their folder when it is not there.
    ///
    /// - Parameters:
    ///   - path: The data directory.
    ///   - configuration: What an operator has set.
    /// - Returns: The log, ready for use.
    /// - Throws: ``JournalError/unavailable(_:)`` when the folder cannot be made.
    package static func open(
        directory path: String, configuration: Configuration = Configuration()
    ) throws(JournalError) -> OutputLog {
        let root = "\(path)/output"
        let log = OutputLog(root: root, configuration: configuration)
        do throws(SystemError) {
            try Folder.make(root)
            try log.worker.start()
        } catch {
            throw .unavailable("the output log in \(path) cannot be used: \(error)")
        }
        log.scheduleSweep(
            after: OutputLog.firstSweepDelay, Sweep(shard: 0, purpose: .count, pause: OutputLog.fastPause))
        return log
    }

    /// Writes what has been taken, and closes all files; what comes later is dropped.
    package func close() {
        worker.execute { [self] in drain() }
        worker.stop()
        worker.join()
        queue.withLock { queue in
            queue.isClosed = true
            queue.chunks = []
        }
        writer.withLock { $0.close() }
    }

    // MARK: - Writing

    /// Takes chunks for writing; order is kept per owner.
    package func append(_ chunks: [OutputChunk]) {
        guard !chunks.isEmpty else { return }
        let bytes: Int = chunks.reduce(0) { $0 + $1.data.count }
        pending.wrappingAdd(bytes, ordering: .relaxed)
        let (isTaken, schedules): (Bool, Bool) = queue.withLock { queue in
            guard !queue.isClosed else { return (false, false) }
            queue.chunks.append(contentsOf: chunks)
            defer { queue.isScheduled = true }
            return (true, !queue.isScheduled)
        }
        if !isTaken { pending.wrappingSubtract(bytes, ordering: .relaxed) }
        if schedules { worker.execute { [self] in drain() } }
    }

    /// Bytes taken and not yet written.
    package var pendingBytes: Int { pending.load(ordering: .relaxed) }

    /// What could not be stored since the start.
    package var losses: OutputLosses { lost.withLock { $0 } }

    /// Calls a body, on the log's thread, when everything appended before has been written and observers were told.
    package func whenWritten(_ body: @escaping @Sendable () -> Void) {
        worker.execute { [self] in
            drain()
            body()
        }
    }

    /// Tells an observer of everything written from now on, until it is gone.
    package func observe(_ observer: any OutputObserver) {
        observers.withLock { observers in
            observers.removeAll { $0.observer == nil }
            observers.append(WeakObserver(observer: observer))
        }
    }

    private func drain() {
        let chunks: [OutputChunk] = queue.withLock { queue in
            defer { queue.chunks = [] }
            queue.isScheduled = false
            return queue.chunks
        }
        var start = 0
        while start < chunks.count {
            var bytes = 0
            var end: Int = start
            while end < chunks.count, bytes < OutputLog.sliceBytes {
                bytes += chunks[end].data.count
                end += 1
            }
            let slice: ArraySlice<OutputChunk> = chunks[start..<end]
            let (entries, dropped): ([OutputEntry], (entries: Int, bytes: Int)) = writer.withLock { writer in
                (writer.write(slice), writer.dropped)
            }
            lost.withLock { $0.note(dropped, at: SystemClock.monotonicMilliseconds()) }
            if !entries.isEmpty { tell(entries) }
            pending.wrappingSubtract(bytes, ordering: .relaxed)
            start = end
        }
        if !chunks.isEmpty { shrinkIfNeeded() }
    }

    private func tell(_ entries: [OutputEntry]) {
        for observer: WeakObserver in observers.withLock({ $0 }) { observer.observer?.stored(entries) }
    }

    // MARK: - Reading

    /// Entries from a number on: at most `limit`, of about `byteLimit` bytes, at least one if there is any; blocks on the disk.
    package func read(
        _ owner: OutputOwner, from sequence: UInt64, limit: Int, byteLimit: Int
    ) throws(JournalError) -> OutputPage {
        do throws(SystemError) {
            return try views.read(owner, from: sequence, limit: limit, byteLimit: byteLimit)
        } catch {
            throw .unavailable("the output cannot be read: \(error)")
        }
    }

    // MARK: - Retention

    /// Where a walk through the folders is.
    private struct Sweep: Sendable {
        var shard: Int
        var purpose: OutputWriter.Purpose
        /// Milliseconds between two folders.
        var pause: Int64
    }

    /// Milliseconds.
    private static let firstSweepDelay: Int64 = 2_000
    private static let fastPause: Int64 = 10
    /// One walk takes an hour.
    private static let slowPause: Int64 = 3_600_000 / Int64(2 * OutputPlace.shards)

    /// The one walk that is under way.
    private let nextSweep = Locked<WorkerThread.WakeToken?>(nil)
    private let isShrinking = Atomic<Bool>(false)

    private func scheduleSweep(after delay: Int64, _ sweep: Sweep) {
        nextSweep.withLock { next in
            if let next { worker.cancel(next) }
            next = worker.wake(at: SystemClock.monotonicMilliseconds() + delay) { [weak self] in self?.step(sweep) }
        }
    }

    private func step(_ sweep: Sweep) {
        let now = Instant(milliseconds: SystemClock.wallMilliseconds())
        writer.withLock { $0.sweep(shard: sweep.shard, at: now, sweep.purpose) }
        var next: Sweep = sweep
        next.shard += 1
        if next.shard == 2 * OutputPlace.shards { next = afterWalk(sweep) }
        scheduleSweep(after: next.pause, next)
    }

    /// What to do after all folders: if that is not enough, the oldest files go.
    private func afterWalk(_ sweep: Sweep) -> Sweep {
        switch sweep.purpose {
        case .count:
            if let time: Instant = writer.withLock({ OutputLog.shrinkTime($0) }) {
                return Sweep(shard: 0, purpose: .shrink(until: time), pause: OutputLog.fastPause)
            }
        case .shrink:
            break
        }
        isShrinking.store(false, ordering: .relaxed)
        return Sweep(shard: 0, purpose: .count, pause: OutputLog.slowPause)
    }

    private static func shrinkTime(_ writer: OutputWriter) -> Instant? {
        guard writer.isOverLimit else { return nil }
        return writer.usage.time(ofOldest: writer.usage.total - writer.configuration.bytesTotal / 10 * 9)
    }

    /// Walks through all folders at once when the logs have become too large since the last walk.
    private func shrinkIfNeeded() {
        guard writer.withLock({ $0.isOverLimit }) else { return }
        guard isShrinking.compareExchange(expected: false, desired: true, ordering: .relaxed).exchanged else { return }
        scheduleSweep(after: 0, Sweep(shard: 0, purpose: .count, pause: OutputLog.fastPause))
    }

    /// Walks through all folders now, as if it were a certain time, and then calls a body on the log's thread.
    ///
    /// The walk that is under way ends, as each walk notes anew how old everything is.
    package func sweep(at now: Instant, _ body: @escaping @Sendable () -> Void) {
        worker.execute { [self] in
            drain()
            writer.withLock { writer in
                for shard in 0..<2 * OutputPlace.shards { writer.sweep(shard: shard, at: now, .count) }
                if let time: Instant = OutputLog.shrinkTime(writer) {
                    for shard in 0..<2 * OutputPlace.shards {
                        writer.sweep(shard: shard, at: now, .shrink(until: time))
                    }
                }
            }
            isShrinking.store(false, ordering: .relaxed)
            scheduleSweep(
                after: OutputLog.slowPause, Sweep(shard: 0, purpose: .count, pause: OutputLog.slowPause))
            body()
        }
    }
}
