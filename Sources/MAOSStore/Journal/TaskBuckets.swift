internal import MAOSCore

/// What tasks in one bucket have in common.
struct BucketKey: Hashable {
    var status: TaskStatus
    var priority: Priority
    var kind: TaskKind
    var project: String?
    var isDeadLetter: Bool

    init(_ task: TaskRecord) {
        status = task.state.status
        priority = task.state.priority
        kind = task.specification.kind
        project = task.specification.project
        isDeadLetter = task.state.isDeadLetter
    }

    /// The bucket's flags as they are stored: a bit each.
    var flags: Int64 { isDeadLetter ? BucketKey.deadLetterFlag : 0 }

    /// The bit of buckets whose tasks are dead letters.
    static let deadLetterFlag: Int64 = 1
}

/// Finds the buckets that tasks belong to, makes those that are missing, and keeps count.
///
/// Counts gather while a batch is written and go to the table once, at its end.
final class TaskBuckets {
    /// Buckets that are remembered by key; beyond it, memory starts anew.
    private static let cacheLimit = 4_096

    private let find: SQLiteStatement
    private let insert: SQLiteStatement
    private let adjust: SQLiteStatement
    private let removeEmpty: SQLiteStatement
    private var numbers: [BucketKey: Int64] = [:]
    /// The bucket that was asked for last: the next task is often like the one before.
    private var recent: (key: BucketKey, number: Int64)?
    private var changes: [Int64: Int64] = [:]

    init(_ connection: borrowing SQLiteConnection) throws(SQLiteError) {
        find = try connection.statement(
            """
            SELECT id FROM task_buckets
            WHERE kind = ?1 AND project IS ?2 AND priority = ?3 AND status = ?4 AND flags = ?5
            """)
        insert = try connection.statement(
            """
            INSERT INTO task_buckets (kind, project, priority, status, flags, count)
            VALUES (?1, ?2, ?3, ?4, ?5, 0)
            """)
        adjust = try connection.statement("UPDATE task_buckets SET count = count + ?2 WHERE id = ?1")
        removeEmpty = try connection.statement(
            """
            DELETE FROM task_buckets
            WHERE count = 0 AND (SELECT count(*) FROM task_buckets) > \(TaskBuckets.cacheLimit)
            """)
    }

    /// The bucket of tasks like this; made if there is none.
    func number(
        of key: BucketKey, _ connection: borrowing SQLiteConnection
    ) throws(SQLiteError) -> Int64 {
        if let recent, recent.key == key { return recent.number }
        if let number: Int64 = numbers[key] {
            recent = (key, number)
            return number
        }
        let number: Int64
        try TaskBuckets.bind(key, to: find)
        if try find.step() {
            number = find.int64(0)
            find.reset()
        } else {
            try TaskBuckets.bind(key, to: insert)
            try insert.run()
            number = connection.lastInsertedRow
        }
        if numbers.count >= TaskBuckets.cacheLimit { numbers.removeAll(keepingCapacity: true) }
        numbers[key] = number
        recent = (key, number)
        return number
    }

    private static func bind(_ key: BucketKey, to statement: borrowing SQLiteStatement) throws(SQLiteError) {
        try statement.bind(copying: key.kind.rawValue, at: 1)
        try statement.bind(copying: key.project, at: 2)
        try statement.bind(Int64(key.priority.rawValue), at: 3)
        try statement.bind(Int64(key.status.rawValue), at: 4)
        try statement.bind(key.flags, at: 5)
    }

    /// Notes that so many tasks more, or fewer, are in a bucket.
    func change(_ bucket: Int64, by difference: Int64) {
        changes[bucket, default: 0] += difference
    }

    /// Writes the counts that have changed.
    func flush() throws(SQLiteError) {
        guard !changes.isEmpty else { return }
        for (bucket, difference) in changes where difference != 0 {
            try adjust.bind(bucket, at: 1)
            try adjust.bind(difference, at: 2)
            try adjust.run()
        }
        changes.removeAll(keepingCapacity: true)
    }

    /// Forgets everything that may not have been stored.
    func forget() {
        recent = nil
        numbers.removeAll(keepingCapacity: true)
        changes.removeAll(keepingCapacity: true)
    }

    /// Deletes buckets that no task is in, once there are many.
    func discardEmpty() throws(SQLiteError) {
        recent = nil
        numbers.removeAll(keepingCapacity: true)
        try removeEmpty.run()
    }
}
