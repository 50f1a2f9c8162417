package import MAOSCore

/// Where a simulated server keeps what must survive it.
package protocol SimulatedDisk: AnyObject, Sendable {
    /// What the current run of the server writes.
    var journal: any Journal { get }
    /// What the current run of the server reads older facts from.
    var history: any History { get }

    /// Sees to it that writing may fail, or works again; called before every turn.
    func prepare(_ random: inout SeededRandom)

    /// The server has ended, with the power or without it, and a new one opens what is left.
    ///
    /// - Throws: What keeps it from being opened.
    func reopen(afterPowerCut: Bool, _ random: inout SeededRandom) throws(JournalError)
}

/// A disk in memory that never fails by itself.
package final class MemoryDisk: SimulatedDisk {
    private let memory = MemoryJournal(eventLimit: 1_000_000)

    /// Nothing is stored.
    package init() {}

    /// The journal in memory.
    package var journal: any Journal { memory }
    /// The journal in memory.
    package var history: any History { memory }

    /// Nothing fails here.
    package func prepare(_ random: inout SeededRandom) {}

    /// Nothing is lost here.
    package func reopen(afterPowerCut: Bool, _ random: inout SeededRandom) throws(JournalError) {}
}
