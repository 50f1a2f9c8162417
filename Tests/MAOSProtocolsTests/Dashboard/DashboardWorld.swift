import MAOSCore
import MAOSProtocols
import Testing

/// Tokens by what they say: the subject, a role, and how long they live.
final class TestCredentials: CredentialChecker {
    private let clock: StillClock
    private let start: Instant

    init(_ clock: StillClock) {
        self.clock = clock
        start = clock.now()
    }

    func stillHolds(_ caller: SocketCaller) -> Bool { true }

    /// A token is `SUBJECT:ROLE:SECONDS`.
    func check(token: String, at now: Instant) throws(CredentialProblem) -> SocketCaller {
        let parts: [Substring] = token.split(separator: ":")
        guard parts.count == 3, let seconds = Int64(parts[2]) else { throw .invalid }
        let expires: Instant = start + .seconds(seconds)
        guard expires > now else { throw .expired }
        let principal = Principal(subject: String(parts[0]), permissions: Permissions(role: String(parts[1])))
        return SocketCaller(principal: principal, issued: start, expires: expires)
    }
}

/// A message as a client gets it.
struct DashboardReply {
    var json: JSONValue
    var type: String { json["type"]?.stringValue ?? "" }
    var payload: JSONValue { json["payload"] ?? .null }
    var code: Int? { payload["code"]?.intValue }

    init(_ bytes: [UInt8]) throws {
        json = try JSONReader.parse(bytes, depthLimit: 64)
        DeclaredChannel.dashboard.check(json)
    }
}

/// A whole orchestrator in memory with the dashboard in front of it, on any number of loops; plays the transport's part.
final class DashboardWorld {
    let clock = StillClock()
    let journal = MemoryJournal()
    let runtime = IdleRuntime()
    let outputs = MemoryOutputs()
    let orchestrator: Orchestrator
    let hub: DashboardHub
    private let collectors: [EventCollector]
    let dialects: [DashboardDialect]
    /// What each connection was sent and has not been looked at.
    private var received: [PeerID: [DashboardReply]] = [:]
    /// What was to go before what waits.
    private(set) var urgent: [PeerID: [DashboardReply]] = [:]
    private(set) var closed: [PeerID: UInt16] = [:]
    /// Connections of which the dialect waits to hear that the client has taken everything.
    private(set) var paced: Set<PeerID> = []
    /// What was to be typed.
    private(set) var typed: [(AgentID, [UInt8])] = []
    /// Whether agents take what is typed.
    var takesInput = true
    /// What the system says instead of taking it.
    var inputFailure: String?
    /// Whether reads wait for ``performReads()``.
    var holdsReads = false
    private var heldReads: [(loop: Int, output: SocketOutput)] = []
    private var lastPeer: UInt64 = 0
    private var loops: [PeerID: Int] = [:]

    init(loops: Int = 1, limits: DashboardLimits = .none, trusted: Principal? = nil) async throws {
        orchestrator = try Orchestrator(
            configuration: EngineConfiguration(), journal: journal, runtime: runtime, time: clock, history: journal)
        var configuration = DashboardConfiguration()
        configuration.trusted = trusted
        let hub = DashboardHub(configuration: configuration, limits: limits, seed: 7)
        self.hub = hub
        let (view, bus, credentials) = (orchestrator.view, orchestrator.events, TestCredentials(clock))
        collectors = (0..<loops).map { _ in EventCollector() }
        dialects = (0..<loops).map { _ in
            DashboardDialect(hub: hub, view: view, bus: bus, credentials: credentials, host: nil)
        }
        for collector: EventCollector in collectors { bus.attach(collector) }
        try await orchestrator.start()
    }

    var now: Instant { clock.now() }

    // MARK: Connections

    func open(loop: Int = 0, address: String = "127.0.0.1") async throws -> PeerID {
        lastPeer += 1
        let peer = PeerID(rawValue: lastPeer)
        loops[peer] = loop
        let arrival = SocketArrival(address: address, isLoopback: true)
        try await carryOut(dialects[loop].open(peer, arrival, at: now), loop)
        return peer
    }

    func close(_ peer: PeerID) async throws {
        let loop: Int = loops[peer] ?? 0
        try await carryOut(dialects[loop].close(peer, at: now), loop)
    }

