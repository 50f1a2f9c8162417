/// The tasks of one lane that stand aside before a gate, by project.
///
/// A gate holds the lanes apart, because a task that it lets through may still have to wait for an agent: those of other
/// lanes, whose agents may be free, do not wait for that.
struct GateSide: Sendable {
    /// Those of one project.
    struct Queue: Sendable {
        /// In the order in which they would be started; those that left are stale.
        var heap = Heap<ReadyQueue.Place>()
        var waiting: Int = 0
    }

    /// By share.
    private(set) var queues: [Int: Queue] = [:]
    /// How many wait.
    private(set) var waiting: Int = 0
    /// The task that was let through last, by entry, and the order of its place in the lane: stale when it has left that.
    var passing: (entry: Int, order: UInt64)?

    /// All places, stale ones included, in no order that means anything.
    var places: [ReadyQueue.Place] { queues.values.flatMap(\.heap.unordered) }

    /// A task comes to stand aside.
    mutating func insert(_ place: ReadyQueue.Place, share: Int) {
        queues[share, default: Queue()].heap.insert(place)
        queues[share]?.waiting += 1
        waiting += 1
    }

    /// A task stands aside no more; its place has become stale.
    mutating func remove(share: Int, isStale: (ReadyQueue.Place) -> Bool) {
        waiting -= 1
        queues[share]?.waiting -= 1
        guard let left: Int = queues[share]?.waiting, let stored: Int = queues[share]?.heap.count else { return }
        if left == 0 {
            queues[share] = nil
        } else if stored > 1_024, stored > 2 * left {
            queues[share]?.heap.removeAll(where: isStale)
        }
    }

    /// The first task of a project.
    mutating func first(share: Int, isStale: (ReadyQueue.Place) -> Bool) -> ReadyQueue.Place? {
        while let place: ReadyQueue.Place = queues[share]?.heap.first {
            guard isStale(place) else { return place }
            _ = queues[share]?.heap.popFirst()
        }
        return nil
    }
}
