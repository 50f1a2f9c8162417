extension ScheduleRecord: StoredEntity {
    /// A schedule.
    package static var kind: EntityKind { .schedule }
    /// Its status.
    package var statusNumber: UInt8 { status.rawValue }

    /// Writes all of it.
    package func write(to writer: inout ByteWriter) {
        writer.string(id.rawValue)
        writer.varint(number)
        writer.string(owner)
        writer.optionalString(team)
        writer.zigzag(createdAt.milliseconds)
        writer.zigzag(updatedAt.milliseconds)
        writer.optionalZigzag(endedAt?.milliseconds)
        writer.uint8(status.rawValue)
        writer.optionalZigzag(nextRun?.milliseconds)
        writer.optionalZigzag(nextDue?.milliseconds)
        writer.optionalZigzag(lastRun?.milliseconds)
        writer.optionalString(newest?.id)
        writer.varint(UInt64(runs))
        writer.varint(UInt64(skipped))
        writer.varint(UInt64(missed))
        writer.list(active) { $0.string($1.id) }
        writer.list(waiting) { $0.zigzag($1.milliseconds) }
        writer.optionalString(error)
        RecordCoding.put(specification, to: &writer)
        RecordCoding.put(pastTimes, to: &writer)
    }

    /// Reads what ``write(to:)`` wrote.
    package init(from reader: inout ByteReader) throws(ByteReaderError) {
        let start: Int = reader.offset
        guard let id = ScheduleID(try reader.string()) else { throw .malformed(offset: start) }
        let number: UInt64 = try reader.varint()
        let owner: String = try reader.string()
        let team: String? = try reader.optionalString()
        let created = Instant(milliseconds: try reader.zigzag())
        let updated = Instant(milliseconds: try reader.zigzag())
        let ended: Instant? = try RecordCoding.optionalInstant(from: &reader)
        let status: ScheduleStatus = try RecordCoding.raw(from: &reader)
        let next: Instant? = try RecordCoding.optionalInstant(from: &reader)
        let due: Instant? = try RecordCoding.optionalInstant(from: &reader)
        let last: Instant? = try RecordCoding.optionalInstant(from: &reader)
        let newestStart: Int = reader.offset
        let newest: String? = try reader.optionalString()
        let runs: Int = try RecordCoding.natural(from: &reader)
        let skipped: Int = try RecordCoding.natural(from: &reader)
        let missed: Int = try RecordCoding.natural(from: &reader)
        let active: [String] = try reader.list(minimumSize: 2) {
            (reader: inout ByteReader) throws(ByteReaderError) in try reader.string()
        }
        let waiting: [Instant] = try reader.list(minimumSize: 1) {
            (reader: inout ByteReader) throws(ByteReaderError) in Instant(milliseconds: try reader.zigzag())
        }
        let error: String? = try reader.optionalString()
        let specification: ScheduleSpecification = try RecordCoding.scheduleSpecification(from: &reader)
        self.init(
            id: id, number: number, specification: specification, owner: owner, team: team, createdAt: created)
        updatedAt = updated
        endedAt = ended
        self.status = status
        nextRun = next
        nextDue = due
        lastRun = last
        self.runs = runs
        self.skipped = skipped
        self.missed = missed
        // What they are follows from what is started.
        if let newest {
            guard let run = ScheduleRun(newest, of: specification.target) else { throw .malformed(offset: newestStart) }
            self.newest = run
        }
        for text: String in active {
            guard let run = ScheduleRun(text, of: specification.target) else { throw .malformed(offset: newestStart) }
            self.active.append(run)
        }
        self.waiting = waiting
        self.error = error
        if reader.isAtEnd {
            // Of an older form, which knows of one time only.
            if let last { pastTimes.note(last) }
        } else {
            pastTimes = try RecordCoding.pastTimes(from: &reader)
        }
    }
}

