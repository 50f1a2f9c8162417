import MAOSCore
import MAOSProtocols
import Testing

/// Somebody at a terminal: plays the transport and the host.
private final class Visitor {
    let world: GatewayWorld
    let peer: PeerID
    private(set) var shown: [UInt8] = []
    private(set) var told: [JSONValue] = []
    private(set) var closed: (code: UInt16, reason: String)?
    private(set) var typed: [[UInt8]] = []
    private(set) var sizes: [[Int]] = []
    private(set) var isRead = true
    /// What the disk was asked for and has not answered.
    private(set) var asked: [StoreRead] = []
    /// While true, the disk does not answer.
    var isDiskSlow = false
    /// What the host answers to typing; nothing while `nil`.
    var answer: HostAnswer? = .done
    /// While true, the connection takes no more after each message.
    var isStuck = false
    private var session: TerminalSession?

    init(_ world: GatewayWorld, _ peer: UInt64 = 1) {
        self.world = world
        self.peer = PeerID(rawValue: peer)
    }

    var text: String { String(decoding: shown, as: UTF8.self) }

    func attach(
        to agent: AgentID, restarts: Bool = false, expires: Instant? = nil,
        configure: (inout GatewayConfiguration) -> Void = { _ in }
    ) throws {
        var configuration = GatewayConfiguration()
        configure(&configuration)
        let session = TerminalSession(
            GatewayTerminal(agent: agent, followsRestarts: restarts), peer: peer, expires: expires,
            configuration: configuration)
        self.session = session
        take(world.hub.attach(session, at: world.now))
    }

    func take(_ outputs: [GatewayOutput]) {
        for output in outputs {
            switch output {
            case .show(let bytes, let peers) where peers.contains(peer):
                #expect(closed == nil)
                shown += bytes
                if isStuck { world.hub.filled(peer) }
            case .tell(let text, peer):
                #expect(closed == nil)
                let message: JSONValue = (try? JSONReader.parse(text, depthLimit: 8)) ?? .null
                DeclaredChannel.terminal.check(message)
                told.append(message)
            case .close(peer, let code, let reason):
                #expect(closed == nil)
                closed = (code, reason)
            case .setReading(peer, let reads): isRead = reads
            case .read(let read, peer):
                asked.append(read)
                if !isDiskSlow { answerDisk() }
            case .perform(.feed(_, let bytes), peer):
                typed.append(bytes)
                if let answer { take(world.hub.typingEnded(answer, for: peer)) }
            case .perform(.resize(_, let columns, let rows), peer): sizes.append([columns, rows])
            default: break
            }
        }
    }

    func answerDisk() {
        let reads: [StoreRead] = asked
        asked = []
        for read in reads {
            let result = read.perform(history: world.journal, output: world.outputs)
            take(world.hub.complete(peer, with: result, at: world.now))
        }
    }

    func unstick() {
        isStuck = false
        take(world.hub.drained(peer, at: world.now))
    }

