import Foundation
import MAOSCore
import MAOSProtocols
import Testing

@Suite("OpenCode errors")
struct OpenCodeFailureTests {
    private func code(_ rejection: Rejection, isReady: Bool = true) -> OpenCodeErrorCode {
        OpenCodeFailure(rejection, task: "t", isReady: isReady).code
    }

    @Test("what the engine refuses has a code (OC-ERR-18, OC-ERR-25, OC-ERR-31, OC-ERR-32, OC-ERR-33)")
    func rejections() {
        #expect(code(.unavailable("the disk does not answer")) == .databaseError)
        #expect(code(.diskFull("The disk is full")) == .diskSpaceExceeded)
        #expect(code(.unavailable("draining"), isReady: false) == .serviceUnavailable)
        #expect(code(.limitReached("live tasks", limit: 5)) == .serverOverload)
        #expect(code(.limitReached("bytes of live tasks", limit: 5)) == .memoryLimitExceeded)
        #expect(code(.forbidden(.tasksCreate)) == .permissionDenied)
        #expect(code(.notFound(.task, id: "t")) == .taskNotFound)
        #expect(code(.conflict(reason: "duplicate_id", message: "m")) == .taskAlreadyExists)
        #expect(code(.conflict(reason: "completed", message: "m")) == .invalidFieldValue)
        #expect(code(.conflict(reason: "dependency_not_completed", message: "m")) == .taskDependencyError)
        #expect(code(.invalid(.init(field: "dependencies.0", value: "x", expected: "e"))) == .taskDependencyError)
        #expect(code(.invalid(.init(field: "schedule.timeZone", value: "x", expected: "e"))) == .invalidRecurringConfig)
        #expect(code(.invalid(.init(field: "schedule.at", value: "x", expected: "e"))) == .invalidScheduleTime)
        #expect(code(.invalid(.init(field: "id", value: "x", expected: "e"))) == .invalidFieldValue)
    }

    @Test(
        "codes without a cause are not declared, and the page says why (OC-ERR-20, OC-ERR-21, OC-ERR-22, OC-ERR-24, OC-ERR-38, OC-ERR-39)"
    )
    func absentCodes() throws {
        let absent: [String] = [
            "PROCESS_ALREADY_EXISTS", "FILESYSTEM_ERROR", "FILE_NOT_FOUND", "FILE_PERMISSION_DENIED",
            "CONFIGURATION_ERROR", "METRICS_UNAVAILABLE", "HEALTH_CHECK_FAILED", "CONNECTION_LOST",
        ]
        // The document's table has 38, and a sample one more.
        #expect(OpenCodeErrorCode.allCases.count + absent.count == 39)
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../..")
        let page = try String(contentsOf: root.appending(path: "Docs/Protocols/OpenCode.md"), encoding: .utf8)
        let reasons: Substring = try #require(page.split(separator: "do not occur:").last)
        for name: String in absent {
            #expect(OpenCodeErrorCode(rawValue: name) == nil)
            #expect(reasons.contains("`\(name)`"), "nothing says why \(name) does not occur")
        }
        for code: OpenCodeErrorCode in OpenCodeErrorCode.allCases {
            #expect(page.contains("`\(code.rawValue)`"), "the page does not name \(code.rawValue)")
            #expect(!reasons.contains("`\(code.rawValue)`"))
        }
    }

    @Test("a task whose process runs is not begun twice: its id is taken, and it is not tried again (OC-ERR-11)")
    func runningProcess() async throws {
        let world = try await OpenCodeWorld()
        let peer = try await world.join()
        _ = try await world.spawnAgent()
        try await world.start("a", from: peer)
        _ = try await world.begin("a")
        let start = #"{"type":"start_task","task":\#(OpenCodeWorld.task("a"))}"#
        #expect(try await world.refusal(start, from: peer) == "TASK_ALREADY_EXISTS")
        #expect(try await world.refusal(#"{"type":"retry_task","task_id":"a"}"#, from: peer) == "INVALID_FIELD_VALUE")
        #expect(world.runtime.launches.count == 1)
    }

    @Test("a connection that ends without a word is a line in the log, one that says goodbye is none (OC-ERR-34)")
    func lostConnection() async throws {
        let world = try await OpenCodeWorld()
        for code: UInt16 in [1_000, 1_001, 1_005] { try await world.disconnect(try await world.join(), code: code) }
        func lines() -> [LogEntry] {
            world.logs.entries(after: 0).entries.filter { $0.details["code"] == "CONNECTION_LOST" }
        }
        #expect(lines().isEmpty)
        try await world.disconnect(try await world.join(), code: 1_006)
        #expect(lines().count == 1)
        #expect(lines().first?.details["client_ip"] == "127.0.0.1")
    }

