internal import MAOSCore

/// The one writing connection, with its statements and what it remembers of the tables.
///
/// Not safe for several threads: ``SQLiteJournal`` holds it under a lock.
final class JournalWriter {
    let connection: SQLiteConnection
    let configuration: SQLiteStore.Configuration
    let buckets: TaskBuckets
    let queries: JournalQueries
    /// Where the next look for expired tasks, agents and entities begins.
    var taskSweep: Int64 = 0
    var agentSweep: Int64 = 0
    var entitySweep: Int64 = 0

    private let beginning: SQLiteStatement
    private let commit: SQLiteStatement
    private let rollback: SQLiteStatement
    private let insertTask: SQLiteStatement
    /// Inserts ``rowsAtOnce`` tasks.
    private let insertTasks: SQLiteStatement
    private let insertSpecification: SQLiteStatement
    private let bucketOfTask: SQLiteStatement
    private let updateTask: SQLiteStatement
    private let moveTask: SQLiteStatement
    private let replaceAgent: SQLiteStatement
    private let insertEvents: SQLiteStatement
    private let replaceIdempotency: SQLiteStatement

    /// Frames in the log after the last commit; in memory of its own, because SQLite writes it.
    private let frames: UnsafeMutablePointer<Int32>

    /// The number of the newest stored task; `nil` when it has to be looked up.
    private var lastTaskNumber: UInt64?
    /// The sequence number of the newest stored event; `nil` when it has to be looked up.
    private var lastSequence: UInt64?

    /// Everything a batch binds, in one buffer that does not move while it is written.
    private var arena = ByteWriter(reservingCapacity: 64 * 1_024)
    /// The batch's blocks of specifications.
    private var specifications = ByteWriter(reservingCapacity: 16 * 1_024)
    private var scratch = ByteWriter(reservingCapacity: 1_024)
    private var taskParts: [TaskParts] = []
    private var newTasks: [NewTask] = []
    private var blocks: [BlockParts] = []
    private var agentRecords: [Range<Int>] = []

    /// Where a block is among the batch's specifications.
    private struct BlockParts {
        var first: UInt64
        var last: UInt64
        var body: Range<Int>
    }

    /// Where the parts of a task are that are bound, in the arena.
    private struct TaskParts {
        var state: Range<Int>
        /// Empty where the task is stored already.
        var id: Range<Int>
    }

    /// A task that is to be inserted.
    private struct NewTask {
        /// Its place in the batch.
        var place: Int
        var bucket: Int64
    }

    /// Tasks that one statement inserts; a fifth of an insertion is what every statement costs.
    private static let rowsAtOnce: Int = 8
    private static let columnsOfTask: Int32 = 6

    /// The arena keeps at most this much memory between batches.
    private static let arenaLimit = 1 << 20

    init(_ connection: consuming SQLiteConnection, configuration: SQLiteStore.Configuration) throws(SQLiteError) {
        self.configuration = configuration
        buckets = try TaskBuckets(connection)
        queries = try JournalQueries(connection)
        beginning = try connection.statement("BEGIN IMMEDIATE")
        commit = try connection.statement("COMMIT")
        rollback = try connection.statement("ROLLBACK")
        let columns: String = "number, id, bucket, created_at, finished_at, state"
        let row: String = "(?, ?, ?, ?, ?, ?)"
        insertTask = try connection.statement("INSERT INTO tasks (\(columns)) VALUES \(row)")
        let rows: String = Array(repeating: row, count: JournalWriter.rowsAtOnce).joined(separator: ", ")
        insertTasks = try connection.statement("INSERT INTO tasks (\(columns)) VALUES \(rows)")
        insertSpecification = try connection.statement(
            "INSERT INTO task_specifications (first_number, last_number, body) VALUES (?1, ?2, ?3)")
        bucketOfTask = try connection.statement("SELECT bucket FROM tasks WHERE number = ?1")
        updateTask = try connection.statement("UPDATE tasks SET state = ?2 WHERE number = ?1")
        moveTask = try connection.statement(
            "UPDATE tasks SET bucket = ?3, finished_at = ?4, state = ?2 WHERE number = ?1")
        replaceAgent = try connection.statement(
            """
            INSERT OR REPLACE INTO agents (number, id, type, status, created_at, terminated_at, record)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
            """)
        insertEvents = try connection.statement(
            "INSERT INTO event_batches (first_sequence, last_sequence, time, body) VALUES (?1, ?2, ?3, ?4)")
        replaceIdempotency = try connection.statement(
            """
            INSERT OR REPLACE INTO idempotency (subject, key, fingerprint, task, expires)
            VALUES (?1, ?2, ?3, ?4, ?5)
            """)
        frames = .allocate(capacity: 1)
        frames.initialize(to: 0)
        connection.noteLogFrames(in: frames)
        self.connection = connection
    }