    func type(_ text: String) throws { take(try #require(session).receive(Array(text.utf8))) }
    func say(_ text: String) throws { take(try #require(session).receive(text: Array(text.utf8))) }
    func typingEnded(_ answer: HostAnswer) { take(world.hub.typingEnded(answer, for: peer)) }

    /// What was typed, as one text.
    var input: String { String(decoding: typed.joined(), as: UTF8.self) }
}

extension GatewayWorld {
    fileprivate func spawnTerminal(isUp: Bool = true) async throws -> AgentID {
        let answer = try await send(.post, "/api/v1/agents", #"{"type":"coder","configuration":{"terminal":true}}"#)
        let id: AgentID = try #require(answer.data["agentId"]?.stringValue.flatMap { AgentID($0) })
        if isUp { try await startTerminal(id) }
        return id
    }

    fileprivate func startTerminal(_ id: AgentID) async throws {
        try await report(.agentStarted(id, process: ProcessIdentity(pid: 77, startTicks: 1)))
    }

    /// An agent's process prints something; gives what the hub says.
    fileprivate func print(
        _ text: String, _ agent: AgentID, stream: OutputStream = .terminal
    ) -> [GatewayOutput] {
        hub.receive(printed([text], agent, stream: stream), at: now)
    }

    /// Stores output; gives what observers would hear of.
    fileprivate func printed(
        _ texts: [String], _ agent: AgentID, stream: OutputStream = .terminal
    ) -> [OutputEntry] {
        outputs.store(
            texts.map {
                OutputChunk(task: nil, agent: agent, attempt: 0, stream: stream, time: now, data: Array($0.utf8))
            })
    }
}

@Suite("A terminal") struct TerminalTests {
    // MARK: Before the upgrade

    private static let upgrade: [(String, String)] = [
        ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ]

    @Test("is attached to by whoever may command agents, also while its process is being started")
    func attaching() async throws {
        let world = try await GatewayWorld()
        for isUp in [true, false] {
            let agent: AgentID = try await world.spawnTerminal(isUp: isUp)
            let commander = Principal(subject: "bob", permissions: .agentsCommand)
            let path: String = "/api/v1/agents/\(agent)/terminal"
            for (query, restarts) in [("", false), ("?restarts=true", true), ("?token=x", false)] {
                let action = await world.perform(
                    .get, path + query, headers: TerminalTests.upgrade, as: .principal(commander))
                guard case .attach(let terminal) = action else {
                    Issue.record("\(action)")
                    continue
                }
                #expect(terminal == GatewayTerminal(agent: agent, followsRestarts: restarts))
            }
        }
    }

    @Test("is refused in the gateway's own words, before there is a WebSocket")
    func refusals() async throws {
        let world = try await GatewayWorld()
        let agent: AgentID = try await world.spawnTerminal()
        let plain: AgentID = try await world.spawnAgent()
        let path: String = "/api/v1/agents/\(agent)/terminal"
        func refuse(
            _ path: String, _ status: Int, _ code: String, reason: String? = nil, method: HTTPMethod = .get,
            headers: [(String, String)] = TerminalTests.upgrade,
            as authentication: GatewayAuthentication = .principal(GatewayWorld.admin)
        ) async throws {
            let answer = try await world.send(method, path, headers: headers, as: authentication)
            #expect(answer.status == status, "\(path)")
            #expect(answer.code == code, "\(path)")
            if let reason { #expect(answer.error["details"]?["reason"]?.stringValue == reason, "\(path)") }
        }
        try await refuse(path, 401, "AUTHENTICATION_ERROR", as: .missing)
        try await refuse(path, 401, "AUTHENTICATION_ERROR", as: .invalid)
        let viewer = Principal(subject: "v", permissions: [.agentsRead, .agentsList])
        try await refuse(path, 403, "AUTHORIZATION_ERROR", as: .principal(viewer))
        try await refuse("/api/v1/agents/agent-unknown/terminal", 404, "RESOURCE_NOT_FOUND")
        try await refuse("/api/v1/agents/no%20id/terminal", 404, "RESOURCE_NOT_FOUND")
        try await refuse("/api/v1/agents/\(plain)/terminal", 409, "RESOURCE_CONFLICT", reason: "no_terminal")
        try await refuse(path + "?restarts=perhaps", 400, "VALIDATION_ERROR")
        try await refuse(path, 426, "VALIDATION_ERROR", headers: [])
        try await refuse(path, 405, "VALIDATION_ERROR", method: .post)
        try await refuse(path + "/more", 404, "RESOURCE_NOT_FOUND")

        try await world.report(.agentCrashed(agent, reason: "exited with code 3"))
        try await refuse(path, 409, "RESOURCE_CONFLICT", reason: "terminal_not_running")
        guard
            case .attach = await world.perform(.get, path + "?restarts=true", headers: TerminalTests.upgrade)
        else {
            Issue.record("who follows restarts may wait for one")
            return
        }
        try await world.report(.agentStarted(agent, process: nil))
        _ = try await world.send(.delete, "/api/v1/agents/\(agent)?graceful=false")
        try await world.report(.agentStopped(agent))
        try await refuse(path, 409, "RESOURCE_CONFLICT", reason: "agent_terminated")
    }

    // MARK: Output

    @Test("shows what was printed last and then what comes, without gap or repetition")
    func lateJoiner() async throws {
        let world = try await GatewayWorld()
        let agent: AgentID = try await world.spawnTerminal()
        let early = Visitor(world, 1)
        try early.attach(to: agent)
        for number in 1...300 { early.take(world.print("\(number) ", agent)) }
        // What other streams of the agent's log have is nobody's business here.
        early.take(world.print("a task", agent, stream: .stdout))
        let late = Visitor(world, 2)
        late.isDiskSlow = true
        try late.attach(to: agent)
        // Stored before the disk answers, so that both the page and the feed have it.
        for number in 301...310 {
            let outputs: [GatewayOutput] = world.print("\(number) ", agent)
            early.take(outputs)
            late.take(outputs)
        }
        #expect(late.text.isEmpty)
        late.answerDisk()
        for number in 311...320 {
            let outputs: [GatewayOutput] = world.print("\(number) ", agent)
            early.take(outputs)
            late.take(outputs)
        }
        let all: String = (1...320).map { "\($0) " }.joined()
        #expect(early.text == all)
        #expect(late.text == all)
        #expect(early.told.isEmpty && late.told.isEmpty)
    }

    @Test("begins with the tail of a long log, at the beginning of a line")
    func tail() async throws {
        let world = try await GatewayWorld()
        let agent: AgentID = try await world.spawnTerminal()
        let lines: [String] = (0..<5_000).map { "line \($0)\r\n" }
        _ = world.printed(lines, agent)
        _ = world.printed(["noise"], agent, stream: .stdout)
        let visitor = Visitor(world)
        try visitor.attach(to: agent) { $0.terminalTail = 1_000 }
        #expect(visitor.shown.count <= 1_000 && visitor.shown.count > 980)
        #expect(visitor.text.hasPrefix("line ") && visitor.text.hasSuffix("line 4999\r\n"))
        // One that is longer than everything begins at the beginning.
        let other = Visitor(world, 2)
        try other.attach(to: agent) { $0.terminalTail = 1 << 20 }
        #expect(other.text == lines.joined())
    }

    @Test("begins with nothing where nothing was printed, and with what is left after retention")
    func emptyTail() async throws {
        let world = try await GatewayWorld()
        let agent: AgentID = try await world.spawnTerminal()
        let visitor = Visitor(world)
        try visitor.attach(to: agent)
        visitor.take(world.print("first", agent))
        #expect(visitor.text == "first")
        _ = world.printed(["second", "third"], agent)
        world.outputs.forget(2, of: .agent(agent))
        let late = Visitor(world, 2)
        try late.attach(to: agent)
        #expect(late.text == "third")
    }

    @Test("tells a slow reader how much it missed, and goes on with the newest")
    func slowReader() async throws {
        let world = try await GatewayWorld()
        let agent: AgentID = try await world.spawnTerminal()
        let (slow, fast) = (Visitor(world, 1), Visitor(world, 2))
        try slow.attach(to: agent) { $0.terminalTail = 100 }
        try fast.attach(to: agent)
        slow.isStuck = true
        let lines: [String] = (0..<1_000).map { "line \($0)\n" }
        for line in lines {
            let outputs: [GatewayOutput] = world.print(line, agent)
            slow.take(outputs)
            fast.take(outputs)
        }
        let all: String = lines.joined()
        #expect(fast.text == all)
        #expect(slow.text == "line 0\n")
        slow.unstick()
        let missed: Int = try #require(slow.told.first?["gap"]?.intValue)
        #expect(slow.told.count == 1)
        let newest = String(slow.text.dropFirst("line 0\n".count))
        #expect(newest.utf8.count <= 100 && newest.utf8.count > 80)
        #expect(all.hasSuffix(newest))
        #expect(missed + slow.shown.count == all.utf8.count)
        slow.take(world.print("on", agent))
        #expect(slow.text.hasSuffix("line 999\non"))
        #expect(slow.told.count == 1)
    }

    @Test("shows from the log what its loop was too busy for, and tells how much of that is too much")
    func busyLoop() async throws {
        let world = try await GatewayWorld()
        let agent: AgentID = try await world.spawnTerminal()
        let (all, tail, slow, late) = (Visitor(world, 1), Visitor(world, 2), Visitor(world, 3), Visitor(world, 4))
        try all.attach(to: agent)
        try tail.attach(to: agent) { $0.terminalTail = 100 }
        try slow.attach(to: agent) { $0.terminalTail = 100 }
        late.isDiskSlow = true
        try late.attach(to: agent)
        slow.isStuck = true
        tail.isDiskSlow = true
        let visitors: [Visitor] = [all, tail, slow, late]
        let lines: [String] = (1...100).map { "line \($0)\n" }
        func show(_ numbers: ClosedRange<Int>) {
            for number in numbers {
                let outputs: [GatewayOutput] = world.print(lines[number - 1], agent)
                for visitor in visitors { visitor.take(outputs) }
            }
        }
        let begin: [GatewayOutput] = world.print("begin\n", agent)
        for visitor in visitors { visitor.take(begin) }
        show(1...3)
        _ = world.printed(Array(lines[3..<90]), agent)
        let gap: OutputGap = try world.outputs.gap(5...91, of: .agent(agent))
        let skipped: [GatewayOutput] = world.hub.skipped([gap], at: world.now)
        for visitor in visitors { visitor.take(skipped) }
        show(91...95)
        for visitor in [tail, late] {
            visitor.isDiskSlow = false
            visitor.answerDisk()
        }
        slow.unstick()
        show(96...100)
        let whole: String = "begin\n" + lines.joined()
        #expect(all.text.hasSuffix(whole) && late.text.hasSuffix(whole))
        #expect(all.told.isEmpty && late.told.isEmpty)
        for visitor in [tail, slow] {
            let missed: Int = try #require(visitor.told.first?["gap"]?.intValue)
            #expect(visitor.told.count == 1)
            #expect(visitor.text.hasSuffix(lines.suffix(6).joined()))
            #expect(missed + visitor.shown.count == all.shown.count, "\(visitor.peer)")
        }
    }

    @Test("sends one message for everybody, of no more than 64 KB")
    func sharing() async throws {
        let world = try await GatewayWorld()
        let agent: AgentID = try await world.spawnTerminal()
        let other: AgentID = try await world.spawnTerminal()
        let visitors: [Visitor] = (1...3).map { Visitor(world, $0) }
        for visitor in visitors { try visitor.attach(to: agent) }
        let piece = String(repeating: "x", count: 4_096)
        var entries: [OutputEntry] = world.printed(["not here"], other)
        entries += world.printed(Array(repeating: piece, count: 33), agent)
        let outputs: [GatewayOutput] = world.hub.receive(entries, at: world.now)
        var sizes: [Int] = []
        for case .show(let bytes, let peers) in outputs {
            #expect(Set(peers) == Set(visitors.map(\.peer)))
            sizes.append(bytes.count)
        }
        #expect(sizes == [65_536, 65_536, 4_096])
        for visitor in visitors {
            visitor.take(outputs)
            #expect(visitor.shown.count == 33 * 4_096)
        }
        world.hub.close(visitors[0].peer)
        let after: [GatewayOutput] = world.print("x", agent)
        for case .show(_, let peers) in after { #expect(Set(peers) == Set(visitors.dropFirst().map(\.peer))) }
    }

    // MARK: Ends

    @Test("ends with the exit code of the process, after its last words")
    func exit() async throws {
        let world = try await GatewayWorld()
        let agent: AgentID = try await world.spawnTerminal()
        let (prompt, slow, late) = (Visitor(world, 1), Visitor(world, 2), Visitor(world, 3))
        try prompt.attach(to: agent)
        try slow.attach(to: agent)
        slow.isStuck = true
        let words: [GatewayOutput] = world.print("some", agent)
        for visitor in [prompt, slow] { visitor.take(words) }
        late.isDiskSlow = true
        try late.attach(to: agent)
        let last: [GatewayOutput] = world.print(" last words", agent)
        for visitor in [prompt, slow, late] { visitor.take(last) }
        let end: [GatewayOutput] = world.hub.residentEnded(of: agent, code: 3)
        for visitor in [prompt, slow, late] { visitor.take(end) }
        #expect(prompt.closed?.code == 1000)
        #expect(slow.closed == nil && late.closed == nil)
        // What a next process prints is not for them.
        let next: [GatewayOutput] = world.print("next", agent)
        for visitor in [slow, late] { visitor.take(next) }
        slow.unstick()
        late.answerDisk()
        for visitor in [prompt, slow] {
            #expect(visitor.text == "some last words")
            #expect(visitor.told == [["exit": 3]])
            #expect(visitor.closed?.code == 1000)
        }
        #expect(late.text.hasPrefix("some last words"))
        #expect(late.told == [["exit": 3]])
        #expect(late.closed?.code == 1000)
    }

    @Test("stays through restarts for who wants that, with its size, until the agent is terminated")
    func restarts() async throws {
        let world = try await GatewayWorld()
        let agent: AgentID = try await world.spawnTerminal()
        let visitor = Visitor(world)
        visitor.take(world.pump())
        try visitor.attach(to: agent, restarts: true)
        try visitor.say(#"{"resize":{"columns":120,"rows":40}}"#)
        #expect(visitor.sizes == [[120, 40]])
        visitor.take(world.print("one", agent))
        visitor.take(world.hub.residentEnded(of: agent, code: 137))
        try await world.report(.agentCrashed(agent, reason: "killed by SIGKILL"))
        visitor.take(world.pump())
        #expect(visitor.told == [["exit": 137]])
        #expect(visitor.closed == nil)
        // Typed while there is nobody, for who comes next.
        try visitor.type("hello")
        #expect(visitor.typed.isEmpty)
        world.clock.advance(.seconds(60))
        // Any turn of the engine sees that the agent's wait is over.
        _ = try await world.spawnAgent()
        try await world.startTerminal(agent)
        visitor.take(world.pump())
        #expect(visitor.sizes == [[120, 40], [120, 40]])
        #expect(visitor.input == "hello")
        visitor.take(world.print("two", agent))
        #expect(visitor.text == "onetwo")
        _ = try await world.send(.delete, "/api/v1/agents/\(agent)?graceful=false")
        visitor.take(world.hub.residentEnded(of: agent, code: 129))
        try await world.report(.agentStopped(agent))
        visitor.take(world.pump())
        #expect(visitor.told == [["exit": 137], ["exit": 129]])
        #expect(visitor.closed?.code == 1000)
    }

    @Test("ends with the token")
    func expiry() async throws {
        let world = try await GatewayWorld()
        let agent: AgentID = try await world.spawnTerminal()
        let visitor = Visitor(world)
        try visitor.attach(to: agent, expires: world.now + .seconds(10))
        visitor.take(world.hub.tick(at: world.now))
        #expect(visitor.closed == nil)
        world.clock.advance(.seconds(10))
        visitor.take(world.hub.tick(at: world.now))
        #expect(visitor.closed?.code == 1008)
        try visitor.type("too late")
        #expect(visitor.typed.isEmpty)
    }

    // MARK: Input

    @Test("types what comes in its order, one piece at a time, and reads no more than the process takes")
    func typing() async throws {
        let world = try await GatewayWorld()
        let agent: AgentID = try await world.spawnTerminal()
        let visitor = Visitor(world)
        try visitor.attach(to: agent) { $0.terminalInput = 10 }
        visitor.answer = nil
        try visitor.type("ab")
        try visitor.type("cd")
        #expect(visitor.typed == [Array("ab".utf8)])
        #expect(visitor.isRead)
        try visitor.type("0123456789")
        #expect(!visitor.isRead)
        visitor.typingEnded(.done)
        #expect(visitor.typed.last == Array("cd01234567".utf8))
        #expect(visitor.isRead)
        visitor.typingEnded(.done)
        #expect(visitor.input == "abcd0123456789")
        try visitor.type("")
        #expect(visitor.typed.count == 3)
    }

    @Test("tries again what the process had no room for, before what was typed later")
    func busy() async throws {
        let world = try await GatewayWorld()
        let agent: AgentID = try await world.spawnTerminal()
        let visitor = Visitor(world)
        try visitor.attach(to: agent)
        visitor.answer = .busy
        try visitor.type("a")
        try visitor.type("b")
        #expect(visitor.typed == [Array("a".utf8)])
        visitor.answer = .done
        visitor.take(world.hub.tick(at: world.now))
        #expect(visitor.typed.last == Array("ab".utf8))
    }

    @Test("keeps what is typed before the process is there")
    func typingAhead() async throws {
        let world = try await GatewayWorld()
        let agent: AgentID = try await world.spawnTerminal(isUp: false)
        let visitor = Visitor(world)
        try visitor.attach(to: agent)
        try visitor.say(#"{"resize":{"columns":100,"rows":30},"more":1}"#)
        try visitor.type("ls\n")
        #expect(visitor.typed.isEmpty && visitor.sizes.isEmpty)
        try await world.startTerminal(agent)
        visitor.take(world.pump())
        #expect(visitor.input == "ls\n")
        #expect(visitor.sizes == [[100, 30]])
    }

    @Test(
        "says what is wrong with a message, and goes on",
        arguments: [
            "", "nonsense", "[]", "7", "{}", #"{"resize":1}"#, #"{"resize":{}}"#, #"{"resize":{"columns":80}}"#,
            #"{"resize":{"columns":0,"rows":24}}"#, #"{"resize":{"columns":80,"rows":65536}}"#,
            #"{"resize":{"columns":"80","rows":24}}"#, #"{"resize":{"columns":80.5,"rows":24}}"#,
        ])
    func badMessage(_ text: String) async throws {
        let world = try await GatewayWorld()
        let agent: AgentID = try await world.spawnTerminal()
        let visitor = Visitor(world)
        try visitor.attach(to: agent)
        try visitor.say(text)
        #expect(visitor.told.count == 1)
        #expect(visitor.told.first?["error"]?["code"] == "VALIDATION_ERROR")
        #expect(visitor.sizes.isEmpty)
        try visitor.type("on")
        #expect(visitor.input == "on")
    }
}
