package import MAOSCore

/// What tasks have to be like; without anything, all are.
package struct OpenCodeTaskFilter: Sendable, Hashable {
    /// Any of these, as clients name them.
    package var statuses: [String] = []
    /// Any of these, as clients name them.
    package var types: [String] = []
    /// Any of these.
    package var priorities: [Priority] = []
    /// Created later.
    package var createdAfter: Instant?
    /// Created earlier.
    package var createdBefore: Instant?
    /// Whether they depend on others.
    package var hasDependencies: Bool?
    /// At least, in percent.
    package var leastProgress: Double?
    /// At most, in percent.
    package var mostProgress: Double?
    /// Text of the description, in lower case.
    package var descriptionContains: String?
    /// Exactly this pattern.
    package var filesPattern: String?

    /// All tasks.
    package init() {}

    /// Whether a task is like that.
    func matches(_ task: TaskRecord) -> Bool {
        let specification: TaskSpecification = task.specification
        if !statuses.isEmpty, !statuses.contains(OpenCodeVocabulary.name(of: task.status)) { return false }
        if !types.isEmpty, !types.contains(OpenCodeVocabulary.name(of: specification.kind)) { return false }
        if !priorities.isEmpty, !priorities.contains(task.state.priority) { return false }
        if let createdAfter, task.createdAt <= createdAfter { return false }
        if let createdBefore, task.createdAt >= createdBefore { return false }
        if let hasDependencies, specification.dependencies.isEmpty == hasDependencies { return false }
        if leastProgress != nil || mostProgress != nil {
            let percent = Double(OpenCodeVocabulary.percent(task.state))
            guard (leastProgress ?? 0)...max(leastProgress ?? 0, mostProgress ?? 100) ~= percent else { return false }
        }
        if let descriptionContains, !specification.description.lowercased().contains(text: descriptionContains) {
            return false
        }
        guard let filesPattern else { return true }
        return OpenCodeProjection.filesPattern(of: task) == filesPattern
    }

    /// Whether the history can answer all of it by itself.
    fileprivate var isIndexed: Bool {
        createdAfter == nil && createdBefore == nil && hasDependencies == nil && leastProgress == nil
            && mostProgress == nil && descriptionContains == nil && filesPattern == nil && priorities.count <= 1
            && (types.isEmpty || kind != nil)
    }

    /// The kind that the wanted type stands for, where it is one type that stands for one kind.
    fileprivate var kind: TaskKind? {
        guard types.count == 1, let type: String = types.first, type != "analysis", type != "feature" else {
            return nil
        }
        return TaskKind(type)
    }
}

/// Finds a page of tasks, read by read, so that others get their turns between them.
///
/// What the history has indexes for is one read. Everything else goes through the tasks from the newest on, a thousand at
/// a time, and keeps of those that match what it takes to sort them.
struct OpenCodeTaskSearch: Sendable {
    /// What it found.
    struct Page: Sendable {
        var tasks: [TaskRecord] = []
        var totalCount: Int = 0
        var filteredCount: Int = 0
    }

    private enum Stage {
        case total
        case indexed
        case scan(before: UInt64?)
        case fetch
        case done
    }

    private struct Kept {
        var key: SortKey
        var number: UInt64
        var id: TaskID
    }

    /// What tasks are compared by; those that have none come last.
    private enum SortKey: Comparable {
        case number(Int64)
        case text(String)
        case none
    }

    /// Tasks that may be left out at first where the history has no index for the order.
    static let offsetLimit: Int = 100_000
    private static let sliceLength: Int = 1_000

    let list: OpenCodeTaskList
    private(set) var page = Page()
    private let projects: [String]
    private var stage: Stage
    private var kept: [Kept] = []
    private var wantedIDs: [TaskID] = []

    init(_ list: OpenCodeTaskList, projects: [String]) {
        self.list = list
        self.projects = projects
        stage = .total
    }

    private var isNewestFirst: Bool { list.order == OpenCodeTaskOrder() }

