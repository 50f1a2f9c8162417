import MAOSCore
@testable import MAOSProtocols
import Synchronization
import Testing

/// A clock that stands still until it is told to go on.
final class StillClock: TimeSource {
    private let time = Mutex(Instant(milliseconds: 1_893_456_000_000))  // 2030-01-01T00:00:00.000Z

    func now() -> Instant { time.withLock { $0 } }
    func wake(at instant: Instant, _ body: @escaping @Sendable () -> Void) {}
    func advance(_ duration: Milliseconds) { time.withLock { $0 = $0 + duration } }
}

/// A runtime that starts nothing, and remembers what it was asked for.
final class IdleRuntime: AgentRuntime {
    private let effects = Mutex<[Effect]>([])

    func connect(_ reports: any ReportSink) {}
    func perform(_ effects: [Effect]) { self.effects.withLock { $0 += effects } }

    /// The attempts that were to be started.
    var launches: [AttemptLaunch] {
        effects.withLock { $0 }.compactMap {
            if case .startAttempt(let launch) = $0 { launch } else { nil }
        }
    }
}

/// Output in memory.
final class MemoryOutputs: OutputStore {
    private let entries = Mutex<[OutputOwner: [OutputEntry]]>([:])
    let pendingBytes: Int = 0

    func append(_ chunks: [OutputChunk]) { _ = store(chunks) }
    func whenWritten(_ body: @escaping @Sendable () -> Void) { body() }
    func observe(_ observer: any OutputObserver) {}

    /// Stores chunks under their task, or else their agent, and gives the entries that observers would hear of.
    func store(_ chunks: [OutputChunk]) -> [OutputEntry] {
        entries.withLock { (entries: inout [OutputOwner: [OutputEntry]]) in
            chunks.map { (chunk: OutputChunk) in
                let owner: OutputOwner = chunk.task.map { .task($0) } ?? .agent(chunk.agent)
                let last: UInt64 = entries[owner]?.last?.sequence ?? 0
                let entry = OutputEntry(
                    owner: owner, sequence: last + 1, stream: chunk.stream, time: chunk.time, data: chunk.data
                )
                entries[owner, default: []].append(entry)
                return entry
            }
        }
    }

    /// What a loop is told that is too busy for some entries.
    func gap(_ entries: ClosedRange<UInt64>, of owner: OutputOwner) throws -> OutputGap {
        let page: OutputPage = try read(owner, from: entries.lowerBound, limit: entries.count, byteLimit: .max)
        var gap = OutputGap(try #require(page.entries.first))
        for entry: OutputEntry in page.entries.dropFirst() { gap.add(entry) }
        return gap
    }

    /// Forgets the oldest entries, as retention does.
    func forget(_ count: Int, of owner: OutputOwner) {
        entries.withLock { $0[owner]?.removeFirst(count) }
    }

    func read(_ owner: OutputOwner, from sequence: UInt64, limit: Int, byteLimit: Int)
        throws(JournalError)
        -> OutputPage
    {
        let all: [OutputEntry] = entries.withLock { $0[owner] ?? [] }
        var page = OutputPage(
            entries: [], firstSequence: all.first?.sequence ?? 0, nextSequence: sequence,
            lastSequence: all.last?.sequence ?? 0)
        var size: Int = 0
        for entry in all where entry.sequence >= sequence && page.entries.count < limit {
            if size > 0, size + entry.data.count > byteLimit { break }
            size += entry.data.count
            page.entries.append(entry)
            page.nextSequence = entry.sequence + 1
        }
        return page
    }
}

/// A server that is well, until told otherwise.
final class TestEnvironment: DialectEnvironment {
    private let status = Mutex(HealthStatus.healthy)
    let isReady: Bool
    let startedAt = Instant(milliseconds: 1_893_455_990_000)
    let version = "9.9.9"

    let board: MetricsBoard?
    private let counted: (requests: MetricCounter, failures: MetricCounter, times: MetricHistogram)

