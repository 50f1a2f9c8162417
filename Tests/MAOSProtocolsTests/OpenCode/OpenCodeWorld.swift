import MAOSCore
import MAOSProtocols
import Synchronization
import Testing

/// A machine whose processes are made up.
final class MadeUpHost: HostInformation {
    private let state = Mutex((reading: HostReading(), scan: ProcessScan(), signals: [ProcessSignal]()))
    private let answer = Mutex(ProcessSignalOutcome.ended)

    var reading: HostReading { state.withLock { $0.reading } }
    var scan: ProcessScan { state.withLock { $0.scan } }
    var signals: [ProcessSignal] { state.withLock { $0.signals } }

    func set(_ reading: HostReading) { state.withLock { $0.reading = reading } }
    func set(_ processes: [ProcessReading], at time: Instant) {
        state.withLock {
            $0.scan.processes = processes.sorted { $0.identity.pid < $1.identity.pid }
            $0.scan.time = time
            $0.scan.duration = 1.5
        }
    }
    func set(_ outcome: ProcessSignalOutcome) { answer.withLock { $0 = outcome } }

    func usage(of agent: AgentID) -> ProcessUsage? { nil }

    func details(of processes: [ProcessIdentity]) -> [ProcessIdentity: ProcessDetails] {
        var details: [ProcessIdentity: ProcessDetails] = [:]
        for process in processes {
            var found = ProcessDetails()
            found.openFiles = 12
            found.connections = 1
            found.workingDirectory = "/home/\(process.pid)"
            details[process] = found
        }
        return details
    }

    func signal(
        _ process: ProcessIdentity, _ signal: ProcessSignal, allowsForeign: Bool
    ) async -> ProcessSignalOutcome {
        state.withLock { $0.signals.append(signal) }
        return answer.withLock { $0 }
    }
}

/// A server around the dialect.
final class OpenCodeEnvironment: DialectEnvironment {
    let machine = MadeUpHost()
    let isReady: Bool = true
    let startedAt = Instant(milliseconds: 1_893_455_990_000)
    let version = "9.9.9"
    let board: MetricsBoard? = nil
    private let status = Mutex(HealthStatus.healthy)

    var host: (any HostInformation)? { machine }

    func set(_ new: HealthStatus) { status.withLock { $0 = new } }

    func components(at now: Instant) -> [HealthComponent] {
        let status: HealthStatus = status.withLock { $0 }
        return [
            HealthComponent(name: "orchestration", status: .healthy, lastCheck: now),
            HealthComponent(
                name: "storage", status: status, message: status == .healthy ? nil : "not well", lastCheck: now),
        ]
    }

    func usage(of agent: AgentID) -> AgentUsage? { nil }
    func metrics(at now: Instant) -> [MeasuredValue] { [] }
}

/// Knows a key and a token.
final class TwoCredentials: CredentialChecker {
    private let revoked = Mutex(Set<String>())

    /// Ends what is called so.
    func revoke(_ name: String) { revoked.withLock { _ = $0.insert(name) } }

    func stillHolds(_ caller: SocketCaller) -> Bool {
        revoked.withLock { revoked in caller.credential.map { !revoked.contains($0) } ?? true }
    }

    func check(token: String, at now: Instant) throws(CredentialProblem) -> SocketCaller {
        switch token {
        case "sk-reader":
            return SocketCaller(
                principal: Principal(subject: "reader", permissions: .viewer), credential: "sk-reader")
        case "admin.jwt.token":
            return SocketCaller(
                principal: Principal(subject: "boss", permissions: .all), expires: now + .seconds(600))
        default: throw .invalid
        }
    }
}

/// A whole orchestrator in memory with the dialect in front of it; plays the transport's part.
final class OpenCodeWorld {
    let clock = StillClock()
    let journal = MemoryJournal()
    let runtime = IdleRuntime()
    let outputs = MemoryOutputs()
    let environment = OpenCodeEnvironment()
    let credentials = TwoCredentials()
    let orchestrator: Orchestrator
    let collector = EventCollector()
    let shared: OpenCodeShared
    let logs = LogIndex(limit: 1_000)
    let dialect: OpenCodeDialect
    /// Where reads go; the journal and the outputs unless they are to fail.
    var history: any History
    var readOutputs: any OutputStore
    /// What each client was sent, oldest first.
    private(set) var inboxes: [PeerID: [JSONValue]] = [:]
    private(set) var closed: [PeerID: UInt16] = [:]
    /// Bytes of all messages to each client.
    private(set) var sentBytes: [PeerID: Int] = [:]
    /// Who is to be waited for.
    private(set) var paced: Set<PeerID> = []
    /// Reads take until they are let through.
    var holdsReads = false
    private var heldReads: [(read: StoreRead, token: SocketToken)] = []
    private var lastPeer: UInt64 = 0

