import MAOSCore
import MAOSProtocols
import MAOSTestSupport
import Testing

/// What every request passes before it is carried out, and how refusals read.
@Suite struct GatewayPipelineTests {
    private static let endpoints: [(HTTPMethod, String, String)] = [
        (.post, "/api/v1/tasks", "tasks:create"), (.get, "/api/v1/tasks", "tasks:list"),
        (.get, "/api/v1/tasks/x", "tasks:read"), (.delete, "/api/v1/tasks/x", "tasks:cancel"),
        (.patch, "/api/v1/tasks/x/priority", "tasks:update"),
        (.post, "/api/v1/tasks/x/retry", "tasks:update"),
        (.post, "/api/v1/tasks/x/pause", "tasks:update"),
        (.post, "/api/v1/tasks/x/resume", "tasks:update"),
        (.get, "/api/v1/tasks/x/waiting", "tasks:read"), (.get, "/api/v1/tasks/x/output", "tasks:read"),
        (.post, "/api/v1/agents", "agents:create"), (.get, "/api/v1/agents", "agents:list"),
        (.get, "/api/v1/agents/x", "agents:read"), (.delete, "/api/v1/agents/x", "agents:terminate"),
        (.patch, "/api/v1/agents/x/config", "agents:update"),
        (.post, "/api/v1/agents/x/pause", "agents:update"),
        (.post, "/api/v1/agents/x/resume", "agents:update"),
        (.get, "/api/v1/agents/x/output", "agents:read"),
        (.get, "/api/v1/events", "system:read"), (.get, "/api/v1/health", "system:read"),
    ]

    @Test(
        "without a token, or with a bad one, everything below /api is 401 (GW-SEC-06, GW-SEC-01, GW-ERR-02)"
    )
    func unauthenticated() async throws {
        let world = try await GatewayWorld()
        let unknown: [(HTTPMethod, String, String)] = [
            (.get, "/api/v1/nothing", ""), (.get, "/api/v3/tasks", ""), (.put, "/api/v1/tasks", ""),
            (.get, "/api", ""),
        ]
        for (method, path, _) in GatewayPipelineTests.endpoints + unknown {
            let missing = try await world.send(method, path, "broken", as: .missing)
            #expect(missing.status == 401, "\(method.name) \(path)")
            #expect(missing.code == "AUTHENTICATION_ERROR")
            #expect(missing.message == "Authentication required")
            #expect(missing.response.fields[.wwwAuthenticate] == "Bearer")
            let invalid = try await world.send(method, path, "broken", as: .invalid)
            #expect(invalid.status == 401)
            #expect(invalid.message == "Invalid or expired token")
            #expect(invalid.response.failure == .authentication)
        }
    }

    @Test("each call takes its own permission and no other (GW-SEC-03, GW-SEC-05, GW-ERR-03)")
    func permissions() async throws {
        let world = try await GatewayWorld()
        for (method, path, permission) in GatewayPipelineTests.endpoints {
            let without = Principal(
                subject: "eve", permissions: Permissions.all.subtracting(Permissions(name: permission)))
            let refused = try await world.send(method, path, "broken", as: .principal(without))
            #expect(refused.status == 403, "\(method.name) \(path)")
            #expect(refused.code == "AUTHORIZATION_ERROR")
            #expect(refused.message == "Missing permission: \(permission)")
            let with = Principal(subject: "eve", permissions: Permissions(name: permission))
            let allowed = try await world.send(method, path, "broken", as: .principal(with))
            #expect(allowed.status != 403 && allowed.status != 401, "\(method.name) \(path)")
        }
    }

    @Test("admin:* passes every check (GW-SEC-04)")
    func admin() async throws {
        let world = try await GatewayWorld()
        let admin = Principal(subject: "root", permissions: Permissions(name: "admin:*"))
        for (method, path, _) in GatewayPipelineTests.endpoints {
            #expect(try await world.send(method, path, "broken", as: .principal(admin)).status != 403)
        }
    }

