internal import MAOSCore

/// Rows of the table `entities`, as journal and history both read them.
///
/// Statements are compiled for each use: reading entities is rare beside reading tasks, and a compiled statement takes
/// memory on every connection.
enum EntityQueries {
    private static let columns = "key, id, parent, status, project, created_at, ended_at, body"

    /// The key of an entity.
    static func key(_ kind: EntityKind, _ number: UInt64) -> Int64 { keys(of: kind).lowerBound | Int64(number) }

    private static func keys(of kind: EntityKind) -> ClosedRange<Int64> {
        let first: Int64 = Int64(kind.rawValue) << 48
        return first...(first | 0xFFFF_FFFF_FFFF)
    }

    /// A stored entity, in any state.
    static func entity(
        _ kind: EntityKind, id: String, _ connection: borrowing SQLiteConnection
    ) throws -> EntityRow? {
        let query: SQLiteStatement = try connection.statement(
            "SELECT \(columns) FROM entities INDEXED BY entities_by_id WHERE id = ?1 AND key >> 48 = ?2")
        try query.bind(copying: id, at: 1)
        try query.bind(Int64(kind.rawValue), at: 2)
        return try query.step() ? try row(query) : nil
    }

    /// The number of the newest entity of each kind that has any.
    static func lastNumbers(_ connection: borrowing SQLiteConnection) throws(SQLiteError) -> [EntityKind: UInt64] {
        let query: SQLiteStatement = try connection.statement(
            "SELECT max(key) FROM entities WHERE key BETWEEN ?1 AND ?2")
        var numbers: [EntityKind: UInt64] = [:]
        for kind: EntityKind in EntityKind.allCases {
            let keys: ClosedRange<Int64> = keys(of: kind)
            try query.bind(keys.lowerBound, at: 1)
            try query.bind(keys.upperBound, at: 2)
            if try query.step(), let key: Int64 = query.optionalInt64(0) {
                numbers[kind] = UInt64(key - keys.lowerBound)
            }
            query.reset()
        }
        return numbers
    }

    /// Everything that has not ended and everything whose parent has not, by kind and in order of creation.
    static func live(_ connection: borrowing SQLiteConnection) throws -> [EntityRow] {
        let query: SQLiteStatement = try connection.statement(
            """
            SELECT \(columns) FROM entities INDEXED BY entities_live WHERE ended_at IS NULL
            UNION
            SELECT \(columns) FROM entities INDEXED BY entities_by_parent
            WHERE parent IN (SELECT id FROM entities INDEXED BY entities_live WHERE ended_at IS NULL)
            ORDER BY key
            """)
        return try rows(query)
    }

    /// A page of a list, with how many there are in all.
    static func entities(_ query: EntityQuery, _ connection: borrowing SQLiteConnection) throws -> EntityPage {
        var condition = "key BETWEEN ?1 AND ?2"
        if query.parent != nil { condition += " AND parent = ?3" }
        if query.statuses != 0 { condition += " AND (?4 >> status) & 1" }
        if query.isLiveOnly { condition += " AND ended_at IS NULL" }
        if !query.projects.isEmpty {
            let places: String = query.projects.indices.map { "?\($0 + 7)" }.joined(separator: ", ")
            condition += " AND project IN (\(places))"
        }
        let counting: SQLiteStatement = try connection.statement("SELECT count(*) FROM entities WHERE \(condition)")
        try bind(query, to: counting)
        let total: Int = try counting.step() ? Int(counting.int64(0)) : 0

        let order: String = query.isOldestFirst ? "key" : "key DESC"
        let page: SQLiteStatement = try connection.statement(
            "SELECT \(columns) FROM entities WHERE \(condition) ORDER BY \(order) LIMIT ?5 OFFSET ?6")
        try bind(query, to: page)
        try page.bind(Int64(max(1, query.limit)), at: 5)
        try page.bind(Int64(max(0, query.offset)), at: 6)
        return EntityPage(rows: try rows(page), total: total)
    }

    private static func bind(_ query: EntityQuery, to statement: borrowing SQLiteStatement) throws(SQLiteError) {
        let keys: ClosedRange<Int64> = keys(of: query.kind)
        try statement.bind(keys.lowerBound, at: 1)
        try statement.bind(keys.upperBound, at: 2)
        if let parent: String = query.parent { try statement.bind(copying: parent, at: 3) }
        if query.statuses != 0 { try statement.bind(Int64(bitPattern: query.statuses), at: 4) }
        for (index, project) in query.projects.enumerated() {
            try statement.bind(copying: project, at: Int32(index + 7))
        }
    }

    private static func rows(_ statement: borrowing SQLiteStatement) throws -> [EntityRow] {
        var rows: [EntityRow] = []
        while try statement.step() { rows.append(try row(statement)) }
        return rows
    }

    private static func row(_ statement: borrowing SQLiteStatement) throws -> EntityRow {
        let key: Int64 = statement.int64(0)
        guard let kind = EntityKind(rawValue: UInt8(truncatingIfNeeded: key >> 48)),
            let status = UInt8(exactly: statement.int64(3))
        else { throw JournalError.corrupt("an entity has no kind or status") }
        return EntityRow(
            kind: kind, number: UInt64(key - keys(of: kind).lowerBound), id: statement.text(1),
            parent: statement.optionalText(2), status: status, project: statement.optionalText(4),
            createdAt: Instant(milliseconds: statement.int64(5)),
            endedAt: statement.optionalInt64(6).map { Instant(milliseconds: $0) }, body: statement.blob(7))
    }
}
