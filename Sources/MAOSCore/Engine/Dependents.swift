/// The tasks that wait for one task, in the order in which they began to.
///
/// A task that ends early leaves its entry behind. An entry counts only in the life of the task that it was made in, so a
/// retried task is not counted twice; entries that were left behind are cleared away when they are the larger part.
struct Dependents: Sendable {
    struct Entry: Sendable {
        var task: TaskID
        /// The ``EngineState/LiveTask/life`` in which it waits.
        var life: UInt64
    }

    private(set) var entries: [Entry] = []
    private var abandoned: Int = 0

    /// Adds a task; O(1).
    mutating func append(_ task: TaskID, life: UInt64) { entries.append(Entry(task: task, life: life)) }

    /// Notes that a task waits no more; O(1) on average.
    mutating func abandon(isWaiting: (Entry) -> Bool) {
        abandoned += 1
        guard 2 * abandoned > entries.count else { return }
        entries.removeAll { !isWaiting($0) }
        abandoned = 0
    }
}