    @Test("a refusal comes in order: 401, 403, 404, 400 (GW-STD-01)")
    func precedence() async throws {
        let world = try await GatewayWorld()
        let id: TaskID = try await world.createTask()
        let viewer = GatewayAuthentication.principal(Principal(subject: "v", permissions: .viewer))
        for path in ["/api/v1/tasks/\(id)/priority", "/api/v1/tasks/nope/priority"] {
            #expect(try await world.send(.patch, path, "{", as: .invalid).status == 401)
            #expect(try await world.send(.patch, path, "{", as: viewer).status == 403)
        }
        #expect(try await world.send(.patch, "/api/v1/tasks/nope/priority", "{").status == 404)
        #expect(try await world.send(.patch, "/api/v1/tasks/\(id)/priority", "{").status == 400)
        #expect(try await world.send(.patch, "/api/v1/agents/nope/config", "{").status == 404)
        #expect(try await world.send(.delete, "/api/v1/agents/nope?graceful=maybe").status == 404)
        #expect(try await world.send(.get, "/api/v1/agents/nope/output?limit=0").status == 404)
    }

    @Test(
        "another method on a known path is 405 with the methods that are taken (GW-STD-05)",
        arguments: [
            (HTTPMethod.put, "/api/v1/tasks", "GET, HEAD, POST"),
            (.delete, "/api/v1/tasks", "GET, HEAD, POST"),
            (.post, "/api/v1/tasks/x", "GET, HEAD, DELETE"), (.get, "/api/v1/tasks/x/priority", "PATCH"),
            (.options, "/api/v1/tasks", "GET, HEAD, POST"), (.trace, "/api/v1/health", "GET, HEAD"),
            (.other("BREW"), "/api/v1/agents", "GET, HEAD, POST"),
            (.put, "/api/v1/agents/x/config", "PATCH"),
            (.head, "/api/v1/tasks/x/retry", "POST"), (.post, "/livez", "GET, HEAD"),
        ])
    func methods(_ method: HTTPMethod, _ path: String, _ allowed: String) async throws {
        let world = try await GatewayWorld()
        let answer = try await world.send(method, path)
        #expect(answer.status == 405)
        #expect(answer.code == "VALIDATION_ERROR")
        #expect(answer.response.fields[.allow] == allowed)
    }

    @Test(
        "a path that does not exist is 404 with its name (GW-STD-08, GW-ERR-04)",
        arguments: [
            "/api/v3/tasks", "/api/tasks", "/api/v1", "/api/v1/", "/api/v1/tasks/",
            "/api/v1/tasks//output",
            "/api/v1/tasks/x/", "/api/v1/tasks/x/nothing", "/api/v1/tasks/x/output/y", "/api/v1/health/x",
            "/nothing",
            "/", "//api/v1/tasks", "/api/v1/agents/x/priority", "/API/v1/tasks", "/api/v1/tasks%2Fx",
            "/api/v1/%zz", "/api/v1/tasks/%00",
        ])
    func unknownPaths(_ path: String) async throws {
        let world = try await GatewayWorld()
        let answer = try await world.send(.get, path)
        #expect(answer.status == 404)
        #expect(answer.code == "RESOURCE_NOT_FOUND")
        #expect(answer.error["details"] == ["resource": "path", "id": .string(path)])
    }

    @Test("a path may be escaped; an identifier that cannot be one does not exist (GW-ERR-04)")
    func escapedPaths() async throws {
        let world = try await GatewayWorld()
        let id: TaskID = try await world.createTask()
        #expect(try await world.send(.get, "/api/v1/%74asks/\(id)").status == 200)
        let long = String(repeating: "a", count: 101)
        for name in ["a%20b", "%C3%A9", long, "a.b"] {
            let answer = try await world.send(.get, "/api/v1/tasks/\(name)")
            #expect(answer.status == 404, "\(name)")
            #expect(answer.error["details"]?["resource"] == "task")
        }
        let huge = try await world.send(.get, "/api/v1/tasks/" + String(repeating: "a", count: 50_000))
        #expect(huge.response.body.count < 2_000)
    }

    @Test("v2 is an alias of v1 that says its own name (GW-STD-08)")
    func versions() async throws {
        let world = try await GatewayWorld()
        let id: TaskID = try await world.createTask()
        let answer = try await world.send(.get, "/api/v2/tasks/\(id)")
        #expect(answer.status == 200)
        #expect(answer.json["metadata"]?["version"] == "v2")
        #expect(try await world.send(.get, "/api/v2/nothing").json["metadata"]?["version"] == "v2")
        #expect(try await world.send(.get, "/api/v2/tasks").json["metadata"]?["version"] == "v2")
    }

