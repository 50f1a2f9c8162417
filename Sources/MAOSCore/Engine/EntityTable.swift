/// The live records of one kind, and what the current batch did to them.
///
/// Records that have ended are not held. A command that names one has it recalled from the journal first, and it is known
/// until the end of the batch, or longer if the command made it live again.
package struct EntityTable<Record: StoredEntity>: Sendable {
    private struct Entry: Sendable {
        var record: Record
        var isChanged: Bool
    }

    private var entries: [Record.ID: Entry] = [:]
    /// In order of their first change.
    private var changed: [Record.ID] = []
    /// Ended records that this batch knows.
    private var recalled: [Record.ID] = []
    /// The number of the newest record ever made; 0 before the first.
    package private(set) var lastNumber: UInt64 = 0
    /// Records that have not ended.
    package private(set) var liveCount: Int = 0

    /// A table of nothing.
    package init() {}

    /// A live record, or an ended one that this batch knows.
    package subscript(id: Record.ID) -> Record? { entries[id]?.record }

    /// Live records in order of creation; O(n log n).
    package var live: [Record] {
        entries.values.lazy.map(\.record).filter { $0.endedAt == nil }.sorted { $0.number < $1.number }
    }

    /// The number for a record that is about to be inserted.
    package mutating func makeNumber() -> UInt64 {
        lastNumber += 1
        return lastNumber
    }

    /// Adds a new record; it is stored with the batch.
    package mutating func insert(_ record: Record) {
        precondition(entries[record.id] == nil, "an identifier is used once")
        entries[record.id] = Entry(record: record, isChanged: true)
        changed.append(record.id)
        if record.endedAt == nil { liveCount += 1 }
    }

    /// Changes a record, which is stored with the batch.
    ///
    /// - Returns: What the body returns; `nil` when the record is not known, and then nothing happens.
    @discardableResult
    package mutating func update<Value>(_ id: Record.ID, _ body: (inout Record) -> Value) -> Value? {
        guard let index = entries.index(forKey: id) else { return nil }
        let wasLive: Bool = entries.values[index].record.endedAt == nil
        let value: Value = body(&entries.values[index].record)
        let isLive: Bool = entries.values[index].record.endedAt == nil
        if isLive != wasLive { liveCount += isLive ? 1 : -1 }
        if !entries.values[index].isChanged {
            entries.values[index].isChanged = true
            changed.append(id)
        }
        return value
    }

    // MARK: The edges of a batch

    /// Takes over what is stored; before the first command.
    package mutating func load(_ records: [Record], lastNumber: UInt64) {
        self.lastNumber = lastNumber
        for record: Record in records { entries[record.id] = Entry(record: record, isChanged: false) }
        liveCount = records.count { $0.endedAt == nil }
    }

    /// Makes an ended record known for the rest of the batch.
    package mutating func recall(_ record: Record) {
        guard entries[record.id] == nil else { return }
        entries[record.id] = Entry(record: record, isChanged: false)
        recalled.append(record.id)
        if record.endedAt == nil { liveCount += 1 }
    }

    /// Gives what changed since the last call, and lets go of what has ended.
    package mutating func takeRows(into rows: inout [EntityRow]) {
        guard !changed.isEmpty || !recalled.isEmpty else { return }
        for id: Record.ID in changed {
            guard let record: Record = entries[id]?.record else { continue }
            rows.append(record.row)
            if record.endedAt == nil { entries[id]?.isChanged = false } else { entries[id] = nil }
        }
        for id: Record.ID in recalled where entries[id]?.record.endedAt != nil { entries[id] = nil }
        changed.removeAll(keepingCapacity: true)
        recalled.removeAll(keepingCapacity: true)
    }
}
