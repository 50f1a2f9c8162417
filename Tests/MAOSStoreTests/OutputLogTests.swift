import Foundation
import MAOSCore
import MAOSStore
import MAOSTestSupport
import Synchronization
import Testing

/// Remembers what it is told.
final class Listener: OutputObserver {
    let heard = Mutex<[OutputEntry]>([])

    var entries: [OutputEntry] { heard.withLock { $0 } }

    func stored(_ entries: [OutputEntry]) { heard.withLock { $0 += entries } }
}

@Suite("The output log")
struct OutputLogTests {
    let folder: TemporaryFolder
    let now = Instant(milliseconds: 1_750_000_000_000)
    let agent = AgentID(unchecked: "agent-1")
    let task = TaskID(unchecked: "task-1")

    init() throws { folder = try TemporaryFolder() }

    func open(_ change: (inout OutputLog.Configuration) -> Void = { _ in }) throws -> OutputLog {
        var configuration = OutputLog.Configuration()
        change(&configuration)
        return try OutputLog.open(directory: folder.path, configuration: configuration)
    }

    func chunk(
        _ text: String, task: String? = "task-1", agent: String = "agent-1", stream: MAOSCore.OutputStream = .stdout
    ) -> OutputChunk {
        OutputChunk(
            task: task.map { TaskID(unchecked: $0) }, agent: AgentID(unchecked: agent), attempt: 1, stream: stream,
            time: now, data: Array(text.utf8))
    }

    func block(_ byte: UInt8, size: Int, task: String? = "task-1") -> OutputChunk {
        OutputChunk(
            task: task.map { TaskID(unchecked: $0) }, agent: agent, attempt: 1, stream: .stdout, time: now,
            data: [UInt8](repeating: byte, count: size))
    }

    func written(_ log: OutputLog) async {
        await withCheckedContinuation { continuation in log.whenWritten { continuation.resume() } }
    }

    func swept(_ log: OutputLog, at time: Instant) async {
        await withCheckedContinuation { continuation in log.sweep(at: time) { continuation.resume() } }
    }

    func texts(_ page: OutputPage) -> [String] { page.entries.map { String(decoding: $0.data, as: UTF8.self) } }

    func all(_ log: OutputLog, _ owner: OutputOwner) throws -> OutputPage {
        try log.read(owner, from: 1, limit: .max, byteLimit: .max)
    }