    deinit { frames.deallocate() }

    /// Frames in the log after the last commit.
    var logFrames: Int { Int(frames.pointee) }

    /// Sets a writing connection up, and the file too if it is a new one.
    static func prepare(_ connection: borrowing SQLiteConnection) throws {
        try connection.execute("PRAGMA page_size = 4096")
        let mode: String = try connection.text("PRAGMA journal_mode = WAL")
        guard mode == "wal" else { throw JournalError.unavailable("the database cannot keep a write-ahead log") }
        // FULL: a transaction is on the disk, not only on its way, when it has been committed.
        try connection.execute(
            """
            PRAGMA synchronous = FULL;
            PRAGMA wal_autocheckpoint = 0;
            PRAGMA journal_size_limit = 67108864;
            PRAGMA cache_size = -4096;
            PRAGMA secure_delete = OFF;
            PRAGMA temp_store = MEMORY;
            """)
    }

    // MARK: - Transactions

    /// Runs a body in a transaction, which is rolled back when anything of it fails.
    func transaction<Value>(_ body: () throws(SQLiteError) -> Value) throws(SQLiteError) -> Value {
        do throws(SQLiteError) {
            try beginning.run()
            let value: Value = try body()
            try buckets.flush()
            try commit.run()
            return value
        } catch {
            // A full disk has rolled it back already.
            if connection.isInTransaction { try? rollback.run() }
            buckets.forget()
            queries.forgetBlock()
            lastTaskNumber = nil
            lastSequence = nil
            throw error
        }
    }

    // MARK: - A batch

    /// Stores a batch, or nothing of it.
    func append(_ batch: Batch) throws(SQLiteError) {
        let lastTask: UInt64
        if let lastTaskNumber { lastTask = lastTaskNumber } else { lastTask = try queries.lastTaskNumber() }
        let last: UInt64
        if let lastSequence { last = lastSequence } else { last = try queries.lastSequence() }
        if let first: Event = batch.events.first {
            precondition(first.sequence == last + 1, "event \(first.sequence) does not follow event \(last)")
        }
        let events: Range<Int> = encode(batch, lastTask: lastTask)
        try arena.bytes.withUnsafeBufferPointer { (bytes: UnsafeBufferPointer<UInt8>) throws(SQLiteError) -> Void in
            try transaction { () throws(SQLiteError) -> Void in
                try write(batch, events: events, lastTask: lastTask, UnsafeRawBufferPointer(bytes))
            }
        }
        lastTaskNumber = batch.tasks.reduce(lastTask) { max($0, $1.number) }
        lastSequence = batch.events.last?.sequence ?? last
        if arena.bytes.capacity > JournalWriter.arenaLimit { arena = ByteWriter(reservingCapacity: 64 * 1_024) }
        if specifications.bytes.capacity > JournalWriter.arenaLimit { specifications = ByteWriter() }
    }

