import Foundation
import MAOSCore
import MAOSStore
import MAOSTestSupport
import Testing

@Suite("The SQLite history")
struct SQLiteHistoryTests {
    private let folder: TemporaryFolder
    private let store: SQLiteStore

    init() throws {
        folder = try TemporaryFolder()
        store = try SQLiteStore.open(directory: folder("data"))
    }

    /// Two thousand tasks in many buckets, some of them changed since.
    private func fill() throws -> [TaskRecord] {
        var maker = BatchMaker(seed: 21)
        var tasks: [TaskRecord] = []
        for status: TaskStatus in [.queued, .completed, .running, .failed, .completed, .cancelled, .paused, .completed]
        {
            let batch: Batch = maker.creating(250, status: status)
            try store.journal.append(batch)
            tasks += batch.tasks
        }
        let changed: Batch = maker.changing(Array(tasks[100..<150])) {
            $0.status = .completed
            $0.priority = .low
        }
        try store.journal.append(changed)
        tasks.replaceSubrange(100..<150, with: changed.tasks)
        return tasks
    }

    private func expected(_ query: TaskQuery, _ tasks: [TaskRecord]) -> [TaskRecord] {
        tasks.reversed().filter { (task: TaskRecord) -> Bool in
            (query.statuses.isEmpty || query.statuses.contains(task.status))
                && (query.kind == nil || query.kind == task.specification.kind)
                && (query.priority == nil || query.priority == task.state.priority)
                && (query.projects.isEmpty || query.projects.contains(task.specification.project ?? "none"))
        }
    }

    @Test("a list holds what its filters say, newest first, on every page")
    func lists() throws {
        defer { store.close() }
        let tasks: [TaskRecord] = try fill()
        var queries: [TaskQuery] = [TaskQuery()]
        for statuses: [TaskStatus] in [[], [.completed], [.queued, .failed], [.retrying]] {
            for kind: TaskKind? in [nil, .code] {
                for priority: Priority? in [nil, .low] {
                    for projects: [String] in [[], ["apollo"], ["apollo", "Ωmega"], ["nobody's"]] {
                        var query = TaskQuery()
                        query.statuses = statuses
                        query.kind = kind
                        query.priority = priority
                        query.projects = projects
                        queries.append(query)
                    }
                }
            }
        }
        for base: TaskQuery in queries {
            let all: [TaskRecord] = expected(base, tasks)
            for (offset, limit) in [(0, 50), (7, 13), (all.count - 3, 10), (all.count, 5), (0, 1_000)] {
                var query: TaskQuery = base
                query.offset = max(0, offset)
                query.limit = limit
                let page: TaskPage = try store.history.tasks(query)
                #expect(page.total == all.count)
                #expect(page.tasks == Array(all.dropFirst(query.offset).prefix(limit)))
            }
            // From the middle on, as a search goes through a list slice by slice.
            guard let middle: TaskRecord = all.dropFirst(all.count / 2).first else { continue }
            var query: TaskQuery = base
            query.before = middle.number
            query.offset = 1
            query.limit = 20
            let page: TaskPage = try store.history.tasks(query)
            #expect(page.total == all.count)
            #expect(page.tasks == Array(all.filter { $0.number < middle.number }.dropFirst().prefix(20)))
        }
    }

    @Test("dead letters are listed and counted apart, and go when they are none any more")
    func deadLetters() throws {
        defer { store.close() }
        var maker = BatchMaker(seed: 22)
        let tasks: [TaskRecord] = maker.creating(300, status: .running).tasks
        maker = BatchMaker(seed: 22)
        try store.journal.append(maker.creating(300, status: .running))
        let failed: Batch = maker.changing(Array(tasks[0..<200]), kind: .failed) {
            $0.status = .failed
            $0.isDeadLetter = false
        }
        try store.journal.append(failed)
        let dead: Batch = maker.changing(Array(tasks[50..<80]), kind: .failed) {
            $0.status = .failed
            $0.isDeadLetter = true
        }
        try store.journal.append(dead)
        var query = TaskQuery()
        query.isDeadLettersOnly = true
        query.limit = 20
        query.statuses = [.failed]
        let page: TaskPage = try store.history.tasks(query)
        #expect(page.total == 30)
        #expect(page.tasks == Array(dead.tasks.reversed().prefix(20)))
        query.projects = ["apollo"]
        let ofProject: [TaskRecord] = dead.tasks.filter { $0.specification.project == "apollo" }
        #expect(try store.history.tasks(query).total == ofProject.count)
        try store.journal.append(
            maker.changing(Array(dead.tasks.prefix(29)), kind: .discarded) { $0.isDeadLetter = false })
        query.projects = []
        #expect(try store.history.tasks(query).tasks.map(\.id) == [dead.tasks[29].id])
        #expect(try store.journal.load().taskCounts[.failed] == 200)
    }

