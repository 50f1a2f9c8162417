import MAOSCore
import MAOSProtocols
import Testing

/// A frame as a client reads it.
struct HiveFrame {
    var json: JSONValue
    var text: String

    init(_ bytes: [UInt8]) throws {
        json = try JSONReader.parse(bytes, depthLimit: 64)
        DeclaredChannel.hive.check(json)
        text = String(decoding: bytes, as: UTF8.self)
    }

    var type: String { json["type"]?.stringValue ?? "" }
    var data: JSONValue { json["data"] ?? .null }
    var sequence: Int { json["sequence"]?.intValue ?? 0 }
    /// All but what is only guessed, which is guessed better afterwards.
    var certain: String {
        guard data["estimated_completion"] != nil else { return text }
        return "\(type) \(sequence) \(json["message_id"]?.stringValue ?? "") \(data["task_id"]?.stringValue ?? "")"
    }

    var timestamp: String { json["timestamp"]?.stringValue ?? "" }

    /// A member of `data`, by the names on the way to it.
    subscript(_ path: String...) -> JSONValue {
        path.reduce(data) { (value: JSONValue, name: String) in value[name] ?? .null }
    }

    func string(_ name: String) -> String? { data[name]?.stringValue }
}

/// A whole orchestrator in memory with two loops of the hive in front of it; plays the transport's part.
final class HiveWorld {
    /// One event loop with its clients.
    final class Loop {
        let dialect: HiveDialect
        var frames: [PeerID: [HiveFrame]] = [:]
        var closes: [PeerID: (code: UInt16, reason: String)] = [:]
        var reads: [(StoreRead, SocketToken)] = []
        var paced: [PeerID] = []
        var announced: [SystemEvent] = []
        /// How many messages were handed over, whatever the number of those who got them.
        var encoded: Int = 0

        init(_ dialect: HiveDialect) { self.dialect = dialect }
    }

    let gateway: GatewayWorld
    let commons = HiveCommons(seed: 7)
    let loops: [Loop]
    private var lastPeer: UInt64 = 0

    static let listener = Principal(subject: "anonymous", permissions: .viewer)

    init(onDemand: Int = 0, adjust: (inout HiveConfiguration) -> Void = { _ in }) async throws {
        let gateway = try await GatewayWorld(onDemand: onDemand)
        self.gateway = gateway
        var configuration = HiveConfiguration()
        adjust(&configuration)
        let commons: HiveCommons = commons
        gateway.orchestrator.events.attach(commons.ledger)
        loops = (0..<2).map { _ in
            Loop(
                HiveDialect(
                    view: gateway.orchestrator.view, bus: gateway.orchestrator.events,
                    environment: gateway.environment, configuration: configuration, commons: commons))
        }
    }

    var now: Instant { gateway.now }

    /// Connects a client to a loop.
    func connect(
        _ query: String = "", on loop: Int = 0, as principal: Principal? = HiveWorld.listener, expires: Instant? = nil
    ) throws -> PeerID {
        lastPeer += 1
        let peer = PeerID(rawValue: lastPeer)
        let items: [HTTPTarget.QueryItem] = try HTTPTarget("/ws?\(query)").query
        let caller: SocketCaller? = principal.map { SocketCaller(principal: $0, expires: expires) }
        let arrival = SocketArrival(address: "127.0.0.1", isLoopback: true, caller: caller, query: items)
        try carryOut(loops[loop].dialect.open(peer, arrival, at: now), on: loop)
        return peer
    }

    func disconnect(_ peer: PeerID, from loop: Int = 0) throws {
        try carryOut(loops[loop].dialect.close(peer, at: now), on: loop)
    }

    /// Hands every loop what has happened since the last call.
    func pump() throws {
        let events: [Event] = gateway.collector.take()
        for loop: Int in loops.indices { try carryOut(loops[loop].dialect.receive(events, at: now), on: loop) }
    }

    /// Hands one loop some events; the other is behind.
    func feed(_ events: [Event], to loop: Int) throws {
        try carryOut(loops[loop].dialect.receive(events, at: now), on: loop)
    }

