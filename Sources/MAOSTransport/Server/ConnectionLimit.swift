internal import Synchronization

/// How many connections there may be at once, counted over all listeners that share it.
package final class ConnectionLimit: Sendable {
    /// The most there may be.
    package let maximum: Int
    private let current = Atomic<Int>(0)
    private let everTaken = Atomic<Int>(0)
    private let everRefused = Atomic<Int>(0)

    /// Makes a limit.
    package init(maximum: Int) {
        precondition(maximum > 0, "a server has room for a connection")
        self.maximum = maximum
    }

    /// How many there are.
    package var count: Int { current.load(ordering: .relaxed) }

    /// How many there have ever been.
    package var takenCount: Int { everTaken.load(ordering: .relaxed) }

    /// How many found no place.
    package var refusedCount: Int { everRefused.load(ordering: .relaxed) }

    /// Takes a place; false if there is none left.
    func take() -> Bool {
        guard current.add(1, ordering: .relaxed).newValue > maximum else {
            everTaken.add(1, ordering: .relaxed)
            return true
        }
        current.subtract(1, ordering: .relaxed)
        everRefused.add(1, ordering: .relaxed)
        return false
    }

    /// Gives a place back.
    func giveBack() {
        current.subtract(1, ordering: .relaxed)
    }
}