    private var baseQuery: TaskQuery {
        var query = TaskQuery()
        query.projects = projects
        if !list.filter.statuses.isEmpty {
            query.statuses = OpenCodeVocabulary.statuses(named: list.filter.statuses)
        }
        query.kind = list.filter.kind
        if list.filter.priorities.count == 1 { query.priority = list.filter.priorities.first }
        return query
    }

    /// What is to be read next; `nil` when the page is complete.
    var next: StoreRead? {
        switch stage {
        case .total:
            var query = TaskQuery()
            query.projects = projects
            query.limit = 1
            query.isBrief = true
            return .tasks(query)
        case .indexed:
            var query: TaskQuery = baseQuery
            query.offset = list.offset
            query.limit = list.limit
            return .tasks(query)
        case .scan(let before):
            var query: TaskQuery = baseQuery
            query.before = before
            query.limit = OpenCodeTaskSearch.sliceLength
            // The pattern is among what brief records lack.
            query.isBrief = list.filter.filesPattern == nil
            return .tasks(query)
        case .fetch:
            return .tasksNamed(wantedIDs)
        case .done:
            return nil
        }
    }

    /// Takes what was read.
    mutating func take(_ found: TaskPage) {
        switch stage {
        case .total:
            page.totalCount = found.total
            stage = list.filter.isIndexed && isNewestFirst ? .indexed : .scan(before: nil)
        case .indexed:
            page.filteredCount = found.total
            page.tasks = found.tasks
            stage = .done
        case .scan:
            scan(found.tasks)
        case .fetch:
            page.tasks = found.tasks
            stage = .done
        case .done:
            break
        }
    }

    private mutating func scan(_ tasks: [TaskRecord]) {
        var isPastEnd: Bool = tasks.count < OpenCodeTaskSearch.sliceLength
        for task: TaskRecord in tasks {
            if let after: Instant = list.filter.createdAfter, task.createdAt <= after {
                // All others are older.
                isPastEnd = true
                break
            }
            guard list.filter.matches(task) else { continue }
            page.filteredCount += 1
            keep(task)
        }
        if !isPastEnd, let last: TaskRecord = tasks.last {
            stage = .scan(before: last.number)
            return
        }
        sortKept()
        wantedIDs = kept.dropFirst(list.offset).prefix(list.limit).map(\.id)
        kept = []
        stage = wantedIDs.isEmpty ? .done : .fetch
    }

    private mutating func keep(_ task: TaskRecord) {
        let room: Int = list.offset + list.limit
        if isNewestFirst {
            // They come in order.
            if kept.count < room { kept.append(Kept(key: .none, number: task.number, id: task.id)) }
            return
        }
        kept.append(Kept(key: sortKey(of: task), number: task.number, id: task.id))
        guard kept.count >= 2 * room + OpenCodeTaskSearch.sliceLength else { return }
        sortKept()
        kept.removeLast(kept.count - room)
    }

    private mutating func sortKept() {
        guard !isNewestFirst else { return }
        let isAscending: Bool = list.order.isAscending
        kept.sort { (left: Kept, right: Kept) in
            if left.key == right.key { return left.number > right.number }
            if left.key == .none { return false }
            if right.key == .none { return true }
            return isAscending ? left.key < right.key : left.key > right.key
        }
    }

    private func sortKey(of task: TaskRecord) -> SortKey {
        switch list.order.field {
        case .createdAt: .number(task.createdAt.milliseconds)
        case .startedAt: task.state.startedAt.map { .number($0.milliseconds) } ?? .none
        case .completedAt: task.state.finishedAt.map { .number($0.milliseconds) } ?? .none
        case .priority: .number(Int64(task.state.priority.rawValue))
        case .progress: .number(Int64(OpenCodeVocabulary.percent(task.state)))
        case .status: .text(OpenCodeVocabulary.name(of: task.status))
        case .type: .text(OpenCodeVocabulary.name(of: task.specification.kind))
        case .id: .text(task.id.rawValue)
        }
    }
}