    func tick(after time: Milliseconds = 250) throws {
        gateway.clock.advance(time)
        for loop: Int in loops.indices { try carryOut(loops[loop].dialect.tick(at: now), on: loop) }
    }

    /// Lets clients that come back have everything: reads what was asked for, and takes what was sent.
    func settle(_ loop: Int = 0) throws {
        while !loops[loop].reads.isEmpty || !loops[loop].paced.isEmpty {
            let reads: [(StoreRead, SocketToken)] = loops[loop].reads
            let paced: [PeerID] = loops[loop].paced
            loops[loop].reads = []
            loops[loop].paced = []
            for (read, token) in reads {
                let result = read.perform(history: gateway.journal, output: gateway.outputs)
                try carryOut(loops[loop].dialect.complete(token, with: .read(result), at: now), on: loop)
            }
            for peer: PeerID in paced { try carryOut(loops[loop].dialect.drained(peer, at: now), on: loop) }
        }
    }

    func carryOut(_ outputs: [SocketOutput], on loop: Int) throws {
        for output: SocketOutput in outputs {
            switch output {
            case .send(let bytes, let peer):
                loops[loop].encoded += 1
                loops[loop].frames[peer, default: []].append(try HiveFrame(bytes))
            case .deliver(let delivery):
                loops[loop].encoded += 1
                let frame = try HiveFrame(delivery.payload)
                for peer: PeerID in delivery.peers { loops[loop].frames[peer, default: []].append(frame) }
            case .close(let peer, let code, let reason):
                loops[loop].closes[peer] = (code, reason)
            case .submit(.announce(let event), let principal, _):
                #expect(principal == .system)
                loops[loop].announced.append(event)
            case .perform(.read(let read), let token):
                loops[loop].reads.append((read, token))
            case .pace(let peer):
                loops[loop].paced.append(peer)
            case .submit, .perform, .sendAhead:
                Issue.record("the hive wants nothing of that kind: \(output)")
            }
        }
    }

    // MARK: Looking

    func frames(of peer: PeerID, on loop: Int = 0) -> [HiveFrame] { loops[loop].frames[peer] ?? [] }

    func frames(_ type: String, of peer: PeerID, on loop: Int = 0) -> [HiveFrame] {
        frames(of: peer, on: loop).filter { $0.type == type }
    }

    func types(of peer: PeerID, on loop: Int = 0) -> [String] { frames(of: peer, on: loop).map(\.type) }

    /// The frames of events only, without the periodic ones.
    func told(_ peer: PeerID, on loop: Int = 0) -> [HiveFrame] {
        frames(of: peer, on: loop).filter { $0.type != "hive_status_update" && $0.type != "module_status_changed" }
    }

    // MARK: Happenings

    func announce(_ type: String, _ data: JSONValue = .object([:])) async throws {
        try await gateway.report(.announce(SystemEvent(type: type, data: JSONText(data))))
        try pump()
    }

    func create(_ body: String = GatewayWorld.plainTask, as principal: Principal = GatewayWorld.admin) async throws
        -> TaskID
    {
        let id: TaskID = try await gateway.createTask(body, as: principal)
        try pump()
        return id
    }

    /// An agent that is not missed when the clock makes a leap.
    static let plainAgent = #"{"type":"coder","configuration":{"heartbeatInterval":3600000}}"#

    func spawn(_ body: String = HiveWorld.plainAgent) async throws -> AgentID {
        let id: AgentID = try await gateway.spawnAgent(body)
        try pump()
        return id
    }

    func report(_ command: Command) async throws {
        try await gateway.report(command)
        try pump()
    }

    func start(_ task: TaskID) async throws -> AttemptID {
        let attempt: AttemptID = try await gateway.start(task)
        try pump()
        return attempt
    }

    /// Runs a task from its creation to its end.
    @discardableResult
    func run(_ body: String = GatewayWorld.plainTask, _ outcome: AttemptOutcome = .completed(result: nil)) async throws
        -> TaskID
    {
        let task: TaskID = try await create(body)
        let attempt: AttemptID = try await start(task)
        gateway.clock.advance(.seconds(2))
        try await report(.attemptEnded(attempt, outcome))
        return task
    }
}