    @Test("limits and offsets out of range are brought into it")
    func limits() throws {
        defer { store.close() }
        var maker = BatchMaker()
        try store.journal.append(maker.creating(5))
        var query = TaskQuery()
        query.limit = 0
        query.offset = -4
        #expect(try store.history.tasks(query).tasks.map(\.number) == [5])
        query.limit = .max
        #expect(try store.history.tasks(query).tasks.count == 5)
        query.offset = .max
        #expect(try store.history.tasks(query).tasks.isEmpty)
    }

    @Test("terminated agents are listed newest first, live ones not at all")
    func terminatedAgents() throws {
        defer { store.close() }
        var maker = BatchMaker(seed: 4)
        let agents: [AgentRecord] = (1...60).map { number in
            maker.samples.agent(
                "agent-\(number)", number: UInt64(number), status: number % 3 == 0 ? .idle : .terminated)
        }
        try store.journal.append(maker.storing(agents))
        let ended: [AgentRecord] = agents.reversed().filter { $0.status == .terminated }
        #expect(try store.history.terminatedAgents(AgentQuery()) == ended)
        for type: AgentType in AgentType.allCases {
            var query = AgentQuery()
            query.type = type
            query.offset = 1
            query.limit = 3
            let matching: [AgentRecord] = ended.filter { $0.specification.type == type }
            #expect(try store.history.terminatedAgents(query) == Array(matching.dropFirst().prefix(3)))
        }
        #expect(try store.history.agent(agents[0].id) == agents[0])
        #expect(try store.history.agent(AgentID(unchecked: "nobody")) == nil)
    }

    @Test("events are read from any number on, in pages that join without a gap")
    func eventPages() throws {
        defer { store.close() }
        var maker = BatchMaker(seed: 5)
        var all: [Event] = []
        for size in [1, 7, 30, 2, 64, 1, 1, 19] {
            let batch: Batch = maker.creating(size)
            try store.journal.append(batch)
            all += batch.events
        }
        for start in [0, 1, 2, 8, 9, 40, 124, 125, 126, 1_000] {
            for limit in [1, 5, 64, 1_000] {
                let page: EventPage = try store.history.events(from: UInt64(start), limit: limit, types: [])
                let rest: [Event] = Array(all.dropFirst(max(0, start - 1)).prefix(limit))
                #expect(page.events == rest)
                #expect(page.nextSequence == rest.last.map { $0.sequence + 1 } ?? UInt64(max(1, start)))
                #expect(page.oldestSequence == 1)
            }
        }
        #expect(try store.history.events(from: .max, limit: 5, types: []).events.isEmpty)
    }

    @Test("a filter leaves other types out and says where to go on")
    func eventFilter() throws {
        defer { store.close() }
        var maker = BatchMaker(seed: 6)
        let created: Batch = maker.creating(50)
        try store.journal.append(created)
        let changed: Batch = maker.changing(created.tasks) { $0.progress = 0.5 }
        try store.journal.append(changed)
        let page: EventPage = try store.history.events(from: 1, limit: 30, types: ["task_progress"])
        #expect(page.events == Array(changed.events.prefix(30)))
        #expect(page.nextSequence == 81)
        let none: EventPage = try store.history.events(from: 1, limit: 30, types: ["task_failed"])
        #expect(none.events.isEmpty)
        #expect(none.nextSequence == 101)
    }

    @Test("an empty history has no oldest event")
    func empty() throws {
        defer { store.close() }
        let page: EventPage = try store.history.events(from: 0, limit: 10, types: [])
        #expect(page.events.isEmpty)
        #expect(page.nextSequence == 1)
        #expect(page.oldestSequence == 0)
        #expect(try store.history.tasks(TaskQuery()).total == 0)
        #expect(try store.history.terminatedAgents(AgentQuery()).isEmpty)
    }

    @Test("readers see whole batches only, while batches are written")
    func concurrentReaders() async throws {
        defer { store.close() }
        let store: SQLiteStore = self.store
        let batches = 60
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                var maker = BatchMaker(seed: 7)
                for _ in 0..<batches { try store.journal.append(maker.creating(10)) }
            }
            for _ in 0..<3 {
                group.addTask {
                    var seen = 0
                    while seen < batches * 10 {
                        let page: TaskPage = try store.history.tasks(TaskQuery())
                        #expect(page.total >= seen)
                        #expect(page.total % 10 == 0)
                        #expect(page.tasks.first.map { Int($0.number) } ?? 0 == page.total)
                        seen = page.total
                        let events: EventPage = try store.history.events(from: 1, limit: 1_000, types: [])
                        #expect(events.events.count >= seen)
                        #expect(events.events.count % 10 == 0)
                        await Task.yield()
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}
