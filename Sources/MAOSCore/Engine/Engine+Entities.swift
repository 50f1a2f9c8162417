/// How the records that are stored as ``EntityRow``s come in and go out.
///
/// A kind of entity has an ``EntityTable`` in ``EngineState`` and a line in each of these functions.
extension Engine {
    /// What of the journal a command needs beside what the engine holds.
    package enum StoredReference: Hashable, Sendable {
        case entity(EntityKind, id: String)
        /// All entities of a kind that belong to this one, whether that is known or not.
        case children(EntityKind, of: String)
    }

    /// The stored entities that a command refers to and the engine does not hold.
    package func missingEntities(for command: Command) -> [StoredReference] {
        switch command {
        case .schedule(let command):
            guard let id: ScheduleID = command.id, state.schedules[id] == nil else { return [] }
            return [.entity(.schedule, id: id.rawValue)]
        case .workflow(let command):
            return missingRecords(for: command)
        case .pool(.configure(let wanted)):
            // A deleted pool may come back under its name.
            return wanted.keys.sorted().filter { state.pools[$0] == nil }.map { .entity(.pool, id: $0.rawValue) }
        case .once(_, let command):
            return missingEntities(for: command)
        default:
            return []
        }
    }

    /// Makes a stored entity known for the rest of the batch.
    ///
    /// - Throws: ``RecordCodingError`` when the row is damaged.
    package mutating func recall(_ row: EntityRow) throws(RecordCodingError) {
        switch row.kind {
        case .schedule: state.schedules.recall(try ScheduleRecord(row))
        case .allocation: state.allocations.recall(try AllocationRecord(row))
        case .pool: state.pools.recall(try PoolRecord(row))
        default: _ = try recallFlow(row)
        }
    }

    /// Takes over stored entities; to be called once, after ``load(_:at:)`` and before the first command.
    ///
    /// - Throws: ``RecordCodingError`` when a row is damaged.
    package mutating func loadEntities(_ recovered: RecoveredState) throws(RecordCodingError) {
        loadBudgets(try records(of: recovered), lastNumber: recovered.lastEntityNumbers[.budget] ?? 0)
        loadSchedules(try records(of: recovered), lastNumber: recovered.lastEntityNumbers[.schedule] ?? 0)
        try loadFlows(recovered)
        loadResources(
            try records(of: recovered), lastNumber: recovered.lastEntityNumbers[.allocation] ?? 0,
            quotas: try records(of: recovered))
        loadPools(try records(of: recovered), lastNumber: recovered.lastEntityNumbers[.pool] ?? 0)
    }

    /// The live entities of one kind.
    private func records<Record: StoredEntity>(of recovered: RecoveredState) throws(RecordCodingError) -> [Record] {
        var records: [Record] = []
        for row: EntityRow in recovered.entities where row.kind == Record.kind { records.append(try Record(row)) }
        return records
    }

    /// What the batch did to entities, once each.
    mutating func takeEntityRows() -> [EntityRow] {
        var rows: [EntityRow] = []
        state.schedules.takeRows(into: &rows)
        takeFlowRows(into: &rows)
        state.pools.takeRows(into: &rows)
        state.allocations.takeRows(into: &rows)
        state.quotas.takeRows(into: &rows)
        state.budgets.takeRows(into: &rows)
        return rows
    }
}
