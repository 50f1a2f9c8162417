internal import MAOSCore

/// What journal and history both read.
final class JournalQueries {
    private let newestTask: SQLiteStatement
    private let newestAgent: SQLiteStatement
    private let newestEvents: SQLiteStatement
    private let taskByID: SQLiteStatement
    private let taskByNumber: SQLiteStatement
    private let specifications: SQLiteStatement
    private let allBuckets: SQLiteStatement
    private let agentByID: SQLiteStatement

    /// The block read last; blocks never change, and neighbours are often read together.
    private var block: SpecificationBlock?
    /// A larger block is not kept.
    private static let keptBlockSize = 64 * 1_024

    init(_ connection: borrowing SQLiteConnection) throws(SQLiteError) {
        newestTask = try connection.statement("SELECT max(number) FROM tasks")
        newestAgent = try connection.statement("SELECT max(number) FROM agents")
        newestEvents = try connection.statement(
            "SELECT last_sequence FROM event_batches ORDER BY first_sequence DESC LIMIT 1")
        taskByID = try connection.statement("SELECT number, state FROM tasks WHERE id = ?1")
        taskByNumber = try connection.statement("SELECT id, state FROM tasks WHERE number = ?1")
        specifications = try connection.statement(
            """
            SELECT first_number, last_number, body FROM task_specifications
            WHERE first_number <= ?1 ORDER BY first_number DESC LIMIT 1
            """)
        allBuckets = try connection.statement(
            "SELECT id, status, priority, kind, project, count, flags FROM task_buckets WHERE count > 0")
        agentByID = try connection.statement("SELECT record FROM agents WHERE id = ?1")
    }

    /// The number of the newest task; 0 when there is none.
    func lastTaskNumber() throws(SQLiteError) -> UInt64 { try number(newestTask) }

    /// The number of the newest agent; 0 when there is none.
    func lastAgentNumber() throws(SQLiteError) -> UInt64 { try number(newestAgent) }

    /// The sequence number of the newest event; 0 when there is none.
    func lastSequence() throws(SQLiteError) -> UInt64 { try number(newestEvents) }

    private func number(_ statement: borrowing SQLiteStatement) throws(SQLiteError) -> UInt64 {
        defer { statement.reset() }
        return try statement.step() ? UInt64(statement.int64(0)) : 0
    }

    /// A stored task.
    func task(_ id: TaskID) throws -> TaskRecord? {
        try taskByID.bind(copying: id.rawValue, at: 1)
        defer { taskByID.reset() }
        guard try taskByID.step() else { return nil }
        return try task(id, number: UInt64(taskByID.int64(0)), state: taskByID.blob(1))
    }

    /// A stored task.
    func task(number: Int64) throws -> TaskRecord? {
        try taskByNumber.bind(number, at: 1)
        defer { taskByNumber.reset() }
        guard try taskByNumber.step() else { return nil }
        return try task(TaskID(unchecked: taskByNumber.text(0)), number: UInt64(number), state: taskByNumber.blob(1))
    }

    /// Puts a task together with what never changes about it.
    func task(_ id: TaskID, number: UInt64, state: [UInt8]) throws -> TaskRecord {
        let block: SpecificationBlock? = try block(holding: number)
        guard let origin: ArraySlice<UInt8> = try block?.origin(of: number) else {
            throw JournalError.corrupt("task \(number) has no specification")
        }
        return try RecordCoding.task(id, number: number, origin: origin, state: RecordCoding.taskState(state[...]))
    }

    /// The block that holds a task, if any does.
    func block(holding number: UInt64) throws(SQLiteError) -> SpecificationBlock? {
        if let block, (block.first...block.last).contains(number) { return block }
        try specifications.bind(Int64(number), at: 1)
        defer { specifications.reset() }
        guard try specifications.step() else { return nil }
        let found = SpecificationBlock(
            first: UInt64(specifications.int64(0)), last: UInt64(specifications.int64(1)),
            body: specifications.blob(2))
        guard (found.first...found.last).contains(number) else { return nil }
        block = found.size <= JournalQueries.keptBlockSize ? found : nil
        return found
    }

    /// Forgets the block read last, which may have been deleted.
    func forgetBlock() { block = nil }

    /// A stored agent; of those that have had the identifier, the newest.
    func agent(_ id: AgentID) throws -> AgentRecord? {
        try agentByID.bind(copying: id.rawValue, at: 1)
        defer { agentByID.reset() }
        guard try agentByID.step() else { return nil }
        return try RecordCoding.agent(agentByID.blob(0)[...])
    }

    /// A bucket that has tasks.
    struct Bucket {
        var number: Int64
        var status: TaskStatus
        var priority: Priority
        var kind: String
        var project: String?
        var isDeadLetter: Bool
        var count: Int
    }

    /// All buckets that have tasks.
    func buckets() throws -> [Bucket] {
        var buckets: [Bucket] = []
        while try allBuckets.step() {
            guard let status = TaskStatus(rawValue: UInt8(truncatingIfNeeded: allBuckets.int64(1))),
                let priority = Priority(rawValue: UInt8(truncatingIfNeeded: allBuckets.int64(2)))
            else {
                allBuckets.reset()
                throw JournalError.corrupt("a bucket of tasks has no status or priority")
            }
            buckets.append(
                Bucket(
                    number: allBuckets.int64(0), status: status, priority: priority, kind: allBuckets.text(3),
                    project: allBuckets.optionalText(4),
                    isDeadLetter: allBuckets.int64(6) & BucketKey.deadLetterFlag != 0,
                    count: Int(allBuckets.int64(5))))
        }
        return buckets
    }
}
