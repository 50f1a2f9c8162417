import MAOSCore
import MAOSProtocols
import MAOSTestSupport
import Testing

/// Bodies that clients send: what is taken, what is refused, and how the refusal reads.
@Suite struct GatewayValidationTests {
    private static func task(_ members: String) -> String {
        #"{"type":"code","description":"d","requirements":[],"priority":"low"\#(members.isEmpty ? "" : ",")\#(members)}"#
    }

    @Test(
        "a broken creation is refused with the field that is wrong (GW-VAL-01…07, GW-VAL-15, GW-ERR-01)",
        arguments: [
            // GW-VAL-01
            (
                #"{"type":"cook","description":"d","requirements":[],"priority":"low"}"#, "type",
                "invalid_enum_value"
            ),
            (#"{"description":"d","requirements":[],"priority":"low"}"#, "type", "required"),
            (#"{"type":1,"description":"d","requirements":[],"priority":"low"}"#, "type", "invalid_type"),
            (
                #"{"type":"testing","description":"d","requirements":[],"priority":"low"}"#, "type",
                "invalid_enum_value"
            ),
            // GW-VAL-02
            (
                #"{"type":"code","description":"","requirements":[],"priority":"low"}"#, "description",
                "too_small"
            ),
            (#"{"type":"code","requirements":[],"priority":"low"}"#, "description", "required"),
            (
                #"{"type":"code","description":null,"requirements":[],"priority":"low"}"#, "description",
                "invalid_type"
            ),
            // GW-VAL-03
            (#"{"type":"code","description":"d","priority":"low"}"#, "requirements", "required"),
            (
                #"{"type":"code","description":"d","requirements":null,"priority":"low"}"#, "requirements",
                "invalid_type"
            ),
            (
                #"{"type":"code","description":"d","requirements":{},"priority":"low"}"#, "requirements",
                "invalid_type"
            ),
            (
                #"{"type":"code","description":"d","requirements":[1],"priority":"low"}"#, "requirements.0",
                "invalid_type"
            ),
            (
                #"{"type":"code","description":"d","requirements":[{}],"priority":"low"}"#,
                "requirements.0", "too_small"
            ),
            (
                #"{"type":"code","description":"d","requirements":[{"minProficiency":2}],"priority":"low"}"#,
                "requirements.0.minProficiency", "too_big"
            ),
            (
                #"{"type":"code","description":"d","requirements":[{"type":"capability"}],"priority":"low"}"#,
                "requirements.0.name", "required"
            ),
            // GW-VAL-04
            (task(#""constraints":null"#), "constraints", "invalid_type"),
            (task(#""constraints":[{"value":1}]"#), "constraints.0.type", "required"),
            (
                task(#""constraints":[{"type":"time","hard":"yes"}]"#), "constraints.0.hard", "invalid_type"
            ),
            // GW-VAL-05
            (#"{"type":"code","description":"d","requirements":[]}"#, "priority", "required"),
            (
                #"{"type":"code","description":"d","requirements":[],"priority":"urgent"}"#, "priority",
                "invalid_enum_value"
            ),
            (
                #"{"type":"code","description":"d","requirements":[],"priority":3}"#, "priority",
                "invalid_type"
            ),
            // GW-VAL-06
            (task(#""deadline":"2030-01-01T00:00:00+02:00""#), "deadline", "invalid_format"),
            (task(#""deadline":"2030-01-01""#), "deadline", "invalid_format"),
            (task(#""deadline":"2030-02-30T00:00:00Z""#), "deadline", "invalid_format"),
            (task(#""deadline":1893456000"#), "deadline", "invalid_type"),
            // GW-VAL-07
            (task(#""context":[]"#), "context", "invalid_type"),
            (task(#""context":"x""#), "context", "invalid_type"),
            (task(#""context":null"#), "context", "invalid_type"),
            (task(#""context":{"command":[]}"#), "context.command", "too_small"),
            (task(#""context":{"command":["a",1]}"#), "context.command.1", "invalid_type"),
            (task(#""context":{"command":"a\u0000b"}"#), "context.command", "invalid_format"),
            (task(#""context":{"environment":{"A":1}}"#), "context.environment.A", "invalid_type"),
            (task(#""context":{"environment":{"A=":"1"}}"#), "context.environment.A=", "invalid_format"),
            (task(#""context":{"workingDirectory":""}"#), "context.workingDirectory", "too_small"),
            (task(#""context":{"project":7}"#), "context.project", "invalid_type"),
            // The contract's additions
            (task(#""timeout":999"#), "timeout", "too_small"),
            (task(#""timeout":86400001"#), "timeout", "too_big"),
            (task(#""timeout":1.5"#), "timeout", "invalid_type"),
            (task(#""retryPolicy":{"maxAttempts":0}"#), "retryPolicy.maxAttempts", "too_small"),
            (task(#""retryPolicy":{"factor":0.5}"#), "retryPolicy.factor", "too_small"),
            (
                task(#""retryPolicy":{"onInterruption":"maybe"}"#), "retryPolicy.onInterruption",
                "invalid_enum_value"
            ),
            (task(#""dependencies":"x""#), "dependencies", "invalid_type"),
            (task(#""dependencies":["a b"]"#), "dependencies.0", "invalid_format"),
            (task(#""dependencies":[""]"#), "dependencies.0", "too_small"),
        ])
    func brokenCreation(_ body: String, _ field: String, _ code: String) async throws {
        let world = try await GatewayWorld()
        let answer = try await world.send(.post, "/api/v1/tasks", body)
        #expect(answer.status == 400)
        #expect(answer.code == "VALIDATION_ERROR")
        #expect(answer.message == "Validation failed")
        #expect(answer.fields == [field])
        #expect(answer.issueCodes == [code])
        let issue: JSONValue = try #require(answer.error["details"]?[0])
        #expect(issue["path"]?.arrayValue?.isEmpty == false)
        #expect(issue["message"]?.stringValue?.isEmpty == false)
        #expect(world.orchestrator.view.liveTaskCounts().values.allSatisfy { $0 == 0 })
    }

    @Test("a description may have 1 and 1000 code points, not 1001 (GW-VAL-02)")
    func descriptionBounds() throws {
        for (text, isFine) in [
            ("x", true), (String(repeating: "x", count: 1_000), true),
            (String(repeating: "😀", count: 1_000), true),
            (String(repeating: "x", count: 1_001), false), (String(repeating: "😀", count: 1_001), false),
        ] {
            let body = #"{"type":"code","description":"\#(text)","requirements":[],"priority":"low"}"#
            #expect(((try? GatewayMessages.decodeCreateTask(Array(body.utf8))) != nil) == isFine)
        }
    }

    @Test("what a creation says arrives in the specification (GW-REST-01, UND-04, UND-05)")
    func wholeCreation() throws {
        let body = #"""
            {"type":"test","description":"run it","priority":"critical","deadline":"2030-01-01T00:00:00Z","timeout":60000,
             "requirements":["be quick",{"type":"capability","name":"swift","minProficiency":0.7,"x-own":true},
                             {"type":"capability","name":"nice","mandatory":false}],
             "constraints":["cheap",{"type":"time","value":3}],
             "retryPolicy":{"maxAttempts":3,"backoffMs":250,"factor":1.5,"onInterruption":"fail"},
             "dependencies":["a","b"],"unknown":{"dropped":true},
             "context":{"command":["make","test"],"environment":{"A":"1"},"workingDirectory":"/src","project":"p",
                        "traceparent":"00-1-2-3","note":[1,2]}}
            """#
        let task: TaskSpecification = try GatewayMessages.decodeCreateTask(Array(body.utf8))
        #expect(task.kind == .testing)
        #expect(task.description == "run it")
        #expect(task.priority == .critical)
        #expect(task.deadline == Instant(milliseconds: 1_893_456_000_000))
        #expect(task.timeout == 60_000)
        #expect(task.capabilities == [CapabilityRequirement(name: "swift", minimumProficiency: 0.7)])
        #expect(task.requirements.value()[0] == ["description": "be quick"])
        #expect(task.requirements.value()[1]?["x-own"] == true)
        #expect(
            task.constraints.value() == [
                ["type": "other", "description": "cheap"], ["type": "time", "value": 3],
            ])
        #expect(
            task.retryPolicy
                == RetryPolicy(maximumAttempts: 3, backoff: 250, factor: 1.5, onInterruption: .fail))
        #expect(task.dependencies.map(\.rawValue) == ["a", "b"])
        #expect(task.command == .arguments(["make", "test"]))
        #expect(task.environment == ["A": "1"])
        #expect(task.workingDirectory == "/src")
        #expect(task.project == "p")
        #expect(task.context.value() == ["traceparent": "00-1-2-3", "note": [1, 2]])
        #expect(task.metadata == .emptyObject)
    }

    @Test("a creation without extras has the defaults: one attempt, no time-out (GW-VAL-14)")
    func plainCreation() throws {
        let task: TaskSpecification = try GatewayMessages.decodeCreateTask(
            Array(GatewayWorld.plainTask.utf8))
        #expect(task == TaskSpecification(kind: .code, description: "do it", priority: .medium))
        #expect(task.retryPolicy.maximumAttempts == 1)
        let shell = GatewayValidationTests.task(#""context":{"command":"ls | wc"}"#)
        #expect(try GatewayMessages.decodeCreateTask(Array(shell.utf8)).command == .shell("ls | wc"))
    }

    @Test("past deadlines are accepted as values (GW-VAL-06)")
    func pastDeadline() throws {
        let body = GatewayValidationTests.task(#""deadline":"1999-12-31T23:59:59.5Z""#)
        #expect(
            try GatewayMessages.decodeCreateTask(Array(body.utf8)).deadline?.milliseconds
                == 946_684_799_500)
    }

    @Test(
        "what is no JSON object is refused before anything else is looked at (GW-VAL-13)",
        arguments: [
            "", " ", "{", "[]", "null", "7", "\"x\"", "{\"type\":}", "{\"a\":1}}", "{'a':1}",
            "\u{FEFF}{}", "{\"a\":\u{1}}",
            String(repeating: "[", count: 200) + String(repeating: "]", count: 200),
        ])
    func malformed(_ body: String) async throws {
        let world = try await GatewayWorld()
        let answer = try await world.send(.post, "/api/v1/tasks", body)
        #expect(answer.status == 400)
        #expect(answer.code == "VALIDATION_ERROR")
        #expect(answer.message == "Validation failed")
        #expect(answer.fields == [""])
    }

    @Test("bytes that are not UTF-8 are refused (GW-VAL-13)")
    func notUTF8() async throws {
        let world = try await GatewayWorld()
        let action = await world.perform(
            .post, "/api/v1/tasks", Array(#"{"type":""#.utf8) + [0xFF, 0x22, 0x7D])
        guard case .respond(let response) = action else { throw GatewayWorld.Unanswered() }
        #expect(try Answer(response).code == "VALIDATION_ERROR")
    }

    @Test("every mistake is reported, in the order of declaration")
    func allMistakes() async throws {
        let world = try await GatewayWorld()
        let answer = try await world.send(.post, "/api/v1/tasks", #"{"priority":"x","timeout":1}"#)
        #expect(answer.fields == ["type", "description", "requirements", "priority", "timeout"])
        let priority: JSONValue = try #require(answer.error["details"]?[3])
        #expect(priority["value"] == "x")
        #expect(priority["expected"] == "low, medium, high, critical")
    }

    @Test(
        "a broken spawn is refused with the field that is wrong (GW-VAL-08…12)",
        arguments: [
            (#"{"type":"specialist"}"#, "type", "invalid_enum_value"), (#"{}"#, "type", "required"),  // 08
            (#"{"type":"coder","name":5}"#, "name", "invalid_type"),  // 09
            (#"{"type":"coder","name":null}"#, "name", "invalid_type"),
            (#"{"type":"coder","capabilities":["a",1]}"#, "capabilities.1", "invalid_type"),  // 10
            (#"{"type":"coder","capabilities":"a"}"#, "capabilities", "invalid_type"),
            (#"{"type":"coder","configuration":[]}"#, "configuration", "invalid_type"),  // 11
            (
                #"{"type":"coder","configuration":{"maxConcurrentTasks":0}}"#,
                "configuration.maxConcurrentTasks", "too_small"
            ),
            (
                #"{"type":"coder","configuration":{"environment":{"A":true}}}"#,
                "configuration.environment.A", "invalid_type"
            ),
            (
                #"{"type":"coder","configuration":{"settings":[]}}"#, "configuration.settings",
                "invalid_type"
            ),
            (
                #"{"type":"coder","configuration":{"terminal":"yes"}}"#, "configuration.terminal",
                "invalid_type"
            ),
            (
                #"{"type":"coder","configuration":{"heartbeatInterval":1}}"#,
                "configuration.heartbeatInterval", "too_small"
            ),
            (#"{"type":"coder","resources":{"cpu":1}}"#, "resources.memory", "required"),  // 12
            (#"{"type":"coder","resources":{"memory":1}}"#, "resources.cpu", "required"),
            (#"{"type":"coder","resources":{"cpu":-1,"memory":1}}"#, "resources.cpu", "too_small"),
            (#"{"type":"coder","resources":{"cpu":1e999,"memory":1}}"#, "resources.cpu", "too_big"),
            (#"{"type":"coder","resources":{"cpu":"1","memory":1}}"#, "resources.cpu", "invalid_type"),
            (
                #"{"type":"coder","resources":{"cpu":1,"memory":1,"network":{"ports":[70000]}}}"#,
                "resources.network.ports.0", "too_big"
            ),
            (
                #"{"type":"coder","configuration":{"workspace":"../up"}}"#, "configuration.workspace",
                "invalid_value"
            ),
            (
                #"{"type":"coder","configuration":{"workspace":"/etc"}}"#, "configuration.workspace",
                "invalid_value"
            ),
            (
                #"{"type":"coder","configuration":{"workspace":"/work/root2"}}"#, "configuration.workspace",
                "invalid_value"
            ),
        ])
    func brokenSpawn(_ body: String, _ field: String, _ code: String) async throws {
        let world = try await GatewayWorld { $0.workspaceRoot = "/work/root" }
        let answer = try await world.send(.post, "/api/v1/agents", body)
        #expect(answer.status == 400)
        #expect(answer.code == "VALIDATION_ERROR")
        #expect(answer.fields == [field])
        #expect(answer.issueCodes == [code])
    }

    @Test("what a spawn says arrives in the specification (GW-REST-12, UND-19)")
    func wholeSpawn() throws {
        let body = #"""
            {"type":"reviewer","name":"Ann","capabilities":["swift","sql","swift"],
             "configuration":{"model":"m","workspace":"sub/dir","environment":{"K":"v"},"maxConcurrentTasks":4,
                              "commandTimeout":5000,"heartbeatInterval":2000,"settings":{"a":1},"terminal":true},
             "resources":{"cpu":0.5,"memory":512,"gpu":1,"storage":9,"network":{"ports":[80]}}}
            """#
        let agent = try GatewayMessages.decodeSpawnAgent(Array(body.utf8), workspaceRoot: "/work/root/")
        #expect(agent.type == .reviewer)
        #expect(agent.name == "Ann")
        #expect(agent.capabilities.map(\.name) == ["swift", "sql"])
        #expect(agent.model == "m")
        #expect(agent.workspace == "/work/root/sub/dir")
        #expect(agent.environment == ["K": "v"])
        #expect(agent.maximumConcurrentTasks == 4)
        #expect(agent.commandTimeout == 5_000)
        #expect(agent.heartbeatInterval == 2_000)
        #expect(agent.settings.value() == ["a": 1])
        #expect(agent.resident == .terminal)
        #expect(agent.resources?.network?.value() == ["ports": [80]])
        #expect(agent.resources?.cpu == 0.5)
    }

    @Test(
        "a change of configuration that changes nothing is refused (GW-REST-17)",
        arguments: ["{}", #"{"x":1}"#])
    func emptyChange(_ body: String) async throws {
        let world = try await GatewayWorld()
        let agent: AgentID = try await world.spawnAgent()
        let answer = try await world.send(.patch, "/api/v1/agents/\(agent)/config", body)
        #expect(answer.status == 400)
        #expect(answer.issueCodes == ["required"])
    }

    @Test("no damage to a valid body crashes, and what is accepted keeps the bounds")
    func mutations() {
        let bodies: [String] = [
            GatewayValidationTests.task(
                #""context":{"command":["a"],"environment":{"A":"b"}},"timeout":1000,"dependencies":["x"],"deadline":"2030-01-01T00:00:00Z","retryPolicy":{"maxAttempts":2,"factor":1.5}"#
            ),
            #"{"type":"coder","capabilities":["a"],"configuration":{"settings":{},"maxConcurrentTasks":2},"resources":{"cpu":1,"memory":2}}"#,
            #"{"priority":"high","reason":"r"}"#,
        ]
        for body in bodies {
            for damaged in Mutations(of: Array(body.utf8), count: 3_000, spice: Array("{}[],:\"0e-".utf8)) {
                if let task = try? GatewayMessages.decodeCreateTask(damaged) {
                    #expect((1...1_000).contains(task.description.unicodeScalars.count))
                }
                if let agent = try? GatewayMessages.decodeSpawnAgent(damaged, workspaceRoot: "/r") {
                    #expect((1...1_000).contains(agent.maximumConcurrentTasks))
                }
                _ = try? GatewayMessages.decodeUpdateAgentConfig(damaged, workspaceRoot: nil)
                _ = try? GatewayMessages.decodeUpdatePriority(damaged)
            }
            everyPrefix(of: Array(body.utf8)) {
                #expect((try? GatewayMessages.decodeCreateTask($0)) == nil)
            }
        }
    }
}
