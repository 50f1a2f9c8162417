import MAOSCore
import MAOSProtocols
import Testing

@Suite("The description of WebSocket endpoints") struct AsyncAPIDocumentTests {
    private static let everything: [AsyncAPIDocument.Endpoint] = [
        AsyncAPIDocument.Endpoint(.gateway, at: ["/ws"]),
        AsyncAPIDocument.Endpoint(.terminal, at: ["/api/v1/agents/{agentId}/terminal"]),
        AsyncAPIDocument.Endpoint(.hive, at: ["/hive/ws"]),
        AsyncAPIDocument.Endpoint(.openCode, at: ["/opencode/ws"]),
        AsyncAPIDocument.Endpoint(.dashboard, at: ["/dashboard/ws"]),
    ]

    private func document(
        _ endpoints: [AsyncAPIDocument.Endpoint] = AsyncAPIDocumentTests.everything, host: String = "localhost:7400"
    ) throws -> JSONValue {
        try JSONReader.parse(
            AsyncAPIDocument(version: "1.2.3", endpoints: endpoints).encoded(host: host), depthLimit: 64)
    }

    @Test("it says which version of AsyncAPI and of the server it is about, and where the client has reached it")
    func head() throws {
        let document: JSONValue = try document()
        #expect(document["asyncapi"] == "3.0.0")
        #expect(document["info"]?["version"] == "1.2.3")
        #expect(document["info"]?["license"]?["name"] == "Apache-2.0")
        #expect(document["servers"]?["maos"]?["host"] == "localhost:7400")
        #expect(document["servers"]?["maos"]?["protocol"] == "ws")
    }

    @Test("every reference leads somewhere")
    func references() throws {
        let document: JSONValue = try document()
        var count: Int = 0
        func look(at value: JSONValue) {
            switch value {
            case .object(let object):
                if let target: String = object["$ref"]?.stringValue {
                    count += 1
                    let steps: [Substring] = target.split(separator: "/").dropFirst().map { $0 }
                    let found: JSONValue? = steps.reduce(document) { (found: JSONValue?, step: Substring) in
                        found?[String(step)]
                    }
                    #expect(target.hasPrefix("#/") && found != nil, "\(target)")
                }
                for member: JSONObject.Member in object { look(at: member.value) }
            case .array(let elements): for element: JSONValue in elements { look(at: element) }
            case .null, .boolean, .integer, .number, .string: break
            }
        }
        look(at: document)
        #expect(count > 300)
    }

