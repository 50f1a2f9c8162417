/// When a task may start, and which tasks like it follow.
public struct TaskSchedule: Hashable, Sendable {
    /// Before this the task waits.
    public var time: Instant
    /// When tasks like it follow; `nil` for a task of one time.
    public var recurrence: TaskRecurrence?

    /// A time, with what follows.
    public init(at time: Instant, recurrence: TaskRecurrence? = nil) {
        self.time = time
        self.recurrence = recurrence
    }
}

/// How a task comes back: on the clocks of its zone always at the same time of day.
///
/// Each time is a task of its own, made when the one before it is let go: it waits there for everyone to see, and the recurrence ends when it is
/// cancelled. The first keeps its identifier `ID`, those after it are `ID_run_2`, `ID_run_3` and so on.
public struct TaskRecurrence: Hashable, Sendable {
    /// How far its times are apart.
    public enum Interval: UInt8, Sendable, CaseIterable {
        case daily = 1
        /// On the weekday of the first time.
        case weekly
        /// On the day of the month of the first time; on the last day of a month that is too short.
        case monthly

        /// The name on the wire.
        public var name: String {
            switch self {
            case .daily: "daily"
            case .weekly: "weekly"
            case .monthly: "monthly"
            }
        }
    }

    /// How far its times are apart.
    public var interval: Interval
    /// The zone whose clocks are meant, by its IANA name.
    public var timeZone: String
    /// No time is later than this.
    public var end: Instant?
    /// 1…1,000,000; so many tasks, with the first.
    public var maximumRuns: Int?
    /// 1 for the first task; the engine counts.
    package var run: Int = 1
    /// The first task and its time, which all others follow; the engine fills it in.
    package var first: First?

    /// Where a recurrence began.
    package struct First: Hashable, Sendable {
        package var task: TaskID
        package var time: Instant

        package init(task: TaskID, time: Instant) {
            self.task = task
            self.time = time
        }
    }

    /// A recurrence in UTC without an end, unless said.
    public init(_ interval: Interval, timeZone: String = "UTC", end: Instant? = nil, maximumRuns: Int? = nil) {
        self.interval = interval
        self.timeZone = timeZone
        self.end = end
        self.maximumRuns = maximumRuns
    }

    /// How long an identifier may be whose runs are to have one of at most 100 characters.
    static let identifierLength: Int = 100 - "_run_1000000".utf8.count

    /// The times, as they follow from the first.
    func timetable(from first: Instant, _ rules: TimeZoneRules) -> Timetable {
        let seconds: Int64 = first.milliseconds / 1_000 - (first.milliseconds % 1_000 < 0 ? 1 : 0)
        let local: LocalTime = rules.local(at: seconds)
        let time = TimeOfDay(of: local)
        let recurrence: Recurrence =
            switch interval {
            case .daily: .daily(every: 1, at: time)
            case .weekly: .weekly(every: 1, on: [local.weekday], at: time)
            case .monthly: .monthly(every: 1, on: .day(local.date.day), at: time)
            }
        return Timetable(recurrence, zone: rules, start: first, end: end)
    }
}

/// A task's own schedule.
extension RecordCoding {
    static func put(_ schedule: TaskSchedule, to writer: inout ByteWriter) {
        writer.zigzag(schedule.time.milliseconds)
        guard let recurrence: TaskRecurrence = schedule.recurrence else { return writer.uint8(0) }
        writer.uint8(recurrence.interval.rawValue)
        writer.string(recurrence.timeZone)
        writer.optionalZigzag(recurrence.end?.milliseconds)
        writer.optionalZigzag(recurrence.maximumRuns.map { Int64($0) })
        writer.varint(UInt64(recurrence.run))
        writer.optional(recurrence.first) {
            $0.identifier($1.task)
            $0.zigzag($1.time.milliseconds)
        }
    }

    static func taskSchedule(from reader: inout ByteReader) throws(ByteReaderError) -> TaskSchedule {
        var schedule = TaskSchedule(at: Instant(milliseconds: try reader.zigzag()))
        let start: Int = reader.offset
        let number: UInt8 = try reader.uint8()
        guard number != 0 else { return schedule }
        guard let interval = TaskRecurrence.Interval(rawValue: number) else { throw .malformed(offset: start) }
        var recurrence = TaskRecurrence(interval, timeZone: try reader.string())
        recurrence.end = try optionalInstant(from: &reader)
        recurrence.maximumRuns = try reader.optionalZigzag().map { Int($0) }
        recurrence.run = try natural(from: &reader)
        recurrence.first = try reader.optional {
            (reader: inout ByteReader) throws(ByteReaderError) in
            TaskRecurrence.First(
                task: try taskID(from: &reader), time: Instant(milliseconds: try reader.zigzag()))
        }
        schedule.recurrence = recurrence
        return schedule
    }
}