    /// Writes all records of a batch into the arena and notes where each is; returns where its events are.
    private func encode(_ batch: Batch, lastTask: UInt64) -> Range<Int> {
        arena.removeAll()
        taskParts.removeAll(keepingCapacity: true)
        agentRecords.removeAll(keepingCapacity: true)
        blocks.removeAll(keepingCapacity: true)
        specifications.removeAll()
        var newest: UInt64 = lastTask
        var isOrdered = true
        let tasks: Span<TaskRecord> = batch.tasks.span
        for place in tasks.indices {
            let state: Range<Int> = encode { RecordCoding.write(tasks[place].state, to: &$0) }
            let number: UInt64 = tasks[place].number
            guard number > lastTask else {
                taskParts.append(TaskParts(state: state, id: state.upperBound..<state.upperBound))
                continue
            }
            taskParts.append(TaskParts(state: state, id: encode { $0.text(of: tasks[place].id) }))
            isOrdered = isOrdered && number > newest
            newest = number
            encodeSpecification(of: tasks[place])
        }
        if !isOrdered { encodeSpecificationsInOrder(batch, lastTask: lastTask) }
        for agent: AgentRecord in batch.agents {
            agentRecords.append(encode { RecordCoding.write(agent, to: &$0) })
        }
        let start: Int = arena.bytes.count
        RecordCoding.write(
            block: batch.events, at: batch.time, createdTasks: .apart, to: &arena, scratch: &scratch)
        return start..<arena.bytes.count
    }

    /// Writes what never changes about a new task into the newest block, or into another when that is full.
    private func encodeSpecification(of task: TaskRecord) {
        let start: Int = specifications.bytes.count
        SpecificationBlock.append(task, to: &specifications, scratch: &scratch)
        let end: Int = specifications.bytes.count
        if let block: BlockParts = blocks.last, end - block.body.lowerBound <= SpecificationBlock.fullSize {
            blocks[blocks.count - 1].last = task.number
            blocks[blocks.count - 1].body = block.body.lowerBound..<end
        } else {
            blocks.append(BlockParts(first: task.number, last: task.number, body: start..<end))
        }
    }

    /// Blocks must not overlap, so new tasks that came in another order are written again in theirs.
    private func encodeSpecificationsInOrder(_ batch: Batch, lastTask: UInt64) {
        blocks.removeAll(keepingCapacity: true)
        specifications.removeAll()
        let new: [TaskRecord] = batch.tasks.filter { $0.number > lastTask }
        for task: TaskRecord in new.sorted(by: { $0.number < $1.number }) { encodeSpecification(of: task) }
    }

    @inline(__always)
    private func encode(_ body: (inout ByteWriter) -> Void) -> Range<Int> {
        let start: Int = arena.bytes.count
        body(&arena)
        return start..<arena.bytes.count
    }

    private func write(
        _ batch: Batch, events: Range<Int>, lastTask: UInt64, _ arena: UnsafeRawBufferPointer
    ) throws(SQLiteError) {
        newTasks.removeAll(keepingCapacity: true)
        let tasks: Span<TaskRecord> = batch.tasks.span
        for place in tasks.indices {
            let bucket: Int64 = try buckets.number(of: BucketKey(tasks[place]), connection)
            if tasks[place].number > lastTask {
                newTasks.append(NewTask(place: place, bucket: bucket))
            } else {
                let state = UnsafeRawBufferPointer(rebasing: arena[taskParts[place].state])
                try write(tasks[place], bucket: bucket, state: state)
            }
        }
        try insertNewTasks(of: batch, arena)
        if !blocks.isEmpty { try writeBlocks() }
        for (agent, record) in zip(batch.agents, agentRecords) {
            try write(agent, UnsafeRawBufferPointer(rebasing: arena[record]))
        }
        for entry: IdempotencyEntry in batch.idempotency { try write(entry) }
        if !batch.entities.isEmpty { try write(batch.entities) }
        try write(events: batch, UnsafeRawBufferPointer(rebasing: arena[events]))
    }