extension ScheduleRun {
    /// What a target starts under an identifier; `nil` for a text that is none.
    fileprivate init?(_ text: String, of target: ScheduleTarget) {
        switch target {
        case .task:
            guard let id = TaskID(text) else { return nil }
            self = .task(id)
        case .execution:
            guard let id = ExecutionID(text) else { return nil }
            self = .execution(id)
        }
    }
}

/// Schedules and their parts.
extension RecordCoding {
    static func optionalInstant(from reader: inout ByteReader) throws(ByteReaderError) -> Instant? {
        try reader.optionalZigzag().map { Instant(milliseconds: $0) }
    }

    /// Reads a count of things that are not in the record.
    static func natural(from reader: inout ByteReader) throws(ByteReaderError) -> Int {
        let start: Int = reader.offset
        guard let value = Int(exactly: try reader.varint()) else { throw .malformed(offset: start) }
        return value
    }

    static func put(_ specification: ScheduleSpecification, to writer: inout ByteWriter) {
        writer.string(specification.name)
        put(specification.recurrence, to: &writer)
        writer.string(specification.timeZone)
        writer.optionalZigzag(specification.start?.milliseconds)
        writer.optionalZigzag(specification.end?.milliseconds)
        writer.optionalZigzag(specification.maximumRuns.map { Int64($0) })
        writer.zigzag(specification.jitter.count)
        writer.uint8(specification.gap?.rawValue ?? 0)
        writer.uint8(specification.repeated?.rawValue ?? 0)
        writer.uint8(specification.catchUp.rawValue)
        writer.uint8(specification.overlap.rawValue)
        switch specification.target {
        case .task(let task):
            writer.uint8(1)
            put(task, to: &writer)
        case .execution(let execution):
            writer.uint8(execution.budget.isEmpty ? 2 : 3)
            writer.string(execution.workflow.rawValue)
            writer.optionalString(execution.project)
            writer.data(execution.parameters.utf8)
            writer.list(execution.overrides) {
                $0.string($1.step)
                $0.data($1.configuration.utf8)
            }
            if !execution.budget.isEmpty { put(execution.budget, to: &writer) }
        }
    }

    static func put(_ times: PastTimes, to writer: inout ByteWriter) {
        writer.list(times.rows) {
            $0.zigzag($1.first.milliseconds)
            $0.zigzag($1.step.count)
            $0.zigzag($1.count)
        }
    }

    static func pastTimes(from reader: inout ByteReader) throws(ByteReaderError) -> PastTimes {
        let rows: [PastTimes.Row] = try reader.list(minimumSize: 3) {
            (reader: inout ByteReader) throws(ByteReaderError) in
            let start: Int = reader.offset
            let first: Int64 = try reader.zigzag()
            let step: Int64 = try reader.zigzag()
            let count: Int64 = try reader.zigzag()
            guard count >= 1, step >= 0, (count == 1) == (step == 0) else { throw .malformed(offset: start) }
            let (length, isTooLong): (Int64, Bool) = step.multipliedReportingOverflow(by: count - 1)
            guard !isTooLong, !first.addingReportingOverflow(length).overflow else { throw .malformed(offset: start) }
            return PastTimes.Row(
                first: Instant(milliseconds: first), step: Milliseconds(step), count: count)
        }
        return PastTimes(rows: rows)
    }

    static func scheduleSpecification(from reader: inout ByteReader) throws(ByteReaderError) -> ScheduleSpecification {
        let name: String = try reader.string()
        let recurrence: Recurrence = try recurrence(from: &reader)
        let zone: String = try reader.string()
        let first: Instant? = try optionalInstant(from: &reader)
        let end: Instant? = try optionalInstant(from: &reader)
        let maximum: Int? = try reader.optionalZigzag().map { Int($0) }
        let jitter = Milliseconds(try reader.zigzag())
        let gap: GapRule? = try optionalRaw(from: &reader)
        let repeated: RepeatRule? = try optionalRaw(from: &reader)
        let catchUp: CatchUpPolicy = try raw(from: &reader)
        let overlap: OverlapPolicy = try raw(from: &reader)
        return ScheduleSpecification(
            name: name, recurrence: recurrence, timeZone: zone, start: first, end: end, maximumRuns: maximum,
            jitter: jitter, gap: gap, repeated: repeated, catchUp: catchUp, overlap: overlap,
            target: try scheduleTarget(from: &reader))
    }