    init(isReady: Bool = true) {
        self.isReady = isReady
        let (requests, failures, times) = (MetricCounter(), MetricCounter(), MetricHistogram())
        counted = (requests, failures, times)
        var builder = MetricsBoard.Builder()
        var performance = ComponentPerformance()
        performance.operations = [
            builder.add(
                MetricSeries(
                    "maos_requests_total", .counter, of: .communication, labels: [MetricLabel("dialect", "a\"b")],
                    "Requests")
            ) { .number(Double(requests.value)) }
        ]
        performance.failures = [
            builder.add(MetricSeries("maos_failures_total", .counter, of: .communication, "Failures")) {
                .number(Double(failures.value))
            }
        ]
        performance.durations = builder.add(
            MetricSeries("maos_request_seconds", .histogram, of: .communication, "Durations")
        ) { .distribution(times.value) }
        performance.availability = builder.add(MetricSeries("maos_up", .gauge, of: .transport, "Up")) { .number(1) }
        builder.add(MetricSeries("maos_unknown", .gauge, of: .agents, "Nobody knows")) { .unknown }
        builder.describe(.communication, performance)
        board = MetricsBoard(builder)
    }

    /// Counts requests, which took half a second in the mean.
    func work(requests: UInt64, failures: UInt64) {
        counted.requests.add(requests)
        counted.failures.add(failures)
        counted.times.add(nanoseconds: 500_000_000)
    }

    func sample(at now: Instant) { board?.sample(at: now) }

    func set(_ new: HealthStatus) { status.withLock { $0 = new } }

    func components(at now: Instant) -> [HealthComponent] {
        let status: HealthStatus = status.withLock { $0 }
        return [
            HealthComponent(name: "orchestration", status: .healthy, lastCheck: now),
            HealthComponent(
                name: "storage", status: status, message: status == .healthy ? nil : "not well",
                lastCheck: now,
                dependencies: [.init(name: "disk", status: status, latency: 3)]),
        ]
    }

    func usage(of agent: AgentID) -> AgentUsage? {
        AgentUsage(cpuPercent: 12.5, memoryBytes: 4_096)
    }
    func metrics(at now: Instant) -> [MeasuredValue] {
        [MeasuredValue("maos_test_total", .counter, 7)]
    }
}

/// Gathers the events that an orchestrator publishes.
final class EventCollector: EventSink {
    private let events = Mutex<[Event]>([])

    func receive(_ events: [Event]) { self.events.withLock { $0 += events } }

    func take() -> [Event] {
        events.withLock { (events: inout [Event]) in
            defer { events = [] }
            return events
        }
    }
}

/// An answer with its body taken apart.
struct Answer {
    var response: GatewayResponse
    var json: JSONValue

    init(_ response: GatewayResponse) throws {
        self.response = response
        json = try JSONReader.parse(response.body, depthLimit: 64)
    }

    var status: Int { response.status.code }
    var data: JSONValue { json["data"] ?? .null }
    var error: JSONValue { json["error"] ?? .null }
    var code: String? { error["code"]?.stringValue }
    var message: String? { error["message"]?.stringValue }
    /// The names of the members that are wrong.
    var fields: [String] {
        error["details"]?.arrayValue?.compactMap { $0["field"]?.stringValue } ?? []
    }
    /// The codes of what is wrong with them.
    var issueCodes: [String] {
        error["details"]?.arrayValue?.compactMap { $0["code"]?.stringValue } ?? []
    }
}

/// A whole orchestrator in memory with the gateway in front of it; plays the transport's part.
final class GatewayWorld {
    let clock = StillClock()
    let journal = MemoryJournal()
    let runtime = IdleRuntime()
    let outputs = MemoryOutputs()
    let environment: TestEnvironment
    let orchestrator: Orchestrator
    let collector = EventCollector()
    let rest: GatewayREST
    let hub: GatewayHub
    let sockets: GatewaySocketDialect
    let configuration: GatewayConfiguration
    /// What was asked of the disk, in order.
    var reads: [StoreRead] = []

    static let admin = Principal(subject: "alice", permissions: .all)

    init(
        isReady: Bool = true, onDemand: Int = 0,
        configure: (inout GatewayConfiguration) -> Void = { _ in }
    ) async throws {
        var engine = EngineConfiguration()
        engine.onDemand.maximum = onDemand
        environment = TestEnvironment(isReady: isReady)
        orchestrator = try Orchestrator(
            configuration: engine, journal: journal, runtime: runtime, time: clock)
        orchestrator.events.attach(collector)
        var configuration = GatewayConfiguration()
        configure(&configuration)
        self.configuration = configuration
        rest = GatewayREST(
            view: orchestrator.view, bus: orchestrator.events, configuration: configuration,
            environment: environment, seed: 1)
        hub = GatewayHub(
            view: orchestrator.view, bus: orchestrator.events, configuration: configuration,
            environment: environment)
        sockets = GatewaySocketDialect(
            view: orchestrator.view, bus: orchestrator.events, configuration: configuration,
            environment: environment, seed: 2)
        try await orchestrator.start()
    }

