import MAOSCore
import MAOSStore
import Testing

@Suite("Stored entities")
struct EntityTests {
    private func row(
        _ kind: EntityKind, _ number: UInt64, _ id: String, parent: String? = nil, status: UInt8 = 1,
        project: String? = nil, ended: Int64? = nil
    ) -> EntityRow {
        EntityRow(
            kind: kind, number: number, id: id, parent: parent, status: status, project: project,
            createdAt: Instant(milliseconds: 10), endedAt: ended.map { Instant(milliseconds: $0) },
            body: Array(id.utf8))
    }

    private func withStore(
        _ configuration: SQLiteStore.Configuration = SQLiteStore.Configuration(), _ body: (SQLiteStore) throws -> Void
    ) throws {
        let folder = try TemporaryFolder()
        let store = try SQLiteStore.open(directory: folder("data"), configuration: configuration)
        defer { store.close() }
        try body(store)
    }

    private func store(_ rows: [EntityRow], in journal: SQLiteJournal) throws {
        var batch = Batch(time: Instant(milliseconds: 10))
        batch.entities = rows
        try journal.append(batch)
    }

    @Test("What is stored is found by kind and identifier, and replaced by its next state")
    func replacing() throws {
        try withStore { store in
            try self.store([row(.workflow, 1, "same"), row(.execution, 1, "same")], in: store.journal)
            try self.store([row(.execution, 1, "same", status: 3, ended: 12)], in: store.journal)
            #expect(try store.history.entity(.workflow, id: "same") == row(.workflow, 1, "same"))
            #expect(try store.history.entity(.execution, id: "same")?.endedAt == Instant(milliseconds: 12))
            #expect(try store.journal.entity(.execution, id: "same")?.status == 3)
            #expect(try store.history.entity(.pool, id: "same") == nil)
        }
    }

    @Test("What is stored may go to another project, or to none")
    func moving() throws {
        try withStore { store in
            for project: String? in ["red", "blue", nil] {
                let stored: EntityRow = row(.schedule, 1, "daily", project: project)
                try self.store([stored], in: store.journal)
                #expect(try store.history.entity(.schedule, id: "daily") == stored)
                #expect(try store.journal.load().entities == [stored])
            }
        }
    }

    @Test("A start loads what is live and what belongs to it, and goes on counting after what has ended")
    func loading() throws {
        try withStore { store in
            try self.store(
                [
                    row(.execution, 1, "old", ended: 11), row(.execution, 2, "new"),
                    row(.step, 1, "old.a", parent: "old", ended: 11), row(.step, 2, "new.a", parent: "new", ended: 11),
                    row(.step, 3, "new.b", parent: "new"), row(.quota, 9, "gone", ended: 11),
                ], in: store.journal)
            let state: RecoveredState = try store.journal.load()
            #expect(state.entities.map(\.id) == ["new", "new.a", "new.b"])
            #expect(state.lastEntityNumbers == [.execution: 2, .step: 3, .quota: 9])
        }
    }

    @Test("Lists are filtered, counted and cut into pages")
    func listing() throws {
        try withStore { store in
            let rows: [EntityRow] = (1...20).map { (number: UInt64) in
                row(
                    .execution, number, "e\(number)", parent: number % 2 == 0 ? "even" : "odd",
                    status: UInt8(number % 3), project: number % 5 == 0 ? nil : "p\(number % 5)",
                    ended: number < 10 ? 11 : nil)
            }
            try self.store(rows, in: store.journal)
            for parent: String? in [nil, "even", "none"] {
                for statuses: UInt64 in [0, 0b1, 0b110] {
                    for projects: [String] in [[], ["p1"], ["p2", "p3", "it's"]] {
                        for isLiveOnly: Bool in [false, true] {
                            for isOldestFirst: Bool in [false, true] {
                                var query = EntityQuery(.execution)
                                query.parent = parent
                                query.statuses = statuses
                                query.projects = projects
                                query.isLiveOnly = isLiveOnly
                                query.isOldestFirst = isOldestFirst
                                query.offset = 1
                                query.limit = 4
                                let found: [EntityRow] = rows.filter { query.takes($0) }
                                let ordered: [EntityRow] = isOldestFirst ? found : found.reversed()
                                let page: EntityPage = try store.history.entities(query)
                                #expect(page.total == found.count)
                                #expect(page.rows == Array(ordered.dropFirst().prefix(4)))
                            }
                        }
                    }
                }
            }
        }
    }

    @Test("What ended before the retention goes, but for the newest of a kind and what a live one owns")
    func retention() throws {
        var configuration = SQLiteStore.Configuration()
        configuration.taskRetention = 1_000
        try withStore(configuration) { store in
            try self.store(
                [
                    row(.execution, 1, "old", ended: 100), row(.execution, 2, "live"),
                    row(.execution, 3, "late", ended: 1_500), row(.execution, 4, "newest", ended: 100),
                    row(.step, 1, "old.a", parent: "old", ended: 100),
                    row(.step, 2, "live.a", parent: "live", ended: 100),
                    row(.step, 3, "newest.a", parent: "newest", ended: 100),
                ], in: store.journal)
            while try store.journal.discardExpired(at: Instant(milliseconds: 2_000)) {}
            let left: [String] = try [EntityKind.execution, .step].flatMap { (kind: EntityKind) in
                try store.history.entities(EntityQuery(kind)).rows.map(\.id)
            }
            #expect(left == ["newest", "late", "live", "newest.a", "live.a"])
        }
    }
}