    /// Writes what has become of a task that was stored before.
    private func write(_ task: TaskRecord, bucket: Int64, state: UnsafeRawBufferPointer) throws(SQLiteError) {
        let number = Int64(task.number)
        try bucketOfTask.bind(number, at: 1)
        guard try bucketOfTask.step() else {
            // Its retention ended while somebody started it over.
            try insertTask.bind(task.id, at: 2)
            try bind(task, bucket: bucket, state: state, at: 0, to: insertTask)
            try insertTask.run()
            buckets.change(bucket, by: 1)
            return try insertSpecification(of: task)
        }
        let previous: Int64 = bucketOfTask.int64(0)
        bucketOfTask.reset()
        if previous == bucket {
            try updateTask.bind(number, at: 1)
            try updateTask.bindBlob(state, at: 2)
            try updateTask.run()
        } else {
            try moveTask.bind(number, at: 1)
            try moveTask.bindBlob(state, at: 2)
            try moveTask.bind(bucket, at: 3)
            try moveTask.bind(JournalWriter.finish(of: task), at: 4)
            try moveTask.run()
            buckets.change(previous, by: -1)
            buckets.change(bucket, by: 1)
        }
    }

    /// Inserts the new tasks, several with a statement where there are so many.
    private func insertNewTasks(of batch: Batch, _ arena: UnsafeRawBufferPointer) throws(SQLiteError) {
        var next: Int = 0
        while newTasks.count - next >= JournalWriter.rowsAtOnce {
            for row in 0..<JournalWriter.rowsAtOnce {
                try bind(newTasks[next + row], of: batch, arena, at: Int32(row), to: insertTasks)
            }
            try insertTasks.run()
            next += JournalWriter.rowsAtOnce
        }
        while next < newTasks.count {
            try bind(newTasks[next], of: batch, arena, at: 0, to: insertTask)
            try insertTask.run()
            next += 1
        }
        var counted: Int = 0
        while counted < newTasks.count {
            let bucket: Int64 = newTasks[counted].bucket
            let end: Int = newTasks[counted...].firstIndex { $0.bucket != bucket } ?? newTasks.count
            buckets.change(bucket, by: Int64(end - counted))
            counted = end
        }
    }

    private func bind(
        _ task: NewTask, of batch: Batch, _ arena: UnsafeRawBufferPointer, at row: Int32,
        to statement: borrowing SQLiteStatement
    ) throws(SQLiteError) {
        let parts: TaskParts = taskParts[task.place]
        let id = UnsafeRawBufferPointer(rebasing: arena[parts.id])
        try statement.bindText(id, at: row * JournalWriter.columnsOfTask + 2)
        try bind(
            batch.tasks[task.place], bucket: task.bucket,
            state: UnsafeRawBufferPointer(rebasing: arena[parts.state]), at: row, to: statement)
    }

    /// Binds everything of a task but its identifier.
    private func bind(
        _ task: TaskRecord, bucket: Int64, state: UnsafeRawBufferPointer, at row: Int32,
        to statement: borrowing SQLiteStatement
    ) throws(SQLiteError) {
        let first: Int32 = row * JournalWriter.columnsOfTask
        try statement.bind(Int64(task.number), at: first + 1)
        try statement.bind(bucket, at: first + 3)
        try statement.bind(task.createdAt.milliseconds, at: first + 4)
        try statement.bind(JournalWriter.finish(of: task), at: first + 5)
        try statement.bindBlob(state, at: first + 6)
    }

    private func writeBlocks() throws(SQLiteError) {
        try specifications.bytes.withUnsafeBufferPointer { (bytes: UnsafeBufferPointer<UInt8>) throws(SQLiteError) in
            let raw = UnsafeRawBufferPointer(bytes)
            for block: BlockParts in blocks {
                try insert(block.first, block.last, UnsafeRawBufferPointer(rebasing: raw[block.body]))
            }
        }
    }