    /// A history that cannot be read.
    private final class BrokenHistory: History {
        let error: JournalError
        init(_ error: JournalError) { self.error = error }
        func task(_ id: TaskID) throws(JournalError) -> TaskRecord? { throw error }
        func agent(_ id: AgentID) throws(JournalError) -> AgentRecord? { throw error }
        func tasks(_ query: TaskQuery) throws(JournalError) -> TaskPage { throw error }
        func terminatedAgents(_ query: AgentQuery) throws(JournalError) -> [AgentRecord] { throw error }
        func entity(_ kind: EntityKind, id: String) throws(JournalError) -> EntityRow? { throw error }
        func entities(_ query: EntityQuery) throws(JournalError) -> EntityPage { throw error }
        func events(from sequence: UInt64, limit: Int, types: Set<String>) throws(JournalError) -> EventPage {
            throw error
        }
    }

    /// Output that cannot be read.
    final class BrokenOutputs: OutputStore {
        let pendingBytes: Int = 0
        func append(_ chunks: [OutputChunk]) {}
        func whenWritten(_ body: @escaping @Sendable () -> Void) { body() }
        func observe(_ observer: any OutputObserver) {}
        func read(
            _ owner: OutputOwner, from sequence: UInt64, limit: Int, byteLimit: Int
        ) throws(JournalError) -> OutputPage { throw .unavailable("no disk") }
    }

    @Test("what cannot be read is said, and the connection goes on (OC-ERR-19, OC-ERR-23)")
    func reads() async throws {
        let world = try await OpenCodeWorld()
        let peer = try await world.join()
        world.history = BrokenHistory(.unavailable("no disk"))
        #expect(try await world.refusal(#"{"type":"list_tasks"}"#, from: peer) == "DATABASE_CONNECTION_ERROR")
        world.history = BrokenHistory(.full("no space"))
        #expect(try await world.refusal(#"{"type":"list_tasks"}"#, from: peer) == "DISK_SPACE_EXCEEDED")
        world.history = BrokenHistory(.corrupt("odd"))
        #expect(try await world.refusal(#"{"type":"get_task_status","task_id":"x"}"#, from: peer) == "DATABASE_ERROR")
        world.readOutputs = BrokenOutputs()
        let logs = #"{"type":"request_log_entries","filter":{"agent":"a"}}"#
        #expect(try await world.refusal(logs, from: peer) == "LOG_FILE_ERROR")
        #expect(try await world.ask(#"{"type":"ping"}"#, from: peer)["type"] == "pong")
    }

    @Test("every error has its code, message and time (OC-ERR-01, OC-ERR-06, OC-ERR-08)")
    func form() async throws {
        let world = try await OpenCodeWorld()
        let peer = try await world.join()
        let answer = try await world.ask(
            #"{"type":"start_task","request_id":3,"task":\#(OpenCodeWorld.task("a", #","timeout":"long""#))}"#,
            from: peer)
        #expect(answer["type"] == "error")
        #expect(answer["code"] == "INVALID_FIELD_TYPE")
        #expect(answer["request_id"] == 3)
        #expect(
            answer["details"] == ["field": "timeout", "value": "long", "expected": "integer", "path": "task.timeout"])
        #expect(answer["timestamp"] == "2030-01-01T00:00:00.000Z")
    }

    @Test("a flood of requests that wait is refused, and none is lost")
    func queue() async throws {
        let world = try await OpenCodeWorld()
        _ = try await world.spawnAgent()
        let peer = try await world.join()
        try await world.start("a", from: peer)
        let attempt = try await world.begin("a")
        world.clear(peer)
        try await world.post(#"{"type":"cancel_task","task_id":"a"}"#, from: peer)
        for _ in 0..<1_005 { try await world.post(#"{"type":"ping"}"#, from: peer) }
        #expect(world.inbox(peer).isEmpty)
        try await world.report(.attemptEnded(attempt, .stopped))
        try await world.pump()
        #expect(world.inbox(peer, "pong").count == 1_000)
        #expect(world.inbox(peer, "error").allSatisfy { $0["code"] == "SERVER_OVERLOAD" })
    }
}
