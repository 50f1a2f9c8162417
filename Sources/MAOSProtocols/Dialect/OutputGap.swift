package import MAOSCore

/// Stored entries of a log that a loop is not handed, because it was too busy for them: they stand in the log.
package struct OutputGap: Sendable, Hashable {
    /// Whose log.
    package let owner: OutputOwner
    /// The entries.
    package private(set) var sequences: ClosedRange<UInt64>
    /// How many bytes of them a terminal printed.
    package private(set) var terminalBytes: Int = 0

    /// Begins with an entry.
    package init(_ entry: OutputEntry) {
        owner = entry.owner
        sequences = entry.sequence...entry.sequence
        if entry.stream == .terminal { terminalBytes = entry.data.count }
    }

    /// Adds the next entry of the same log.
    package mutating func add(_ entry: OutputEntry) {
        sequences = sequences.lowerBound...max(sequences.upperBound, entry.sequence)
        if entry.stream == .terminal { terminalBytes += entry.data.count }
    }
}
