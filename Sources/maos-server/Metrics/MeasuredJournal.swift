internal import MAOSCore
internal import MAOSSystem

/// A journal that notes how long another takes to store; everything else is that one's.
final class MeasuredJournal: Journal {
    /// From the handing over of a batch until it is on the disk.
    let commits = MetricHistogram()
    let failures = MetricCounter()
    let events = MetricCounter()
    private let journal: any Journal

    init(_ journal: any Journal) { self.journal = journal }

    func load() throws(JournalError) -> RecoveredState { try journal.load() }

    func append(_ batch: Batch) throws(JournalError) {
        let begin: Int64 = SystemClock.monotonicNanoseconds()
        do throws(JournalError) {
            try journal.append(batch)
            events.add(UInt64(batch.events.count))
        } catch {
            failures.add()
            commits.add(nanoseconds: SystemClock.monotonicNanoseconds() - begin)
            throw error
        }
        commits.add(nanoseconds: SystemClock.monotonicNanoseconds() - begin)
    }

    func task(_ id: TaskID) throws(JournalError) -> TaskRecord? { try journal.task(id) }

    func entity(_ kind: EntityKind, id: String) throws(JournalError) -> EntityRow? {
        try journal.entity(kind, id: id)
    }

    func entities(_ query: EntityQuery) throws(JournalError) -> EntityPage { try journal.entities(query) }

    func discardExpired(at now: Instant) throws(JournalError) -> Bool { try journal.discardExpired(at: now) }
}