    @Test("a request id is repeated where it is printable and short, else replaced (GW-STD-15)")
    func requestIDs() async throws {
        let world = try await GatewayWorld()
        let longest = String(repeating: "r", count: 128)
        for id in ["abc-1", "a b", longest, "\"quoted\\\""] {
            let answer = try await world.send(.get, "/api/v1/tasks", headers: [("X-Request-Id", id)])
            #expect(answer.json["metadata"]?["requestId"] == .string(id))
            #expect(answer.response.requestID.text == id)
        }
        var made: Set<String> = []
        for headers in [
            [], [("x-request-id", longest + "r")], [("x-request-id", "é")], [("x-request-id", "")],
        ] {
            let answer = try await world.send(.get, "/api/v1/nothing", headers: headers)
            let id: String = try #require(answer.json["metadata"]?["requestId"]?.stringValue)
            let parts: [Substring] = id.split(separator: "-")
            #expect(parts.map(\.count) == [8, 4, 4, 4, 12])
            #expect(parts[2].first == "4")
            #expect("89ab".contains(parts[3].first ?? "x"))
            #expect(made.insert(id).inserted)
        }
    }

    @Test(
        "every failure has the envelope of failures (GW-STD-09, GW-STD-10, GW-STD-11, GW-STD-14, GW-ERR-11, C-64)"
    )
    func envelope() async throws {
        let world = try await GatewayWorld()
        for failure in [
            GatewayFailure.invalid([]), .authenticationRequired, .forbidden(.tasksRead),
            .notFound("task", id: "x"),
            GatewayFailure(.conflict, "no"), .rateLimited(retryAfter: 3), .internalError, .draining,
            .timedOut,
            GatewayFailure(.dependency, "down"),
        ] {
            let answer = try Answer(world.rest.refuse(failure, nil, at: world.now))
            #expect(answer.json["success"] == false)
            #expect(answer.json["data"] == nil)
            #expect(answer.code.flatMap { GatewayErrorCode(rawValue: $0) } == failure.code)
            #expect(answer.message?.isEmpty == false)
            #expect(answer.error["stack"] == nil)  // GW-STD-12
            let metadata: JSONValue = try #require(answer.json["metadata"])
            #expect(
                metadata["timestamp"] != nil && metadata["requestId"] != nil && metadata["version"] == "v1")
            #expect(answer.response.failure == failure.code)
        }
    }

    @Test(
        "each code has its status (GW-ERR-01…10)",
        arguments: zip(GatewayErrorCode.allCases, [400, 401, 403, 404, 409, 429, 500, 503, 504, 502]))
    func statuses(_ code: GatewayErrorCode, _ status: Int) {
        #expect(code.status.code == status)
    }

    @Test("too many requests say when to come back, in three places (GW-SEC-08, GW-ERR-06, C-62)")
    func rateLimit() async throws {
        let world = try await GatewayWorld()
        let request = GatewayWorld.request(
            .get, "/api/v2/tasks", headers: [("x-request-id", "r1")], as: .missing)
        let answer = try Answer(
            world.rest.refuse(.rateLimited(retryAfter: 7), request.head, at: world.now))
        #expect(answer.status == 429)
        #expect(answer.code == "RATE_LIMIT_EXCEEDED")
        #expect(answer.message == "Too Many Requests")
        #expect(answer.error["retryAfter"] == 7)
        #expect(answer.json["retryAfter"] == 7)
        #expect(answer.response.fields[.retryAfter] == "7")
        #expect(answer.json["metadata"]?["requestId"] == "r1")
        #expect(answer.json["metadata"]?["version"] == "v2")
    }

    @Test("an internal error says nothing of the inside (GW-ERR-07, GW-ERR-13, GW-STD-12)")
    func noLeaks() throws {
        #expect(GatewayFailure.internalError.message == "Internal server error")
        #expect(GatewayFailure.internalError.details == .none)
        let secret = "/var/lib/maos/maos.db: disk I/O error at line 7"
        for error in [
            JournalError.unavailable(secret), .corrupt(secret), .newerVersion(found: 9, supported: 1),
            .locked(secret),
        ] {
            let response = GatewayFailure(error).response(
                requestID: RequestID(high: 1, low: 2), at: Instant(milliseconds: 0))
            let text = String(decoding: response.body, as: UTF8.self)
            #expect(!text.contains("/var") && !text.contains("line 7"))
        }
        #expect(GatewayFailure(JournalError.unavailable(secret)).status == .serviceUnavailable)
        #expect(GatewayFailure(JournalError.corrupt(secret)).code == .internal)
    }

    @Test(
        "refusals of the engine become codes, details and a time to wait (GW-ERR-05, GW-ERR-08, GW-ERR-12)"
    )
    func rejections() throws {
        let invalid = GatewayFailure(
            Rejection.invalid(.init(field: "a.0.b", value: "v", expected: "w")))
        guard case .issues(let issues) = invalid.details else { throw GatewayWorld.Unanswered() }
        #expect(issues.first?.path == [.key("a"), .index(0), .key("b")])
        #expect(invalid.status.code == 400)
        #expect(
            GatewayFailure(Rejection.forbidden(.agentsRead)).message == "Missing permission: agents:read")
        let missing = GatewayFailure(Rejection.notFound(.agent, id: "x"))
        #expect(missing.details == .members(["resource": "agent", "id": "x"]))
        let conflict = GatewayFailure(Rejection.conflict(reason: "why", message: "because"))
        #expect(conflict.details == .members(["reason": "why"]))
        #expect(conflict.message == "because")
        let full = GatewayFailure(Rejection.limitReached("agents", limit: 3))
        #expect(full.status == .serviceUnavailable)
        #expect(full.details == .members(["limit": "agents", "maximum": 3]))
        let response = GatewayFailure(Rejection.unavailable("later")).response(
            requestID: RequestID(high: 1, low: 2), at: Instant(milliseconds: 0))
        #expect(response.fields[.retryAfter] == "1")
    }

    @Test("requests that are no HTTP, or too large, carry VALIDATION_ERROR with their own status")
    func transportErrors() {
        for (error, status) in [
            (HTTP1Error.bodyTooLarge(limit: 10), 413), (.headTooLarge(limit: 10), 431),
            (.tooManyFields(limit: 1), 431),
            (.targetTooLong(limit: 9), 414), (.requestLine, 400), (.expectation, 417), (.version, 505),
        ] {
            let failure = GatewayFailure(error)
            #expect(failure.code == .validation)
            #expect(failure.status.code == status)
            #expect(!failure.message.isEmpty)
        }
        #expect(GatewayFailure.unsupportedMediaType("x").status.code == 415)
    }

    @Test("a slow answer is 504 (GW-ERR-09)")
    func slow() async throws {
        let world = try await GatewayWorld()
        let request = GatewayWorld.request(.get, "/api/v1/tasks/x", as: .principal(GatewayWorld.admin))
        guard case .read(_, let pending) = world.rest.handle(request, at: world.now) else {
            throw GatewayWorld.Unanswered()
        }
        let answer = try Answer(world.rest.expire(pending, at: world.now))
        #expect(answer.status == 504)
        #expect(answer.code == "TIMEOUT_ERROR")
    }

    @Test("when nothing can be read, the answer is 503 (GW-ERR-08)")
    func unreadable() async throws {
        let world = try await GatewayWorld()
        let request = GatewayWorld.request(.get, "/api/v1/tasks", as: .principal(GatewayWorld.admin))
        guard case .read(_, let pending) = world.rest.handle(request, at: world.now),
            case .respond(let response) = world.rest.complete(
                pending, with: Result<StoreReadResult, JournalError>.failure(.unavailable("x")),
                at: world.now)
        else { throw GatewayWorld.Unanswered() }
        #expect(response.status == .serviceUnavailable)
        #expect(try Answer(response).code == "SERVICE_UNAVAILABLE")
    }

    @Test("HEAD is answered as GET, and opens no stream (RFC 9110 §9.3.2)")
    func head() async throws {
        let world = try await GatewayWorld()
        let id: TaskID = try await world.createTask()
        #expect(try await world.send(.head, "/api/v1/tasks/\(id)").status == 200)
        for path in ["/api/v1/events?follow=true", "/api/v1/tasks/\(id)/output?follow=true"] {
            guard case .respond(let response) = await world.perform(.head, path) else {
                throw GatewayWorld.Unanswered()
            }
            #expect(response.contentType.hasPrefix("text/event-stream"))
        }
    }

    @Test("no damage to a target or its query crashes")
    func mutatedTargets() async throws {
        let world = try await GatewayWorld()
        for target in [
            "/api/v1/tasks?status=running&page=2&limit=50",
            "/api/v1/tasks/abc/output?from=3&limit=9&follow=false",
            "/api/v1/events?since=5&types=task_created,agent_ready", "/api/v1/agents/%61?graceful=true",
        ] {
            for damaged in Mutations(of: Array(target.utf8), count: 1_500, spice: Array("/%?&=+0".utf8)) {
                let visible: [UInt8] = damaged.filter { $0 > 0x20 && $0 < 0x7F }
                let request = GatewayWorld.request(
                    .get, String(decoding: visible, as: UTF8.self), as: .principal(GatewayWorld.admin))
                _ = world.rest.handle(request, at: world.now)
            }
        }
    }
}
