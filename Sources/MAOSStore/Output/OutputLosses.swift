/// Output that the disk has refused, and that nobody will see.
package struct OutputLosses: Sendable, Hashable {
    /// Entries that could not be stored.
    package private(set) var entries: Int = 0
    /// Their bytes.
    package private(set) var bytes: Int = 0
    /// When some were lost last, in milliseconds of the monotonic clock; `nil` for never.
    package private(set) var last: Int64?

    /// Nothing was lost.
    init() {}

    /// Takes over the counts of a writer.
    mutating func note(_ dropped: (entries: Int, bytes: Int), at now: Int64) {
        guard dropped.entries != entries else { return }
        (entries, bytes) = dropped
        last = now
    }
}
