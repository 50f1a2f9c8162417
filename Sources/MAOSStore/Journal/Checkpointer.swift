internal import MAOSCore
internal import MAOSSystem
internal import Synchronization

/// Copies the write-ahead log into the database file on a thread of its own, so that no batch waits for it.
///
/// While batches keep coming the log would never be copied to its end, and only a log that has been can begin anew. So the
/// thread copies most of it alongside, and the little that has come since while the writer is held up.
final class Checkpointer: Sendable {
    /// Frames that may be left for the moment in which the writer is held up.
    private static let smallRest = 200
    /// How often the thread copies alongside before it takes the rest, however much that is.
    private static let rounds = 5

    private let worker: WorkerThread
    /// The connection, on the worker only; `nil` once closed.
    private let connection: Locked<Connection>
    private let isBusy = Atomic<Bool>(false)
    private let threshold: Int
    /// Frames from which on copying is worth while; more than `threshold` after it has failed.
    private let next: Atomic<Int>

    private final class Connection {
        let sqlite: SQLiteConnection

        init(_ sqlite: consuming SQLiteConnection) {
            self.sqlite = sqlite
        }
    }

    init(database: String, fileSystem: String?, threshold: Int) throws(JournalError) {
        self.threshold = threshold
        next = Atomic(threshold)
        connection = Locked(
            try journaling {
                let sqlite = try SQLiteConnection.open(path: database, mode: .writing, vfs: fileSystem)
                try sqlite.execute("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -64")
                return Connection(sqlite)
            })
        worker = WorkerThread(name: "maos-checkpoint")
        do throws(SystemError) { try worker.start() } catch { throw .unavailable("\(error)") }
    }

    deinit { worker.stop() }

    /// Whether a log of so many frames should be copied now, and nobody is at it.
    func wants(_ frames: Int) -> Bool {
        frames >= next.load(ordering: .relaxed) && !isBusy.load(ordering: .relaxed)
    }

    /// Copies the log.
    ///
    /// - Parameter rest: Copies what is left while nobody can write; returns whether that was everything.
    func start(rest: @escaping @Sendable () -> Bool) {
        guard isBusy.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged else {
            return
        }
        worker.execute { [self] in
            let isDone: Bool = copyAlongside() && rest()
            // A disk that is full, or somebody who reads for long: try again when the log has grown.
            next.store(isDone ? threshold : next.load(ordering: .relaxed) + threshold, ordering: .relaxed)
            isBusy.store(false, ordering: .releasing)
        }
    }

    private func copyAlongside() -> Bool {
        for _ in 0..<Checkpointer.rounds {
            let remaining: Int? = connection.withLock { connection in
                (try? connection.sqlite.checkpoint(.passive))?.remaining
            }
            guard let remaining else { return false }
            if remaining <= Checkpointer.smallRest { break }
        }
        return true
    }

    /// Ends the thread, after what it is doing.
    func close() {
        worker.stop()
        worker.join()
    }
}
