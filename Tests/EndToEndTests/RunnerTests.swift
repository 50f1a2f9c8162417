import Foundation
import MAOSCore
import MAOSProtocols
import Testing

/// What the configuration file says is run for tasks without a command.
@Suite(
    "Configured runners",
    .server([
        "runners": [
            "coder": [
                "command": [
                    "/usr/bin/printf", "%s|", "{description}", "{task.id}", "{task.kind}", "{agent.id}", "{agent.name}",
                    "{model}", "{workspace}", "{unknown}", "{", "{}",
                ],
                "environment": ["FROM": "runner", "ONLY_RUNNER": "1"],
            ],
            "tester": [
                "command": ["/bin/sh", "-c", "pwd; echo $FROM"], "environment": ["FROM": "runner"],
                "workingDirectory": "/usr",
            ],
            "*": ["command": ["/bin/echo", "any:", "{description}"]],
        ],
        "routing": ["deploy": "tester"],
        "pools": ["default": ["max": 4]],
    ]), .serialized)
struct RunnerTests {
    let client: APIClient

    init() throws { client = try SharedServer.current.client() }

    private func run(_ more: JSONObject) async throws -> JSONValue {
        var body: JSONObject = ["type": "code", "description": "do it", "requirements": [], "priority": "medium"]
        for member in more { body[member.key] = member.value }
        let reply: APIReply = try client.call(.post, "/api/v1/tasks", .object(body))
        return try await client.ended(try #require(reply.data?["taskId"]?.stringValue, "\(reply.body)"))
    }

    @Test("fill their placeholders, which no shell and no second look gets to see")
    func placeholders() async throws {
        let agent: String = try client.spawnAgent([
            "type": "coder", "name": "anna {model}", "capabilities": ["templates"],
            "configuration": ["model": "m-1", "workspace": "w/x"],
        ])
        let description: String = "{task.id} $(echo no); `id` \"'\\ \n%s"
        let ended: JSONValue = try await run([
            "description": .string(description), "requirements": [["type": "capability", "name": "templates"]],
        ])
        let words: [String] = (ended["result"]?["stdout"]?.text ?? "").components(separatedBy: "|")
        try #require(words.count == 11, "\(ended)")
        #expect(Array(words[..<6]) == [description, ended["id"]?.text ?? "", "code", agent, "anna {model}", "m-1"])
        #expect(words[6].hasSuffix("/workspaces/w/x") && Array(words[7...]) == ["{unknown}", "{", "{}", ""])
        #expect(try client.call(.delete, "/api/v1/agents/\(agent)").status == 200)
    }

    @Test("apply to their agent type, the star to all others; a task's own command comes first")
    func types() async throws {
        #expect(try await run(["type": "review", "description": "me"])["result"]?["stdout"] == "any: me\n")
        #expect(try await run(["type": "test"])["result"]?["stdout"] == "/usr\nrunner\n")
        #expect(
            try await run(["type": "deploy"])["result"]?["stdout"] == "/usr\nrunner\n", "routed by the configuration")
        let own: JSONValue = try await run(["type": "test", "context": ["command": ["/bin/echo", "own"]]])
        #expect(own["result"]?["stdout"] == "own\n")
    }

    @Test("have variables that an agent's and a task's replace")
    func environment() async throws {
        let agent: String = try client.spawnAgent([
            "type": "coder", "capabilities": ["layers"],
            "configuration": ["environment": ["FROM": "agent", "ONLY_AGENT": "1"]],
        ])
        let ended: JSONValue = try await run([
            "requirements": [["type": "capability", "name": "layers"]],
            "context": [
                "command": "echo $FROM $ONLY_RUNNER $ONLY_AGENT $ONLY_TASK",
                "environment": ["FROM": "task", "ONLY_TASK": "1"],
            ],
        ])
        #expect(ended["result"]?["stdout"] == "task 1 1 1\n", "\(ended)")
        #expect(try client.call(.delete, "/api/v1/agents/\(agent)").status == 200)
    }

    @Test("keep to workspaces inside the root, links included")
    func workspaces() async throws {
        let root: String = try SharedServer.current.directory + "/workspaces"
        let outside: String = try TemporaryFolder.make()
        defer { try? FileManager.default.removeItem(atPath: outside) }
        try FileManager.default.createSymbolicLink(atPath: root + "/out", withDestinationPath: outside)
        let agent: String = try client.spawnAgent([
            "type": "coder", "capabilities": ["links"], "configuration": ["workspace": "out/deep"],
        ])
        let ended: JSONValue = try await run(["requirements": [["type": "capability", "name": "links"]]])
        #expect(ended["status"] == "failed", "\(ended)")
        #expect(ended["error"]?.text.contains("out/deep is outside of") == true, "\(ended)")
        #expect(!FileManager.default.fileExists(atPath: outside + "/deep"))
        #expect(try client.call(.delete, "/api/v1/agents/\(agent)").status == 200)
        let inside: String = try client.spawnAgent([
            "type": "coder", "capabilities": ["inside"], "configuration": ["workspace": .string(root + "/mine")],
        ])
        let fine: JSONValue = try await run([
            "requirements": [["type": "capability", "name": "inside"]], "context": ["command": ["/bin/pwd"]],
        ])
        #expect(fine["result"]?["stdout"]?.text.hasSuffix("/workspaces/mine\n") == true, "\(fine)")
        #expect(try client.call(.delete, "/api/v1/agents/\(inside)").status == 200)
    }
}
