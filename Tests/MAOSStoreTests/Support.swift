import CSQLite
import Foundation
import MAOSCore
import MAOSStore
import MAOSTestSupport
import Testing

/// A folder of its own, deleted with its contents at the end.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        let url: URL = FileManager.default.temporaryDirectory.appending(path: "maos-store-\(UUID().uuidString)")
        path = url.path
        try FileManager.default.createDirectory(
            at: url, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The path of something in the folder.
    func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }
}

/// Makes batches as an engine would, each event with the next number.
struct BatchMaker {
    var samples: RecordSamples
    var now = Instant(milliseconds: 1_750_000_000_000)
    private(set) var sequence: UInt64 = 0
    private(set) var lastTask: UInt64 = 0

    init(seed: UInt64 = 1, sequence: UInt64 = 0, lastTask: UInt64 = 0) {
        samples = RecordSamples(seed: seed)
        self.sequence = sequence
        self.lastTask = lastTask
    }

    /// Creates so many tasks.
    mutating func creating(_ count: Int, status: TaskStatus = .queued) -> Batch {
        now = now + 1
        var batch = Batch(time: now)
        for _ in 0..<count {
            lastTask += 1
            batch.tasks.append(samples.task("task-\(lastTask)", number: lastTask, at: now, status: status))
        }
        for task: TaskRecord in batch.tasks { add(.created, task, to: &batch) }
        return batch
    }

    /// Changes tasks.
    mutating func changing(
        _ tasks: [TaskRecord], kind: TaskEvent.Kind = .progressed, _ change: (inout TaskState) -> Void
    ) -> Batch {
        now = now + 1
        var batch = Batch(time: now)
        for var task: TaskRecord in tasks {
            change(&task.state)
            task.state.updatedAt = now
            task.state.finishedAt = task.status.isTerminal ? now : nil
            batch.tasks.append(task)
            add(kind, task, to: &batch)
        }
        return batch
    }

    /// Makes or changes agents.
    mutating func storing(_ agents: [AgentRecord]) -> Batch {
        now = now + 1
        var batch = Batch(time: now)
        batch.agents = agents
        for agent: AgentRecord in agents {
            sequence += 1
            let event = AgentEvent(
                kind: .spawned, id: agent.id, agentType: agent.specification.type, name: agent.name, state: agent.state,
                record: agent)
            batch.events.append(Event(sequence: sequence, time: now, body: .agent(event)))
        }
        return batch
    }

    /// Takes the numbers of a batch back that was not stored.
    mutating func takeBack(_ batch: Batch) {
        sequence -= UInt64(batch.events.count)
        let created: Int = batch.events.count { event in
            if case .task(let task) = event.body { task.created != nil } else { false }
        }
        lastTask -= UInt64(created)
    }

    private mutating func add(_ kind: TaskEvent.Kind, _ task: TaskRecord, to batch: inout Batch) {
        sequence += 1
        let event = TaskEvent(
            kind: kind, id: task.id, taskKind: task.specification.kind, project: task.specification.project,
            state: task.state, created: kind == .created ? task : nil)
        batch.events.append(Event(sequence: sequence, time: now, body: .task(event)))
    }
}

/// A bare connection, for looking at a database and for damaging one.
final class RawDatabase {
    private let handle: OpaquePointer

    init(_ path: String, vfs: String? = nil) throws {
        var opened: OpaquePointer?
        let flags: Int32 = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        let code: Int32
        if let vfs {
            code = sqlite3_open_v2(path, &opened, flags, vfs)
        } else {
            code = sqlite3_open_v2(path, &opened, flags, nil)
        }
        try #require(code == SQLITE_OK)
        handle = try #require(opened)
    }

    deinit { sqlite3_close_v2(handle) }

    func execute(_ sql: String) throws {
        let code: Int32 = sqlite3_exec(handle, sql, nil, nil, nil)
        try #require(code == SQLITE_OK, "\(String(cString: sqlite3_errmsg(handle))) in \(sql)")
    }

    func number(_ sql: String) throws -> Int64 {
        var statement: OpaquePointer?
        try #require(sqlite3_prepare_v2(handle, sql, -1, &statement, nil) == SQLITE_OK)
        defer { sqlite3_finalize(statement) }
        return sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0
    }

    func text(_ sql: String) throws -> String {
        var statement: OpaquePointer?
        try #require(sqlite3_prepare_v2(handle, sql, -1, &statement, nil) == SQLITE_OK)
        defer { sqlite3_finalize(statement) }
        guard sqlite3_step(statement) == SQLITE_ROW, let text = sqlite3_column_text(statement, 0) else { return "" }
        return String(cString: text)
    }
}

/// Every event that is stored, in order, with the checks that hold for all of them.
func allEvents(_ history: some History) throws -> [Event] {
    var events: [Event] = []
    var next: UInt64 = 1
    while true {
        let page: EventPage = try history.events(from: next, limit: 1_000, types: [])
        guard !page.events.isEmpty else { return events }
        events += page.events
        next = page.nextSequence
    }
}