    var now: Instant { clock.now() }

    /// A request as a parsed head.
    static func request(
        _ method: HTTPMethod, _ target: String, _ body: [UInt8] = [], headers: [(String, String)] = [],
        as authentication: GatewayAuthentication
    ) -> GatewayRequest {
        var fields = HTTPFields()
        if !body.isEmpty, !headers.contains(where: { $0.0.lowercased() == "content-type" }) {
            fields.append("content-type", "application/json")
        }
        for (name, value) in headers { fields.append(name, value) }
        let head = HTTPRequestHead(
            method: method, version: .http11, target: target, authority: "localhost", fields: fields,
            contentLength: body.count)
        return GatewayRequest(head: head, body: body, authentication: authentication)
    }

    /// Sends a request, and carries out what it leads to, until there is an answer or something to wait for.
    func perform(
        _ method: HTTPMethod, _ target: String, _ body: [UInt8] = [], headers: [(String, String)] = [],
        as authentication: GatewayAuthentication = .principal(GatewayWorld.admin)
    ) async -> GatewayAction {
        let request = GatewayWorld.request(method, target, body, headers: headers, as: authentication)
        return await settle(rest.handle(request, at: now))
    }

    /// Carries out actions until there is an answer or something to wait for.
    func settle(_ action: GatewayAction) async -> GatewayAction {
        var action: GatewayAction = action
        while true {
            switch action {
            case .respond, .awaitEnd, .stream, .attach:
                return action
            case .submit(let command, let pending):
                let result: Result<Reply, Rejection> = await orchestrator.outcome(of: command, as: pending.principal)
                action = rest.complete(pending, with: result, at: now)
            case .read(let read, let pending):
                reads.append(read)
                action = rest.complete(
                    pending, with: read.perform(history: journal, output: outputs), at: now)
            }
        }
    }

    /// Sends a request that is answered at once.
    func send(
        _ method: HTTPMethod, _ target: String, _ body: String = "", headers: [(String, String)] = [],
        as authentication: GatewayAuthentication = .principal(GatewayWorld.admin)
    ) async throws -> Answer {
        let action = await perform(
            method, target, Array(body.utf8), headers: headers, as: authentication)
        guard case .respond(let response) = action else {
            Issue.record("\(method.name) \(target) was not answered: \(action)")
            throw Unanswered()
        }
        return try Answer(response)
    }

    struct Unanswered: Error {}

    static let plainTask =
        #"{"type":"code","description":"do it","requirements":[],"priority":"medium"}"#

    /// Creates a task over REST.
    func createTask(_ body: String = GatewayWorld.plainTask, as principal: Principal = admin)
        async throws -> TaskID
    {
        let answer = try await send(.post, "/api/v1/tasks", body, as: .principal(principal))
        #expect(answer.status == 201)
        return try #require(answer.data["taskId"]?.stringValue.flatMap { TaskID($0) })
    }

    /// Spawns an agent over REST and reports that it is there.
    func spawnAgent(_ body: String = #"{"type":"coder"}"#) async throws -> AgentID {
        let answer = try await send(.post, "/api/v1/agents", body)
        #expect(answer.status == 201)
        let id: AgentID = try #require(answer.data["agentId"]?.stringValue.flatMap { AgentID($0) })
        try await report(.agentStarted(id, process: nil))
        return id
    }

    /// A report of the runtime's.
    func report(_ command: Command) async throws {
        _ = try await orchestrator.submit(command, as: .system)
    }

    /// Reports that the newest attempt of a task runs.
    func start(_ task: TaskID) async throws -> AttemptID {
        let attempt: AttemptID = try #require(runtime.launches.last { $0.id.task == task }?.id)
        try await report(.attemptStarted(attempt, process: nil))
        return attempt
    }

    /// Gives the hub what has happened since the last call.
    func pump() -> [GatewayOutput] { hub.receive(collector.take(), at: now) }

    /// Gives the WebSocket dialect what has happened since the last call.
    func pumpSockets() -> [SocketOutput] { sockets.receive(collector.take(), at: now) }
}

extension Orchestrator {
    /// What becomes of a command.
    func outcome(of command: Command, as principal: Principal) async -> Result<Reply, Rejection> {
        do throws(Rejection) {
            return .success(try await submit(command, as: principal))
        } catch {
            return .failure(error)
        }
    }
}
