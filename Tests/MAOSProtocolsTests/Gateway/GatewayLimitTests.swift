import MAOSCore
import MAOSProtocols
import Testing

/// What REST clients are told of limits.
@Suite struct GatewayLimitTests {
    private func task(_ key: String, project: String) -> String {
        #"{"type":"code","description":"d","requirements":[],"priority":"low","#
            + #""context":{"concurrencyKey":"\#(key)","project":"\#(project)"}}"#
    }

    @Test("keys and projects are shown with what they hold back, a page of keys at a time")
    func report() async throws {
        let world = try await GatewayWorld()
        _ = try await world.spawnAgent(#"{"type":"coder","configuration":{"maxConcurrentTasks":4}}"#)
        for key: String in ["db", "db", "mail"] { _ = try await world.createTask(task(key, project: "red")) }
        let shown = try await world.send(.get, "/api/v1/limits?limit=1")
        #expect(shown.status == 200, "\(shown.json)")
        #expect(shown.data["pagination"]?["totalItems"] == 2)
        #expect(shown.data["concurrencyKeys"]?.arrayValue?.count == 1)
        let key: JSONValue = try #require(shown.data["concurrencyKeys"]?[0])
        #expect(key["concurrencyKey"] == "db" && key["configured"] == false && key["limit"] == 1)
        #expect(key["underWay"] == 1 && key["waiting"] == 1 && key["rate"] == nil && key["until"] == nil)
        #expect(shown.data["otherKeys"] == ["limit": 1])
        #expect(shown.data["projects"]?[0]?["project"] == "red" && shown.data["projects"]?[0]?["weight"] == 1)
        #expect(shown.data["projects"]?[0]?["waiting"] == 1)
        let second = try await world.send(.get, "/api/v1/limits?limit=1&page=2")
        #expect(second.data["concurrencyKeys"]?[0]?["concurrencyKey"] == "mail")
    }

    @Test("only who may see resources is told, and bad pages are refused by name")
    func refused() async throws {
        let world = try await GatewayWorld()
        let without = Principal(subject: "bob", permissions: Permissions.all.subtracting(.resourcesRead))
        #expect(try await world.send(.get, "/api/v1/limits", as: .principal(without)).status == 403)
        #expect(try await world.send(.get, "/api/v1/limits?page=0").fields == ["page"])
        #expect(try await world.send(.post, "/api/v1/limits", "{}").status == 405)
        #expect(try await world.send(.get, "/api/v1/limits/x").status == 404)
    }
}
