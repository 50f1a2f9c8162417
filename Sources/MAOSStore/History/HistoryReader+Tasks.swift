internal import MAOSCore

/// Lists of tasks.
extension HistoryReader {
    /// Tasks that one page holds at most.
    private static let pageLimit = 1_000

    func tasks(_ query: TaskQuery) throws -> TaskPage {
        let all: [JournalQueries.Bucket] = try queries.buckets()
        let wanted: [JournalQueries.Bucket] = all.filter { HistoryReader.isWanted($0, query) }
        let total: Int = wanted.reduce(0) { $0 + $1.count }
        let offset: Int = max(0, query.offset)
        let limit: Int = min(max(1, query.limit), HistoryReader.pageLimit)
        guard offset < total else { return TaskPage(tasks: [], total: total) }

        let bound: Int64 = query.before.map { Int64(clamping: $0) } ?? .max
        let numbers: [Int64] =
            wanted.count == all.count
            ? try newest(before: bound, limit: limit, offset: offset)
            : try newest(of: wanted, before: bound, limit: limit, offset: offset)
        var tasks: [TaskRecord] = []
        tasks.reserveCapacity(numbers.count)
        for number: Int64 in numbers {
            guard let task: TaskRecord = try queries.task(number: number) else {
                throw JournalError.corrupt("task \(number) is in the index only")
            }
            tasks.append(query.isBrief ? task.brief : task)
        }
        return TaskPage(tasks: tasks, total: total)
    }

    private static func isWanted(_ bucket: JournalQueries.Bucket, _ query: TaskQuery) -> Bool {
        if !query.statuses.isEmpty, !query.statuses.contains(bucket.status) { return false }
        if let kind: TaskKind = query.kind, kind.rawValue != bucket.kind { return false }
        if let priority: Priority = query.priority, priority != bucket.priority { return false }
        if query.isDeadLettersOnly, !bucket.isDeadLetter { return false }
        guard !query.projects.isEmpty else { return true }
        guard let project: String = bucket.project else { return false }
        return query.projects.contains(project)
    }

    private func newest(before end: Int64, limit: Int, offset: Int) throws -> [Int64] {
        try newestTasks.bind(Int64(limit), at: 1)
        try newestTasks.bind(Int64(offset), at: 2)
        try newestTasks.bind(end, at: 3)
        var numbers: [Int64] = []
        while try newestTasks.step() { numbers.append(newestTasks.int64(0)) }
        return numbers
    }

    /// Merges the newest of each bucket; a bucket is read only as far as it can still contribute.
    private func newest(
        of buckets: [JournalQueries.Bucket], before end: Int64, limit: Int, offset: Int
    ) throws -> [Int64] {
        if let only: JournalQueries.Bucket = buckets.first, buckets.count == 1 {
            var numbers: [Int64] = []
            try appendNewest(of: only.number, above: 0, before: end, limit: limit, offset: offset, to: &numbers)
            return numbers
        }
        let needed: Int = offset + limit
        var numbers: [Int64] = []
        var bound: Int64 = 0
        for bucket: JournalQueries.Bucket in buckets.sorted(by: { $0.count > $1.count }) {
            try appendNewest(of: bucket.number, above: bound, before: end, limit: needed, offset: 0, to: &numbers)
            guard numbers.count >= needed else { continue }
            numbers.sort(by: >)
            numbers.removeLast(numbers.count - needed)
            bound = numbers[needed - 1]
        }
        numbers.sort(by: >)
        return Array(numbers.dropFirst(offset).prefix(limit))
    }

    private func appendNewest(
        of bucket: Int64, above bound: Int64, before end: Int64, limit: Int, offset: Int, to numbers: inout [Int64]
    ) throws {
        try newestOfBucket.bind(bucket, at: 1)
        try newestOfBucket.bind(bound, at: 2)
        try newestOfBucket.bind(Int64(limit), at: 3)
        try newestOfBucket.bind(Int64(offset), at: 4)
        try newestOfBucket.bind(end, at: 5)
        while try newestOfBucket.step() { numbers.append(newestOfBucket.int64(0)) }
    }
}