    private func insert(_ first: UInt64, _ last: UInt64, _ block: UnsafeRawBufferPointer) throws(SQLiteError) {
        try insertSpecification.bind(Int64(first), at: 1)
        try insertSpecification.bind(Int64(last), at: 2)
        try insertSpecification.bindBlob(block, at: 3)
        try insertSpecification.run()
    }

    /// Writes a block for one task, unless an older block still has it.
    private func insertSpecification(of task: TaskRecord) throws(SQLiteError) {
        guard try queries.block(holding: task.number) == nil else { return }
        var writer = ByteWriter()
        SpecificationBlock.append(task, to: &writer, scratch: &scratch)
        try writer.bytes.withUnsafeBufferPointer { (block: UnsafeBufferPointer<UInt8>) throws(SQLiteError) -> Void in
            try insert(task.number, task.number, UnsafeRawBufferPointer(block))
        }
    }

    /// When a task became terminal; `nil` for one that is not.
    private static func finish(of task: TaskRecord) -> Int64? {
        task.status.isTerminal ? (task.state.finishedAt ?? task.state.updatedAt).milliseconds : nil
    }

    private func write(_ agent: AgentRecord, _ record: UnsafeRawBufferPointer) throws(SQLiteError) {
        let terminated: Int64? =
            agent.status == .terminated ? (agent.state.terminatedAt ?? agent.state.updatedAt).milliseconds : nil
        try replaceAgent.bind(Int64(agent.number), at: 1)
        try replaceAgent.bind(agent.id, at: 2)
        try replaceAgent.bind(Int64(agent.specification.type.rawValue), at: 3)
        try replaceAgent.bind(Int64(agent.status.rawValue), at: 4)
        try replaceAgent.bind(agent.createdAt.milliseconds, at: 5)
        try replaceAgent.bind(terminated, at: 6)
        try replaceAgent.bindBlob(record, at: 7)
        try replaceAgent.run()
    }

    private func write(_ entry: IdempotencyEntry) throws(SQLiteError) {
        try replaceIdempotency.bind(copying: entry.subject, at: 1)
        try replaceIdempotency.bind(copying: entry.key.key, at: 2)
        try replaceIdempotency.bind(Int64(bitPattern: entry.key.fingerprint), at: 3)
        try replaceIdempotency.bind(copying: entry.made.text, at: 4)
        try replaceIdempotency.bind(entry.expires.milliseconds, at: 5)
        try replaceIdempotency.run()
    }

    private func write(_ entities: [EntityRow]) throws(SQLiteError) {
        let replace: SQLiteStatement = try connection.statement(
            """
            INSERT INTO entities (key, id, parent, status, project, created_at, ended_at, body)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
            ON CONFLICT (key) DO UPDATE
            SET status = excluded.status, project = excluded.project, ended_at = excluded.ended_at, body = excluded.body
            """)
        for entity: EntityRow in entities {
            try replace.bind(EntityQueries.key(entity.kind, entity.number), at: 1)
            try replace.bind(copying: entity.id, at: 2)
            try replace.bind(copying: entity.parent, at: 3)
            try replace.bind(Int64(entity.status), at: 4)
            try replace.bind(copying: entity.project, at: 5)
            try replace.bind(entity.createdAt.milliseconds, at: 6)
            try replace.bind(entity.endedAt?.milliseconds, at: 7)
            try entity.body.withUnsafeBufferPointer { (body: UnsafeBufferPointer<UInt8>) throws(SQLiteError) -> Void in
                try replace.bindBlob(UnsafeRawBufferPointer(body), at: 8)
                try replace.run()
            }
        }
    }

    private func write(events batch: Batch, _ block: UnsafeRawBufferPointer) throws(SQLiteError) {
        guard let first: Event = batch.events.first, let last: Event = batch.events.last else { return }
        try insertEvents.bind(Int64(first.sequence), at: 1)
        try insertEvents.bind(Int64(last.sequence), at: 2)
        try insertEvents.bind(batch.time.milliseconds, at: 3)
        try insertEvents.bindBlob(block, at: 4)
        try insertEvents.run()
    }
}