    private static func scheduleTarget(from reader: inout ByteReader) throws(ByteReaderError) -> ScheduleTarget {
        let start: Int = reader.offset
        let tag: UInt8 = try reader.uint8()
        switch tag {
        case 1: return .task(try specification(from: &reader))
        case 2, 3:
            var execution = ScheduledExecution(workflow: try identifier(from: &reader))
            execution.project = try reader.optionalString()
            execution.parameters = try json(from: &reader)
            execution.overrides = try reader.list(minimumSize: 2) {
                (reader: inout ByteReader) throws(ByteReaderError) in
                WorkflowOverride(step: try reader.string(), configuration: try json(from: &reader))
            }
            if tag == 3 { execution.budget = try budget(from: &reader) }
            return .execution(execution)
        default: throw .malformed(offset: start)
        }
    }

    /// Reads one byte that must be a case's number, or 0 for none.
    private static func optionalRaw<Value: RawRepresentable<UInt8>>(
        from reader: inout ByteReader
    ) throws(ByteReaderError) -> Value? {
        let start: Int = reader.offset
        let number: UInt8 = try reader.uint8()
        guard number != 0 else { return nil }
        guard let value = Value(rawValue: number) else { throw .malformed(offset: start) }
        return value
    }

    private static func put(_ recurrence: Recurrence, to writer: inout ByteWriter) {
        switch recurrence {
        case .instant(let instant):
            writer.uint8(1)
            writer.zigzag(instant.milliseconds)
        case .local(let local):
            writer.uint8(2)
            writer.zigzag(local.seconds)
        case .daily(let every, let time):
            writer.uint8(3)
            writer.varint(UInt64(every))
            writer.varint(UInt64(time.seconds))
        case .weekly(let every, let days, let time):
            writer.uint8(4)
            writer.varint(UInt64(every))
            writer.varint(UInt64(time.seconds))
            writer.uint8(days.reduce(0) { $0 | 1 << $1.rawValue })
        case .monthly(let every, let day, let time):
            writer.uint8(5)
            writer.varint(UInt64(every))
            writer.varint(UInt64(time.seconds))
            if case .day(let number) = day { writer.uint8(UInt8(number)) } else { writer.uint8(0) }
        case .cron(let expression):
            writer.uint8(6)
            writer.string(expression.description)
        }
    }

    private static func recurrence(from reader: inout ByteReader) throws(ByteReaderError) -> Recurrence {
        let start: Int = reader.offset
        let tag: UInt8 = try reader.uint8()
        switch tag {
        case 1: return .instant(Instant(milliseconds: try reader.zigzag()))
        case 2: return .local(LocalTime(seconds: try reader.zigzag()))
        case 3...5:
            let every: Int = try natural(from: &reader)
            guard Recurrence.intervals.contains(every), let time = TimeOfDay(seconds: try natural(from: &reader)) else {
                throw .malformed(offset: start)
            }
            if tag == 3 { return .daily(every: every, at: time) }
            let bits: UInt8 = try reader.uint8()
            if tag == 4 {
                let days = Set(Weekday.allCases.filter { bits >> $0.rawValue & 1 == 1 })
                guard !days.isEmpty else { throw .malformed(offset: start) }
                return .weekly(every: every, on: days, at: time)
            }
            guard bits <= 31 else { throw .malformed(offset: start) }
            return .monthly(every: every, on: bits == 0 ? .last : .day(Int(bits)), at: time)
        case 6:
            let text: String = try reader.string()
            do throws(CronExpression.Failure) {
                return .cron(try CronExpression(text))
            } catch {
                throw .malformed(offset: start)
            }
        default: throw .malformed(offset: start)
        }
    }
}