    /// Files below the folder of logs, by path relative to it, with their sizes.
    func files() throws -> [String: Int] {
        var files: [String: Int] = [:]
        let root = folder("output")
        for case let path as String in try #require(FileManager.default.enumerator(atPath: root)) {
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(root)/\(path)")
            if attributes[.type] as? FileAttributeType == .typeRegular { files[path] = attributes[.size] as? Int }
        }
        return files
    }

    // MARK: - Writing and reading

    @Test("what is printed comes back in order, for the task and for its agent")
    func order() async throws {
        let log: OutputLog = try open()
        defer { log.close() }
        log.append([chunk("one\n"), chunk("two\n", stream: .stderr), chunk("three\n")])
        await written(log)
        for owner: OutputOwner in [.task(task), .agent(agent)] {
            let page: OutputPage = try all(log, owner)
            #expect(texts(page) == ["one\n", "two\n", "three\n"])
            #expect(page.entries.map(\.sequence) == [1, 2, 3])
            #expect(page.entries.map(\.stream) == [.stdout, .stderr, .stdout])
            #expect(page.entries.allSatisfy { $0.owner == owner && $0.time == now })
            #expect(page.firstSequence == 1)
            #expect(page.nextSequence == 4)
            #expect(page.lastSequence == 3)
        }
    }

    @Test("a log of nothing has no entries, and where to go on is 1")
    func nothing() throws {
        let log: OutputLog = try open()
        defer { log.close() }
        let page: OutputPage = try log.read(.task(task), from: 0, limit: 10, byteLimit: 10)
        #expect(page.entries.isEmpty)
        #expect(page.firstSequence == 0)
        #expect(page.nextSequence == 1)
        #expect(page.lastSequence == 0)
        #expect(try files().isEmpty)
    }

    @Test("small chunks of one stream that come together are one entry")
    func joining() async throws {
        let log: OutputLog = try open()
        defer { log.close() }
        log.append((0..<100).map { chunk("line \($0)\n") })
        await written(log)
        let page: OutputPage = try all(log, .task(task))
        #expect(page.entries.count == 1)
        #expect(texts(page).joined() == (0..<100).map { "line \($0)\n" }.joined())
    }

    @Test("empty chunks are no entries, chunks that are too long are several")
    func oddSizes() async throws {
        let log: OutputLog = try open()
        defer { log.close() }
        log.append([block(1, size: 0), block(2, size: 200_000)])
        await written(log)
        let page: OutputPage = try all(log, .task(task))
        #expect(page.entries.map(\.data.count) == [65_536, 65_536, 65_536, 3_392])
        #expect(page.entries.flatMap(\.data) == [UInt8](repeating: 2, count: 200_000))
    }

    @Test("an agent's log has its resident process and all its tasks, numbered without a gap")
    func agents() async throws {
        let log: OutputLog = try open()
        defer { log.close() }
        var expected: [String] = []
        for round in 0..<20 {
            let chunks: [OutputChunk] = [
                chunk("a\(round)", task: "a"), chunk("resident \(round)", task: nil), chunk("b\(round)", task: "b"),
                chunk("b\(round)!", task: "b", stream: .stderr),
            ]
            log.append(chunks)
            expected += chunks.map { String(decoding: $0.data, as: UTF8.self) }
            await written(log)
        }
        let page: OutputPage = try all(log, .agent(agent))
        #expect(texts(page) == expected)
        #expect(page.entries.map(\.sequence) == Array(1...80))
        for start in [1, 2, 33, 79, 80, 81] {
            let part: OutputPage = try log.read(.agent(agent), from: UInt64(start), limit: 5, byteLimit: .max)
            #expect(texts(part) == Array(expected.dropFirst(start - 1).prefix(5)))
            #expect(part.nextSequence == UInt64(min(start + 5, 81)))
        }
    }

    @Test("pages keep to their limits, hold at least one entry, and join without a gap")
    func pages() async throws {
        let log: OutputLog = try open()
        defer { log.close() }
        for number in 0..<200 {
            log.append([block(UInt8(number), size: 9_000)])
            if number % 7 == 0 { await written(log) }
        }
        await written(log)
        for owner: OutputOwner in [.task(task), .agent(agent)] {
            let whole: [OutputEntry] = try all(log, owner).entries
            var next: UInt64 = 1
            var joined: [UInt64] = []
            while true {
                let page: OutputPage = try log.read(owner, from: next, limit: 3, byteLimit: 20_000)
                guard !page.entries.isEmpty else { break }
                #expect(page.entries.count <= 3)
                joined += page.entries.map(\.sequence)
                next = page.nextSequence
            }
            #expect(joined == whole.map(\.sequence))
            let one: OutputPage = try log.read(owner, from: 5, limit: 10, byteLimit: 1)
            #expect(one.entries.map(\.sequence) == [5])
            let late: OutputPage = try log.read(owner, from: next + 100, limit: 10, byteLimit: 1)
            #expect(late.entries.isEmpty)
            #expect(late.nextSequence == next + 100)
        }
    }

    @Test("any entry of a large log is found, open or closed, whole or after a restart")
    func largeLog() async throws {
        var log: OutputLog = try open { $0.openLogs = 2 }
        for number in 0..<3_000 {
            var data = [UInt8](repeating: UInt8(number % 251), count: number % 5 == 0 ? 9_000 : 1_000)
            data.replaceSubrange(0..<4, with: withUnsafeBytes(of: UInt32(number).littleEndian) { Array($0) })
            log.append([
                OutputChunk(
                    task: task, agent: agent, attempt: 1, stream: number % 2 == 0 ? .stdout : .stderr, time: now,
                    data: data)
            ])
            if number % 100 == 0 { await written(log) }
        }
        await written(log)
        func check(_ owner: OutputOwner) throws {
            for sequence: UInt64 in [1, 2, 399, 400, 1_234, 2_600, 2_999, 3_000] {
                let page: OutputPage = try log.read(owner, from: sequence, limit: 1, byteLimit: 1)
                let entry: OutputEntry = try #require(page.entries.first)
                #expect(entry.sequence == sequence)
                let number: UInt32 = entry.data.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) }
                #expect(UInt32(littleEndian: number) == UInt32(sequence - 1))
            }
        }
        try check(.task(task))
        try check(.agent(agent))
        // Others push the log out of those that are open.
        for number in 0..<5 { log.append([chunk("x", task: "other-\(number)", agent: "agent-\(number + 2)")]) }
        await written(log)
        try check(.task(task))
        log.close()
        log = try open()
        defer { log.close() }
        try check(.task(task))
        try check(.agent(agent))
        log.append([chunk("more")])
        await written(log)
        #expect(try log.read(.task(task), from: 3_001, limit: 9, byteLimit: 99).entries.map(\.sequence) == [3_001])
        #expect(try log.read(.agent(agent), from: 3_001, limit: 9, byteLimit: 99).entries.map(\.sequence) == [3_001])
    }

    @Test("many more logs than may be open all keep what they were given")
    func manyLogs() async throws {
        let log: OutputLog = try open { $0.openLogs = 8 }
        defer { log.close() }
        for round in 0..<3 {
            log.append((0..<100).map { chunk("\(round)", task: "task-\($0)", agent: "agent-\($0 % 10)") })
            await written(log)
        }
        for number in 0..<100 {
            let page: OutputPage = try all(log, .task(TaskID(unchecked: "task-\(number)")))
            #expect(texts(page) == ["0", "1", "2"])
        }
        #expect(try all(log, .agent(agent)).entries.map(\.sequence) == Array(1...30))
    }

    @Test("observers hear of every entry once per log, after it can be read, and only while they live")
    func observers() async throws {
        let log: OutputLog = try open()
        defer { log.close() }
        let listener = Listener()
        log.observe(listener)
        weak var gone: Listener?
        do {
            let other = Listener()
            gone = other
            log.observe(other)
        }
        #expect(gone == nil)
        log.append([chunk("one"), chunk("two", task: "task-2"), chunk("three", task: nil)])
        await written(log)
        let owners: [OutputOwner] = [.task(task), .task(TaskID(unchecked: "task-2")), .agent(agent)]
        for owner: OutputOwner in owners {
            let heard: [OutputEntry] = listener.entries.filter { $0.owner == owner }
            let page: OutputPage = try all(log, owner)
            #expect(heard.map(\.sequence) == page.entries.map(\.sequence))
            #expect(heard.map(\.data) == page.entries.map(\.data))
        }
        #expect(listener.entries.count == 5)
    }

    @Test("nothing is pending once everything is written")
    func pending() async throws {
        let log: OutputLog = try open()
        log.append((0..<50).map { block(UInt8($0), size: 65_536) })
        #expect(log.pendingBytes >= 0)
        await written(log)
        #expect(log.pendingBytes == 0)
        log.close()
        log.append([chunk("too late")])
        #expect(log.pendingBytes == 0)
    }

    @Test("readers that follow a log while it grows see every entry once, in order")
    func followers() async throws {
        let log: OutputLog = try open { $0.openLogs = 1 }
        defer { log.close() }
        let entries = 2_000
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for number in 0..<entries {
                    log.append([block(UInt8(number % 256), size: number % 3 == 0 ? 9_000 : 20)])
                    if number % 50 == 0 { await written(log) }
                }
            }
            for owner: OutputOwner in [.task(task), .agent(agent)] {
                group.addTask {
                    var next: UInt64 = 1
                    var bytes = 0
                    let total: Int = (0..<entries).reduce(0) { $0 + ($1 % 3 == 0 ? 9_000 : 20) }
                    while bytes < total {
                        let page: OutputPage = try log.read(owner, from: next, limit: 100, byteLimit: 1 << 20)
                        for entry: OutputEntry in page.entries {
                            try #require(entry.sequence == next)
                            next += 1
                            bytes += entry.data.count
                        }
                        await Task.yield()
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    // MARK: - Limits

    @Test("a log that is too large loses its oldest part, and readers see from where on it is kept")
    func cap() async throws {
        let log: OutputLog = try open { $0.bytesPerLog = 2 << 20 }
        defer { log.close() }
        for number in 0..<400 {
            log.append([block(UInt8(number % 256), size: 30_000)])
            if number % 10 == 0 { await written(log) }
        }
        await written(log)
        let sizes: Int = try files().filter { $0.key.hasPrefix("tasks/") }.values.reduce(0, +)
        #expect(sizes <= 2 << 20)
        let page: OutputPage = try all(log, .task(task))
        #expect(page.lastSequence == 400)
        #expect(page.firstSequence > 300)
        #expect(page.entries.map(\.sequence) == Array(page.firstSequence...400))
        #expect(page.entries.allSatisfy { $0.data.first == UInt8(($0.sequence - 1) % 256) })
        let agents: OutputPage = try all(log, .agent(agent))
        #expect(agents.entries.map(\.sequence) == Array(page.firstSequence...400))
        #expect(agents.nextSequence == 401)

        log.close()
        let again: OutputLog = try open { $0.bytesPerLog = 2 << 20 }
        defer { again.close() }
        #expect(try all(again, .task(task)).firstSequence == page.firstSequence)
    }

    @Test("what was written longest ago goes when all logs together are too large")
    func totalCap() async throws {
        // Without the cap at first: while all files are as old as each other, any of them might go.
        let log: OutputLog = try open()
        defer { log.close() }
        for number in 0..<20 { log.append([block(1, size: 60_000, task: "task-\(number)")]) }
        await written(log)
        log.close()
        for (name, _) in try files() where name.hasPrefix("tasks/") {
            let number: Int = try #require(Int(name.split(separator: "-").last?.prefix { $0.isNumber } ?? ""))
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSince1970: 1_700_000_000 + Double(number) * 3_600)],
                ofItemAtPath: folder("output/\(name)"))
        }
        let again: OutputLog = try open { $0.bytesTotal = 10 * 60_000 }
        defer { again.close() }
        await swept(again, at: Instant(milliseconds: 1_700_100_000_000))
        let kept: [Int] = try (0..<20).filter {
            try !all(again, .task(TaskID(unchecked: "task-\($0)"))).entries.isEmpty
        }
        #expect(kept == Array(12..<20))
    }

    @Test("output past its retention goes, later output stays")
    func retention() async throws {
        let log: OutputLog = try open { $0.retention = .seconds(86_400) }
        defer { log.close() }
        log.append([chunk("old", task: "old", agent: "a"), chunk("new", task: "new", agent: "b")])
        await written(log)
        log.close()
        for (name, _) in try files() where name.contains("old") || name.contains("/a.") {
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSinceNow: -90_000)], ofItemAtPath: folder("output/\(name)"))
        }
        let again: OutputLog = try open { $0.retention = .seconds(86_400) }
        defer { again.close() }
        let now = Instant(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000))
        await swept(again, at: now)
        #expect(try all(again, .task(TaskID(unchecked: "old"))).entries.isEmpty)
        #expect(try all(again, .agent(AgentID(unchecked: "a"))).lastSequence == 0)
        #expect(try all(again, .task(TaskID(unchecked: "new"))).entries.count == 1)
        #expect(try files().count == 2)
        again.append([chunk("later", task: "old", agent: "a")])
        await written(again)
        #expect(texts(try all(again, .task(TaskID(unchecked: "old")))) == ["later"])
    }
}