    static let anonymous = SocketCaller(
        principal: Principal(subject: "opencode", permissions: .all), isAuthenticated: false)

    /// A server without limits, unless they are what is tried.
    init(configure: (inout OpenCodeConfiguration) -> Void = { _ in }) async throws {
        var engine = EngineConfiguration()
        engine.onDemand.maximum = 0
        orchestrator = try Orchestrator(
            configuration: engine, journal: journal, runtime: runtime, time: clock)
        (history, readOutputs) = (journal, outputs)
        orchestrator.events.attach(collector)
        orchestrator.events.attach(logs)
        var configuration = OpenCodeConfiguration()
        configuration.limits = nil
        configure(&configuration)
        shared = OpenCodeShared(configuration)
        dialect = OpenCodeDialect(
            shared,
            OpenCodeSurroundings(
                view: orchestrator.view, environment: environment, logs: logs, credentials: credentials,
                audit: { [logs] in logs.add([$0]) }))
        try await orchestrator.start()
    }

    var now: Instant { clock.now() }

    // MARK: Clients

    /// Opens a connection; its first messages are in its inbox.
    func connect(
        as caller: SocketCaller? = OpenCodeWorld.anonymous, from address: String = "127.0.0.1"
    ) async throws -> PeerID {
        lastPeer += 1
        let peer = PeerID(rawValue: lastPeer)
        try await carryOut(
            dialect.open(peer, SocketArrival(address: address, isLoopback: true, caller: caller), at: now))
        return peer
    }

    /// Opens a connection, and forgets what it was greeted with.
    func join(as caller: SocketCaller? = OpenCodeWorld.anonymous) async throws -> PeerID {
        let peer: PeerID = try await connect(as: caller)
        inboxes[peer] = []
        return peer
    }

    func disconnect(_ peer: PeerID, code: UInt16 = 1_000) async throws {
        dialect.closing(peer, code: code, at: now)
        try await carryOut(dialect.close(peer, at: now))
    }

    /// Sends text, and carries out what it leads to.
    func post(_ text: String, from peer: PeerID) async throws {
        try await carryOut(dialect.receive(Array(text.utf8), from: peer, at: now))
    }

    func postBinary(_ bytes: [UInt8], from peer: PeerID) async throws {
        try await carryOut(dialect.receiveBinary(bytes, from: peer, at: now))
    }

    /// Sends a request, and gives what came first after it.
    func ask(_ text: String, from peer: PeerID) async throws -> JSONValue {
        let before: Int = inbox(peer).count
        try await post(text, from: peer)
        return try #require(inbox(peer).dropFirst(before).first)
    }

    /// Sends a request that is to be refused, and gives the code.
    func refusal(_ text: String, from peer: PeerID) async throws -> String {
        let answer: JSONValue = try await ask(text, from: peer)
        #expect(answer["type"] == "error", "\(answer)")
        #expect(answer["timestamp"]?.stringValue != nil)
        return answer["code"]?.stringValue ?? ""
    }

    func inbox(_ peer: PeerID) -> [JSONValue] { inboxes[peer] ?? [] }

    /// What a client was sent of a type.
    func inbox(_ peer: PeerID, _ type: String) -> [JSONValue] { inbox(peer).filter { $0["type"]?.stringValue == type } }

    func clear(_ peer: PeerID) { inboxes[peer] = [] }

    // MARK: The transport

    private func carryOut(_ first: [SocketOutput]) async throws {
        var outputs: [SocketOutput] = first
        while !outputs.isEmpty {
            let output: SocketOutput = outputs.removeFirst()
            switch output {
            case .send(let text, let peer):
                inboxes[peer, default: []].append(try OpenCodeWorld.read(text))
                sentBytes[peer, default: 0] += text.count
            case .deliver(let delivery):
                let message: JSONValue = try OpenCodeWorld.read(delivery.payload)
                for peer in delivery.peers {
                    inboxes[peer, default: []].append(message)
                    sentBytes[peer, default: 0] += delivery.payload.count
                }
            case .close(let peer, let code, _):
                closed[peer] = code
            case .pace(let peer):
                paced.insert(peer)
            case .sendAhead:
                Issue.record("nothing is urgent")
            case .submit(let command, let principal, let token):
                let result: Result<Reply, Rejection> = await orchestrator.outcome(of: command, as: principal)
                outputs += dialect.complete(token, with: .reply(result), at: now)
            case .perform(.read(let read), let token) where holdsReads:
                heldReads.append((read, token))
            case .perform(.read(let read), let token):
                outputs += dialect.complete(
                    token, with: .read(read.perform(history: history, output: readOutputs)), at: now)
            case .perform(.host(let request), let token):
                outputs += dialect.complete(token, with: .host(await perform(request)), at: now)
            }
        }
    }