    /// Opens a connection and says who it is; gives the connection and the session.
    func join(
        _ token: String = "olga:operator:3600", loop: Int = 0, client: String = "c", more: String = ""
    ) async throws -> (peer: PeerID, session: String) {
        let peer: PeerID = try await open(loop: loop)
        try await sendText(
            #"{"type":"auth","payload":{"token":"\#(token)","clientId":"\#(client)"\#(more)}}"#, from: peer)
        let messages: [DashboardReply] = take(peer)
        let ack: DashboardReply = try #require(messages.first)
        received[peer] = Array(messages.dropFirst())
        return (peer, try #require(ack.payload["sessionId"]?.stringValue))
    }

    func sendText(_ text: String, from peer: PeerID) async throws {
        let loop: Int = loops[peer] ?? 0
        try await carryOut(dialects[loop].receive(Array(text.utf8), from: peer, at: now), loop)
        try await pump()
    }

    func send(_ type: String, _ payload: String = "{}", id: String? = nil, from peer: PeerID) async throws {
        let name: String = id.map { #""id":"\#($0)","# } ?? ""
        try await sendText(#"{\#(name)"type":"\#(type)","payload":\#(payload)}"#, from: peer)
    }

    /// What a connection was sent since the last look.
    func take(_ peer: PeerID) -> [DashboardReply] { received.removeValue(forKey: peer) ?? [] }

    /// A client takes everything it was sent; says whether that was waited for.
    @discardableResult
    func drain(_ peer: PeerID) async throws -> Bool {
        guard paced.remove(peer) != nil else { return false }
        let loop: Int = loops[peer] ?? 0
        try await carryOut(dialects[loop].drained(peer, at: now), loop)
        return true
    }

    // MARK: The world

    /// Lets time pass, with a look of every loop.
    func pass(_ time: Milliseconds) async throws {
        clock.advance(time)
        for (loop, dialect) in dialects.enumerated() { try await carryOut(dialect.tick(at: now), loop) }
        try await pump()
    }

    /// A report of the runtime's.
    func report(_ command: Command) async throws {
        _ = try await orchestrator.submit(command, as: .system)
        try await pump()
    }

    /// Hands on what has happened.
    func pump() async throws {
        for (loop, collector) in collectors.enumerated() {
            let events: [Event] = collector.take()
            if !events.isEmpty { try await carryOut(dialects[loop].receive(events, at: now), loop) }
        }
    }

    /// An agent prints something.
    func print(_ text: [UInt8], _ stream: OutputStream = .stdout, by agent: AgentID, told: Bool = true) async throws {
        let entries: [OutputEntry] = outputs.store([
            OutputChunk(task: nil, agent: agent, attempt: 0, stream: stream, time: now, data: text)
        ])
        guard told else { return }
        for (loop, dialect) in dialects.enumerated() { try await carryOut(dialect.receive(entries, at: now), loop) }
    }

    /// Tells the dialects that they are not handed some entries of what an agent printed.
    func skip(_ entries: ClosedRange<UInt64>, of agent: AgentID) async throws {
        let gap: OutputGap = try outputs.gap(entries, of: .agent(agent))
        for (loop, dialect) in dialects.enumerated() { try await carryOut(dialect.skipped([gap], at: now), loop) }
    }

    /// Carries out the reads that wait, and what comes of them.
    func performReads() async throws {
        holdsReads = false
        let reads: [(loop: Int, output: SocketOutput)] = heldReads
        heldReads = []
        for read in reads { try await carryOut([read.output], read.loop) }
    }

    /// Makes an agent whose process runs, and takes the messages that tell of it.
    func createAgent(from peer: PeerID) async throws -> AgentID {
        try await send(
            "agent:create", #"{"name":"Ada","model":"claude-3-opus","workspace":"w"}"#, from: peer)
        let agent: AgentRecord = try #require(orchestrator.view.agents().last)
        try await report(.agentStarted(agent.id, process: ProcessIdentity(pid: 42, startTicks: 7)))
        _ = take(peer)
        return agent.id
    }

    private func carryOut(_ outputs: [SocketOutput], _ loop: Int) async throws {
        var waiting: [SocketOutput] = outputs
        while !waiting.isEmpty {
            let next: SocketOutput = waiting.removeFirst()
            switch next {
            case .send(let bytes, let peer):
                received[peer, default: []].append(try DashboardReply(bytes))
            case .sendAhead(let bytes, let peer):
                received[peer, default: []].append(try DashboardReply(bytes))
                urgent[peer, default: []].append(try DashboardReply(bytes))
            case .deliver(let delivery):
                for peer: PeerID in delivery.peers {
                    received[peer, default: []].append(try DashboardReply(delivery.payload))
                }
            case .close(let peer, let code, _):
                closed[peer] = code
            case .pace(let peer):
                paced.insert(peer)
            case .submit(let command, let principal, let token):
                let result: Result<Reply, Rejection> = await orchestrator.outcome(of: command, as: principal)
                // Events come before replies, as they do from the orchestrator.
                let events: [Event] = collectors[loop].take()
                waiting += dialects[loop].receive(events, at: now)
                waiting += dialects[loop].complete(token, with: .reply(result), at: now)
            case .perform(.read, _) where holdsReads:
                heldReads.append((loop, next))
            case .perform(.read(let read), let token):
                let result = read.perform(history: journal, output: self.outputs)
                waiting += dialects[loop].complete(token, with: .read(result), at: now)
            case .perform(.host(.type(let agent, let bytes)), let token):
                typed.append((agent, bytes))
                let answer: HostAnswer = inputFailure.map { .failed($0) } ?? (takesInput ? .done : .noSuchProcess)
                waiting += dialects[loop].complete(token, with: .host(answer), at: now)
            case .perform(.host, let token):
                waiting += dialects[loop].complete(token, with: .host(.noSuchProcess), at: now)
            }
        }
    }
}