    @Test("every message of every dialect is there once, with a summary, and every member says what it means")
    func messages() throws {
        let document: JSONValue = try document()
        let components: JSONObject = try #require(document["components"]?["messages"]?.objectValue)
        var expected: [String] = []
        for dialect: AsyncAPIDocument.Dialect in AsyncAPIDocument.Dialect.allCases {
            let channel: DeclaredChannel = dialect.channel
            for message: DeclaredMessage in channel.messages {
                expected.append("\(channel.name).\(message.title)")
                #expect(!message.summary.isEmpty, "\(channel.name).\(message.title)")
                for field: Field in message.schema?.fields ?? [] { #expect(!field.summary.isEmpty, "\(field.name)") }
            }
        }
        #expect(Set(expected).count == expected.count)
        #expect(Set(components.members.map(\.key)) == Set(expected))
        #expect(DeclaredChannel.hive.sent.count == 21)
        #expect(DeclaredChannel.openCode.received.map(\.message.title).count == OpenCodeMessages.schemas.count)
        #expect(DeclaredChannel.dashboard.received.count == DashboardMessages.Kind.allCases.count)
    }

    @Test("every message of JSON has an example that is as it is declared, and no other message")
    func examples() throws {
        let document: JSONValue = try document()
        let components: JSONValue = try #require(document["components"]?["messages"])
        var count: Int = 0
        for dialect: AsyncAPIDocument.Dialect in AsyncAPIDocument.Dialect.allCases {
            let channel: DeclaredChannel = dialect.channel
            for message: DeclaredMessage in channel.messages {
                let name: String = "\(channel.name).\(message.title)"
                guard let schema: MessageSchema = message.schema else {
                    #expect(components[name]?["examples"] == nil, "\(name)")
                    continue
                }
                let examples: [JSONValue] = try #require(components[name]?["examples"]?.arrayValue, "\(name)")
                #expect(examples.count == 1, "\(name)")
                let payload: JSONValue = try #require(examples[0]["payload"], "\(name)")
                let issues: [ValidationIssue] = schema.issues(in: payload)
                #expect(issues.isEmpty, "\(name): \(issues) in \(payload)")
                #expect(payload.objectValue?.members.map(\.key) == schema.fields.map(\.name), "\(name)")
                count += 1
            }
            for message: DeclaredMessage in channel.sent {
                guard
                    let payload: JSONValue = components["\(channel.name).\(message.title)"]?["examples"]?[0]?[
                        "payload"],
                    message.schema != nil
                else { continue }
                channel.check(payload)
            }
        }
        #expect(count > 100)
    }

    @Test("schemas of one name are one schema")
    func names() {
        var known: [String: MessageSchema] = [:]
        func visit(_ schema: MessageSchema) -> Bool {
            let first: MessageSchema = known[schema.name] ?? schema
            #expect(first === schema, "there are two schemas \(schema.name)")
            known[schema.name] = first
            return true
        }
        for dialect: AsyncAPIDocument.Dialect in AsyncAPIDocument.Dialect.allCases {
            for message: DeclaredMessage in dialect.channel.messages { message.schema?.forEachInner(visit) }
        }
        #expect(known.count > 50)
    }

    @Test("every request names what it is answered with, and each answer is something that is sent")
    func answers() {
        for dialect: AsyncAPIDocument.Dialect in AsyncAPIDocument.Dialect.allCases {
            let channel: DeclaredChannel = dialect.channel
            let sent = Set(channel.sent.map(\.title))
            let answered = Set(channel.received.flatMap(\.answers))
            #expect(sent.isSuperset(of: answered), "\(channel.name): \(answered.subtracting(sent))")
            let answersOnly = Set(channel.sent.filter(\.isAnswer).map(\.title))
            #expect(answered.isSuperset(of: answersOnly), "\(channel.name): \(answersOnly.subtracting(answered))")
        }
    }

    @Test("it is the same each time, but for the name that the client has used for the server")
    func bytes() {
        let document = AsyncAPIDocument(version: "1", endpoints: AsyncAPIDocumentTests.everything)
        let again = AsyncAPIDocument(version: "1", endpoints: AsyncAPIDocumentTests.everything)
        #expect(document.encoded(host: "a:1") == document.encoded(host: "a:1"))
        #expect(document.encoded(host: "a:1") == again.encoded(host: "a:1"))
        #expect(document.encoded(host: "a:1") != document.encoded(host: "b:1"))
    }

    @Test("a name that is none is not repeated", arguments: ["", "a\"b", "a\\b", "a\nb", "ü", "a b"])
    func strangeHosts(host: String) throws {
        #expect(try document(host: host)["servers"]?["maos"]?["host"] == "localhost")
    }

    @Test("only what the listener serves is there, at the path that it is served at")
    func listeners() throws {
        let document: JSONValue = try document([
            AsyncAPIDocument.Endpoint(.hive, at: ["/ws", "/hive/ws"]),
            AsyncAPIDocument.Endpoint(.dashboard, at: ["/ws", "/dashboard/ws"]),
        ])
        let channels: JSONObject = try #require(document["channels"]?.objectValue)
        #expect(channels.members.map(\.key) == ["hive", "dashboard"])
        #expect(channels["hive"]?["address"] == "/ws")
        #expect(channels["hive"]?["description"]?.stringValue?.contains("/hive/ws") == true)
        let query: JSONValue = try #require(channels["hive"]?["bindings"]?["ws"]?["query"]?["properties"])
        #expect(query["dialect"]?["enum"] == ["hive", "dashboard"])
        #expect(query["types"] != nil && query["since"] != nil)
        #expect(document["components"]?["securitySchemes"] == nil)
    }

    @Test("what has one value only, what may be null and what is there twice is written so")
    func schemas() throws {
        let components: JSONValue = try #require(try document()["components"])
        let failed: JSONValue = try #require(components["messages"]?["hive.TaskFailed"]?["payload"]?["properties"])
        #expect(failed["type"]?["const"] == "task_failed")
        #expect(failed["data"]?["properties"]?["next_retry_at"]?["anyOf"]?[1] == ["type": "null"])
        #expect(
            failed["data"]?["properties"]?["error"] == [
                "description": "What went wrong.", "allOf": [["$ref": "#/components/schemas/HiveError"]],
            ])
        #expect(components["schemas"]?["HiveError"]?["required"] == ["code", "message", "details"])
        let list: JSONValue? = components["messages"]?["opencode.ListTasks"]?["payload"]
        #expect(list?["additionalProperties"] == nil)
        #expect(list?["properties"]?["filter"]?["additionalProperties"] == false)
        let bare: JSONValue? = components["messages"]?["gateway.TaskUpdate"]?["payload"]
        #expect(bare == ["$ref": "#/components/schemas/TaskUpdate"])
    }

    @Test(
        "what a dialect sends beside its declarations is noticed",
        arguments: [
            #"{"gap":12,"more":1}"#: "more is not declared", #"{"gap":"12"}"#: "must be an integer",
            #"{"gap":0}"#: "at least 1", #"{}"#: "is required",
            #"{"error":{"code":"X","message":""}}"#: "must be one of",
        ])
    func check(text: String, problem: String) throws {
        let good: JSONValue = try JSONReader.parse(Array(#"{"gap":12}"#.utf8), depthLimit: 8)
        #expect(DeclaredChannel.terminal.problem(with: good) == nil)
        let bad: JSONValue = try JSONReader.parse(Array(text.utf8), depthLimit: 8)
        #expect(DeclaredChannel.terminal.problem(with: bad)?.contains(problem) == true)
    }

    @Test("a message of another type than any that is declared is noticed")
    func otherTypes() {
        #expect(DeclaredChannel.openCode.problem(with: ["type": "surprise"]) == "there is no such message")
    }
}