    /// Does the reads that have been held back, and no longer holds any.
    func letReadsThrough() async throws {
        holdsReads = false
        let reads: [(read: StoreRead, token: SocketToken)] = heldReads
        heldReads = []
        try await carryOut(reads.map { .perform(.read($0.read), $0.token) })
    }

    /// Lets a client take everything, and says whether that was waited for.
    @discardableResult
    func drain(_ peer: PeerID) async throws -> Bool {
        guard paced.remove(peer) != nil else { return false }
        try await carryOut(dialect.drained(peer, at: now))
        return true
    }

    private static func read(_ text: [UInt8]) throws -> JSONValue {
        let message: JSONValue = try JSONReader.parse(text, depthLimit: 64)
        DeclaredChannel.openCode.check(message)
        return message
    }

    private func perform(_ request: HostRequest) async -> HostAnswer {
        switch request {
        case .signal(let process, let signal, let allowsForeign):
            .signalled(await environment.machine.signal(process, signal, allowsForeign: allowsForeign))
        case .inspect(let processes): .inspected(environment.machine.details(of: processes))
        default: .noSuchProcess
        }
    }

    /// Tells the dialect what has happened since the last call.
    func pump() async throws { try await carryOut(dialect.receive(collector.take(), at: now)) }

    /// Lets time pass, and tells the dialect.
    func pass(_ time: Milliseconds) async throws {
        clock.advance(time)
        try await carryOut(dialect.tick(at: now))
    }

    /// Tells the dialect that it is not handed some entries of what a task printed.
    func skip(_ entries: ClosedRange<UInt64>, of task: TaskID) async throws {
        try await carryOut(dialect.skipped([try outputs.gap(entries, of: .task(task))], at: now))
    }

    /// Tells the dialect of entries that are stored.
    func tell(_ entries: ClosedRange<UInt64>, of task: TaskID) async throws {
        let page = try outputs.read(.task(task), from: entries.lowerBound, limit: entries.count, byteLimit: .max)
        try await carryOut(dialect.receive(page.entries, at: now))
    }

    /// Stores what a task printed, and tells the dialect unless that is not to be.
    func print(
        _ text: String, _ stream: OutputStream = .stdout, task: TaskID, told isTold: Bool = true
    ) async throws {
        let entries: [OutputEntry] = outputs.store([
            OutputChunk(
                task: task, agent: AgentID(unchecked: "a"), attempt: 1, stream: stream, time: now,
                data: Array(text.utf8))
        ])
        logs.stored(entries)
        guard isTold else { return }
        try await carryOut(dialect.receive(entries, at: now))
    }

    // MARK: Tasks

    static func task(_ id: String, _ members: String = "") -> String {
        #"{"id":"\#(id)","type":"testing","priority":"high","description":"Run \#(id)"\#(members)}"#
    }

    /// Starts a task, and gives the answer.
    @discardableResult
    func start(_ id: String, _ members: String = "", from peer: PeerID) async throws -> JSONValue {
        let answer: JSONValue = try await ask(
            #"{"type":"start_task","task":\#(OpenCodeWorld.task(id, members))}"#, from: peer)
        #expect(answer["type"] == "task_started", "\(answer)")
        return answer
    }

    /// Spawns an agent that is there at once.
    func spawnAgent() async throws -> AgentID {
        let reply: Reply = try await orchestrator.submit(
            .spawnAgent(AgentSpecification(type: .tester), id: nil), as: .system)
        guard case .agent(let agent) = reply else { throw NoAgent() }
        _ = try await orchestrator.submit(.agentStarted(agent.id, process: nil), as: .system)
        return agent.id
    }

    struct NoAgent: Error {}

    /// Reports that the newest attempt of a task runs.
    func begin(_ task: String) async throws -> AttemptID {
        let attempt: AttemptID = try #require(runtime.launches.last { $0.id.task.rawValue == task }?.id)
        _ = try await orchestrator.submit(.attemptStarted(attempt, process: nil), as: .system)
        return attempt
    }

    func report(_ command: Command) async throws { _ = try await orchestrator.submit(command, as: .system) }
}
