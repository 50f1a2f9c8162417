import MAOSCore
import MAOSProtocols
import Testing

@Suite("OpenCode access")
struct OpenCodeAccessTests {
    @Test("a stranger may only say who it is (OC-ERR-27, OC-SEC-01, OC-SEC-02, OC-REQ-58)")
    func authentication() async throws {
        let world = try await OpenCodeWorld()
        let peer = try await world.connect(as: nil)
        #expect(world.inbox(peer).map { $0["type"] } == ["connection_established"])
        #expect(try await world.refusal(#"{"type":"request_status"}"#, from: peer) == "AUTHENTICATION_REQUIRED")
        #expect(try await world.ask(#"{"type":"ping"}"#, from: peer)["type"] == "pong")
        #expect(
            try await world.refusal(#"{"type":"authenticate","api_key":"sk-no"}"#, from: peer) == "INVALID_AUTH_TOKEN")
        let answer = try await world.ask(#"{"type":"authenticate","token":"admin.jwt.token"}"#, from: peer)
        #expect(answer["type"] == "authentication_success")
        #expect(answer["permissions"] == ["read", "write", "admin"])
        #expect(answer["expires_at"] == "2030-01-01T00:10:00.000Z")
        let session = try #require(answer["session_token"]?.stringValue)
        #expect(session.hasPrefix("sess_"))
        try await world.start("a", from: peer)
        let second = try await world.connect(as: nil)
        let again = try await world.ask(#"{"type":"authenticate","session_token":"\#(session)"}"#, from: second)
        #expect(again["type"] == "authentication_success")
    }

    @Test("a session ends, and its client has to say anew who it is (OC-SEC-09)")
    func expiry() async throws {
        let world = try await OpenCodeWorld()
        let peer = try await world.connect(as: nil)
        let answer = try await world.ask(#"{"type":"authenticate","token":"admin.jwt.token"}"#, from: peer)
        let session = try #require(answer["session_token"]?.stringValue)
        world.clock.advance(.seconds(601))
        #expect(try await world.refusal(#"{"type":"request_status"}"#, from: peer) == "AUTHENTICATION_REQUIRED")
        #expect(
            try await world.refusal(#"{"type":"authenticate","session_token":"\#(session)"}"#, from: peer)
                == "INVALID_AUTH_TOKEN")
    }

    @Test("a session does not live longer because its token is used (OC-SEC-09)")
    func sessionsAreNotRenewed() async throws {
        let world = try await OpenCodeWorld()
        let peer = try await world.connect(as: nil)
        let begun = try await world.ask(#"{"type":"authenticate","api_key":"sk-reader"}"#, from: peer)
        let session = try #require(begun["session_token"]?.stringValue)
        world.clock.advance(.seconds(3_000))
        let again = try await world.ask(
            #"{"type":"authenticate","session_token":"\#(session)"}"#, from: try await world.connect(as: nil))
        #expect(again["session_token"]?.stringValue == session)
        #expect(again["expires_at"] == begun["expires_at"])
    }

    @Test("a key that is revoked ends what was begun with it (OC-SEC-09)")
    func revocation() async throws {
        let world = try await OpenCodeWorld()
        let peer = try await world.connect(as: nil)
        let answer = try await world.ask(#"{"type":"authenticate","api_key":"sk-reader"}"#, from: peer)
        let session = try #require(answer["session_token"]?.stringValue)
        #expect(
            try await world.ask(#"{"type":"subscribe_to_updates","channels":["task_status"]}"#, from: peer)["type"]
                == "subscription_confirmed")
        let quiet = try await world.connect(as: nil)
        #expect(
            try await world.ask(#"{"type":"authenticate","session_token":"\#(session)"}"#, from: quiet)["type"]
                == "authentication_success")
        world.credentials.revoke("sk-reader")
        #expect(try await world.refusal(#"{"type":"list_tasks"}"#, from: quiet) == "AUTHENTICATION_REQUIRED")
        // Who only listens is told nothing more, either.
        try await world.pass(Milliseconds(250))
        let before = world.inbox(peer).count
        try await world.start("after", from: try await world.connect(as: OpenCodeWorld.anonymous))
        try await world.pump()
        #expect(world.inbox(peer).count == before)
        let new = try await world.connect(as: nil)
        #expect(
            try await world.refusal(#"{"type":"authenticate","session_token":"\#(session)"}"#, from: new)
                == "INVALID_AUTH_TOKEN")
    }

    @Test("a reader reads, and changes nothing (OC-ERR-26, OC-SEC-04, OC-SEC-14)")
    func permissions() async throws {
        let world = try await OpenCodeWorld()
        let peer = try await world.connect(as: nil)
        let answer = try await world.ask(#"{"type":"authenticate","api_key":"sk-reader"}"#, from: peer)
        #expect(answer["permissions"] == ["read"])
        #expect(try await world.ask(#"{"type":"list_tasks"}"#, from: peer)["type"] == "task_list")
        let start = #"{"type":"start_task","task":\#(OpenCodeWorld.task("a"))}"#
        for text in [start, #"{"type":"kill_process","pid":7}"#, #"{"type":"cancel_task","task_id":"a"}"#] {
            #expect(try await world.refusal(text, from: peer) == "PERMISSION_DENIED")
        }
        #expect(
            try await world.refusal(#"{"type":"subscribe_to_updates","channels":["security"]}"#, from: peer)
                == "PERMISSION_DENIED")
        let found = world.logs.entries(after: 0).entries.filter { $0.details["event"] == "authorization_denied" }
        #expect(found.count == 4)
        #expect(found.first?.details["subject"] == "reader")
    }

    @Test("the token of an attempt sees nothing here, and a project's token the logs of its tasks only")
    func narrow() async throws {
        let world = try await OpenCodeWorld()
        let admin = try await world.join()
        try await world.start("web", #","metadata":{"project":"web"}"#, from: admin)
        try await world.start("other", from: admin)
        try await world.print("from web\n", task: TaskID(unchecked: "web"))
        try await world.print("from another\n", task: TaskID(unchecked: "other"))
        let attempt = Principal(subject: "task:web", permissions: .viewer, task: TaskID(unchecked: "web"))
        let child = try await world.connect(as: SocketCaller(principal: attempt))
        #expect(world.inbox(child).map { $0["type"] } == ["connection_established"])
        #expect(try await world.refusal(#"{"type":"request_status"}"#, from: child) == "PERMISSION_DENIED")
        let limited = Principal(subject: "w", permissions: .viewer, projects: ["web"])
        let peer = try await world.join(as: SocketCaller(principal: limited))
        let answer = try await world.ask(#"{"type":"request_log_entries"}"#, from: peer)
        let messages = answer["data"]?["entries"]?.arrayValue?.compactMap { $0["message"]?.stringValue }
        #expect(messages == ["from web"])
    }

    @Test("who fails ten times has to wait, and administrators hear of it (OC-SEC-13, OC-PUSH-12, OC-SEC-10)")
    func bruteForce() async throws {
        let world = try await OpenCodeWorld()
        let admin = try await world.join()
        _ = try await world.ask(#"{"type":"subscribe_to_updates","channels":["security"]}"#, from: admin)
        world.clear(admin)
        let peer = try await world.connect(as: nil, from: "10.0.0.1")
        let text = #"{"type":"authenticate","api_key":"sk-guess"}"#
        for _ in 0..<10 { #expect(try await world.refusal(text, from: peer) == "INVALID_AUTH_TOKEN") }
        #expect(try await world.refusal(text, from: peer) == "RATE_LIMIT_EXCEEDED")
        try await world.pump()
        let alert = try #require(world.inbox(admin, "security_alert").first)
        #expect(alert["alert_type"] == "brute_force_attempt")
        #expect(alert["severity"] == "high")
        #expect(alert["details"]?["client_ip"] == "10.0.0.1")
        #expect(alert["details"]?["attempts"] == 10)
        #expect(alert["details"]?["blocked_until"] == "2030-01-01T00:15:00.000Z")
        let failures = world.logs.entries(after: 0).entries.filter { $0.details["event"] == "authentication_failure" }
        #expect(failures.count == 10)
        #expect(!failures.contains { "\($0)".contains("sk-guess") })
        world.clock.advance(.seconds(901))
        #expect(try await world.refusal(text, from: peer) == "INVALID_AUTH_TOKEN")
    }

    @Test("binary frames are refused, and the connection stays (OC-CONN-06)")
    func binary() async throws {
        let world = try await OpenCodeWorld()
        let peer = try await world.join()
        try await world.postBinary([1, 2, 3], from: peer)
        #expect(world.inbox(peer).last?["code"] == "INVALID_JSON")
        #expect(
            try await world.ask(#"{"type":"ping","timestamp":1642152600000}"#, from: peer)["timestamp"]
                == 1_642_152_600_000)
        #expect(world.closed.isEmpty)
    }

    @Test("a connection that is silent for a minute is told and closed (OC-ERR-35)")
    func heartbeat() async throws {
        let world = try await OpenCodeWorld()
        let peer = try await world.join()
        try await world.pass(.seconds(40))
        world.dialect.sign(ofLifeFrom: peer, at: world.now)
        try await world.pass(.seconds(40))
        #expect(world.closed.isEmpty)
        try await world.pass(.seconds(30))
        #expect(world.inbox(peer).last?["code"] == "HEARTBEAT_TIMEOUT")
        #expect(world.closed[peer] == 1_011)
    }
}

@Suite("OpenCode limits")
struct OpenCodeLimitTests {
    private func world(_ change: @escaping (inout OpenCodeLimits) -> Void = { _ in }) async throws -> OpenCodeWorld {
        try await OpenCodeWorld {
            var limits = OpenCodeLimits()
            change(&limits)
            $0.limits = limits
        }
    }

    private let ping = #"{"type":"ping"}"#

    @Test("the 21st message of a second is refused, the next second it is welcome (OC-RL-06, OC-CLI-03)")
    func burst() async throws {
        let world = try await world()
        let peer = try await world.join()
        for _ in 0..<20 { #expect(try await world.ask(ping, from: peer)["type"] == "pong") }
        let answer = try await world.ask(#"{"type":"ping","request_id":"x"}"#, from: peer)
        #expect(answer["code"] == "RATE_LIMIT_EXCEEDED")
        #expect(answer["request_id"] == "x")
        #expect(answer["details"]?["current_limit"] == 20)
        #expect(answer["details"]?["time_window_seconds"] == 1)
        let seconds = try #require(answer["details"]?["retry_after_seconds"]?.intValue)
        #expect(seconds >= 1)
        world.clock.advance(.seconds(Int64(seconds)))
        world.clock.advance(50)
        #expect(try await world.ask(ping, from: peer)["type"] == "pong")
    }

    @Test("the 101st message of a minute is refused, what is refused costs nothing (OC-ERR-29, OC-RL-05, OC-RL-12)")
    func perMinute() async throws {
        let world = try await world { $0[.messagesPerSecond] = 1_000 }
        let peer = try await world.join()
        for _ in 0..<100 { try await world.post(ping, from: peer) }
        #expect(world.inbox(peer, "pong").count == 100)
        for _ in 0..<50 { #expect(try await world.refusal(ping, from: peer) == "RATE_LIMIT_EXCEEDED") }
        let seconds = try #require(world.inbox(peer).last?["details"]?["retry_after_seconds"]?.intValue)
        world.clock.advance(.seconds(Int64(seconds)))
        #expect(try await world.ask(ping, from: peer)["type"] == "pong")
        #expect(world.closed.isEmpty)
    }

    @Test("all clients together have a limit, too (OC-RL-04)")
    func global() async throws {
        let world = try await world { $0[.globalMessagesPerMinute] = 15 }
        let first = try await world.join()
        let second = try await world.join()
        for _ in 0..<10 { #expect(try await world.ask(ping, from: first)["type"] == "pong") }
        for _ in 0..<5 { #expect(try await world.ask(ping, from: second)["type"] == "pong") }
        #expect(try await world.refusal(ping, from: second) == "RATE_LIMIT_EXCEEDED")
        #expect(world.inbox(second).last?["details"]?["limit"] == "globalMessagesPerMinute")
    }

    @Test(
        "operations have limits of their own (OC-RL-07, OC-RL-08, OC-RL-09, OC-RL-10, OC-RL-11)",
        arguments: [
            (10, #"{"type":"start_task","task":{"id":"ID","type":"testing","priority":"low","description":"d"}}"#),
            (50, #"{"type":"get_task_status","task_id":"none"}"#), (5, #"{"type":"kill_process","pid":999}"#),
            (20, #"{"type":"request_log_entries"}"#),
        ])
    func operations(limit: Int, text: String) async throws {
        let world = try await world {
            $0[.messagesPerSecond] = 1_000
            $0[.messagesPerMinute] = 1_000
        }
        let peer = try await world.join()
        for index in 0..<limit {
            let answer = try await world.ask(text.replacing("ID", with: "t\(index)"), from: peer)
            #expect(answer["code"] != "RATE_LIMIT_EXCEEDED")
        }
        #expect(try await world.refusal(text.replacing("ID", with: "last"), from: peer) == "RATE_LIMIT_EXCEEDED")
        let other = try await world.join()
        #expect(try await world.ask(text.replacing("ID", with: "other"), from: other)["code"] != "RATE_LIMIT_EXCEEDED")
    }

    @Test("who comes close to a limit is told once a minute, after the answer (OC-PUSH-11, OC-RL-15)")
    func notice() async throws {
        let world = try await world()
        let peer = try await world.join()
        for index in 0..<8 { try await world.start("t\(index)", from: peer) }
        let types = world.inbox(peer).map { $0["type"]?.stringValue }
        #expect(types.filter { $0 == "rate_limit_info" }.count == 1)
        #expect(types.suffix(2) == ["task_started", "rate_limit_info"])
        let limits = world.inbox(peer).last?["limits"]
        #expect(limits?["tasks_per_minute"]?["current"] == 8)
        #expect(limits?["tasks_per_minute"]?["limit"] == 10)
        #expect(limits?["tasks_per_minute"]?["reset_time"] != nil)
        #expect(limits?["messages_per_minute"]?["current"] == 8)
        #expect(limits?["messages_per_minute"]?["limit"] == 100)
        try await world.start("t9", from: peer)
        #expect(world.inbox(peer).last?["type"] == "task_started")
    }

    @Test("the 101st connection is told and closed, a closed one makes room (OC-RL-01, OC-ERR-30)")
    func connections() async throws {
        let world = try await world {
            $0[.connections] = 3
            $0[.connectionsPerSecond] = 1_000
        }
        var peers: [PeerID] = []
        for _ in 0..<3 { peers.append(try await world.connect()) }
        let refused = try await world.connect()
        #expect(world.inbox(refused).map { $0["code"] } == ["CONNECTION_LIMIT_EXCEEDED"])
        #expect(world.closed[refused] == 1_013)
        try await world.disconnect(refused)
        try await world.disconnect(peers[0])
        let next = try await world.connect()
        #expect(world.inbox(next).first?["type"] == "connection_established")
    }

    @Test("more than ten connections a second wait a little, and not too long (OC-RL-02)")
    func pace() async throws {
        let world = try await world()
        for _ in 0..<10 {
            let peer = try await world.connect()
            #expect(world.inbox(peer).count == 2)
        }
        let late = try await world.connect()
        try await world.post(ping, from: late)
        #expect(world.inbox(late).isEmpty)
        for _ in 0..<5 { try await world.pass(250) }
        #expect(world.inbox(late).map { $0["type"] } == ["connection_established", "full_status", "pong"])
        let other = try await self.world { $0[.connectionsPerSecond] = 1 }
        var waiting: [PeerID] = []
        for _ in 0..<5 { waiting.append(try await other.connect()) }
        for _ in 0..<12 { try await other.pass(250) }
        #expect(other.closed.count >= 2)
        #expect(other.closed.count < 5)
    }

    @Test("who breaks connections again and again has to wait before the next (OC-RL-03)")
    func reconnections() async throws {
        let world = try await world { $0[.connectionsPerSecond] = 1_000 }
        for _ in 0..<6 {
            let peer = try await world.connect(from: "10.0.0.9")
            #expect(world.inbox(peer).first?["type"] == "connection_established")
            try await world.disconnect(peer, code: 1_006)
        }
        let refused = try await world.connect(from: "10.0.0.9")
        #expect(world.inbox(refused).first?["code"] == "RATE_LIMIT_EXCEEDED")
        #expect(world.closed[refused] == 1_013)
        let other = try await world.connect(from: "10.0.0.10")
        #expect(world.inbox(other).first?["type"] == "connection_established")
        try await world.disconnect(other)
        for _ in 0..<10 { try await world.disconnect(try await world.connect(from: "10.0.0.10")) }
        let welcome = try await world.connect(from: "10.0.0.10")
        #expect(world.inbox(welcome).first?["type"] == "connection_established")
    }

    @Test("single clients have limits of their own, by subject or address (OC-RL-18)")
    func overrides() async throws {
        let world = try await OpenCodeWorld {
            var strict = OpenCodeLimits()
            strict[.messagesPerSecond] = 2
            $0.limits = OpenCodeLimits()
            $0.clients = ["10.0.0.7": strict, "boss": nil]
        }
        let strict = try await world.connect(from: "10.0.0.7")
        for _ in 0..<2 { #expect(try await world.ask(ping, from: strict)["type"] == "pong") }
        #expect(try await world.refusal(ping, from: strict) == "RATE_LIMIT_EXCEEDED")
        let caller = SocketCaller(principal: Principal(subject: "boss", permissions: .all))
        let free = try await world.join(as: caller)
        for _ in 0..<100 { try await world.post(ping, from: free) }
        #expect(world.inbox(free).allSatisfy { $0["type"] == "pong" })
    }

    @Test("the first refusal of a connection for a limit is noted, and errors are counted (OC-SEC-15)")
    func floods() async throws {
        let world = try await world { $0[.messagesPerSecond] = 1 }
        let peer = try await world.join()
        for _ in 0..<5 { try await world.post(ping, from: peer) }
        let noted = world.logs.entries(after: 0).entries.filter { $0.details["event"] == "rate_limit_exceeded" }
        #expect(noted.count == 1)
        #expect(noted.first?.details["limit"] == "messagesPerSecond")
        #expect(world.shared.errors(.rateLimitExceeded) == 4)
        #expect(world.shared.errors(.taskNotFound) == 0)
    }

    @Test("limits that the operator changes count at once, and can be lifted (OC-RL-17, OC-RL-19)")
    func change() async throws {
        let world = try await world()
        let peer = try await world.join()
        for _ in 0..<20 { _ = try await world.ask(ping, from: peer) }
        #expect(try await world.refusal(ping, from: peer) == "RATE_LIMIT_EXCEEDED")
        world.shared.configuration.limits = nil
        #expect(try await world.ask(ping, from: peer)["type"] == "pong")
    }
}
