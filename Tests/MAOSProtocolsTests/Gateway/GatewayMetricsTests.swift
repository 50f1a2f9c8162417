import MAOSCore
import MAOSProtocols
import Testing

/// Metrics and performance over REST, and for Prometheus.
@Suite struct GatewayMetricsTests {
    /// A world in which ten requests were answered in each of five seconds, two of them with failures.
    private func world() async throws -> GatewayWorld {
        let world = try await GatewayWorld()
        for _ in 0..<5 {
            world.environment.work(requests: 10, failures: 2)
            world.environment.sample(at: world.now)
            world.clock.advance(1_000)
        }
        return world
    }

    @Test("metrics have a time range, the newest values and a summary of each (GW-REST-27, GW-REST-28, UND-32, UND-33)")
    func metrics() async throws {
        let world: GatewayWorld = try await world()
        let answer = try await world.send(.get, "/api/v1/metrics?component=communication&timeRange=1m")
        #expect(answer.status == 200)
        #expect(answer.data["timeRange"]?["label"] == "1m")
        #expect(answer.data["timeRange"]?["end"] == "2030-01-01T00:00:05.000Z")
        #expect(answer.data["timeRange"]?["start"] == "2029-12-31T23:59:05.000Z")
        let metrics: [JSONValue] = answer.data["metrics"]?.arrayValue ?? []
        #expect(
            metrics.compactMap { $0["name"]?.stringValue } == [
                "maos_requests_total", "maos_failures_total", "maos_request_seconds",
            ])
        let requests: JSONValue = try #require(metrics.first)
        #expect(requests["type"] == "counter" && requests["value"] == 50)
        #expect(requests["labels"]?["component"] == "communication" && requests["labels"]?["dialect"] == "a\"b")
        #expect(requests["timestamp"] == "2030-01-01T00:00:05.000Z")
        #expect(metrics.last?["type"] == "histogram" && metrics.last?["value"] == 0.5)
        let summary: JSONValue? = answer.data["summary"]?["maos_failures_total"]
        #expect(summary?["count"] == 5 && summary?["min"] == 2 && summary?["max"] == 10 && summary?["avg"] == 6)
        #expect(summary?["last"] == 10)
    }

    @Test("without a component there are all, and what is not known is left out")
    func all() async throws {
        let world: GatewayWorld = try await world()
        let answer = try await world.send(.get, "/api/v1/metrics")
        #expect(answer.data["timeRange"]?["label"] == "1h")
        let names: [String] = answer.data["metrics"]?.arrayValue?.compactMap { $0["name"]?.stringValue } ?? []
        #expect(names.contains("maos_up") && !names.contains("maos_unknown"))
        #expect(answer.data["summary"]?["maos_unknown"] == nil)
    }

    @Test("performance is four series of the time range (GW-REST-29, UND-34)")
    func performance() async throws {
        let world: GatewayWorld = try await world()
        let answer = try await world.send(.get, "/api/v1/metrics/performance/communication?timeRange=10m")
        #expect(answer.status == 200 && answer.data["componentId"] == "communication")
        let metrics: JSONValue? = answer.data["metrics"]
        #expect(metrics?["responseTime"]?["unit"] == "ms" && metrics?["responseTime"]?["points"]?[0]?["value"] == 500)
        #expect(metrics?["throughput"]?["points"]?.arrayValue?.count == 4)
        #expect(metrics?["throughput"]?["points"]?[3]?["value"] == 10)
        #expect(metrics?["throughput"]?["points"]?[3]?["timestamp"] == "2030-01-01T00:00:04.000Z")
        #expect(metrics?["errorRate"]?["unit"] == "ratio" && metrics?["errorRate"]?["points"]?[0]?["value"] == 0.2)
        #expect(metrics?["availability"]?["points"]?[4]?["value"] == 1)
        let unmeasured = try await world.send(.get, "/api/v1/metrics/performance/agents")
        #expect(unmeasured.data["metrics"]?["responseTime"]?["points"]?.arrayValue?.isEmpty == true)
    }

    @Test(
        "a bad time range is refused, an unknown component not found (GW-REST-27)",
        arguments: ["0s", "1", "h", "1w", "01h", "-1h", "1.5h", "", "1h ", "٣h"])
    func badRange(range: String) async throws {
        let world: GatewayWorld = try await world()
        let text: String = range.replacing(" ", with: "%20").replacing("٣", with: "%D9%A3")
        for path: String in ["/api/v1/metrics", "/api/v1/metrics/performance/journal"] {
            let answer = try await world.send(.get, "\(path)?timeRange=\(text)")
            #expect(answer.status == 400, "\(range)")
            #expect(answer.fields == ["timeRange"])
        }
    }

    @Test("long ranges are taken; what is not there is not found or not answered")
    func edges() async throws {
        let world: GatewayWorld = try await world()
        #expect(try await world.send(.get, "/api/v1/metrics?timeRange=99999999999999999999d").status == 200)
        #expect(try await world.send(.get, "/api/v1/metrics?component=engine").status == 404)
        #expect(try await world.send(.get, "/api/v1/metrics/performance/engine").status == 404)
        #expect(try await world.send(.get, "/api/v1/metrics/performance").status == 404)
        #expect(try await world.send(.post, "/api/v1/metrics").status == 405)
        let nobody = GatewayAuthentication.principal(Principal(subject: "bob", permissions: [.tasksRead]))
        #expect(try await world.send(.get, "/api/v1/metrics", as: nobody).status == 403)
        #expect(try await world.send(.get, "/api/v1/metrics/performance/engine", as: nobody).status == 403)
    }

    @Test("Prometheus reads from this host without a token, and from elsewhere with the permission")
    func scrape() async throws {
        let world: GatewayWorld = try await world()
        var request: GatewayRequest = GatewayWorld.request(.get, "/metrics", as: .missing)
        guard case .respond(let refused) = world.rest.handle(request, at: world.now) else { throw Missing() }
        #expect(refused.status.code == 401)
        request.isLocal = true
        guard case .respond(let response) = world.rest.handle(request, at: world.now) else { throw Missing() }
        #expect(response.status.code == 200 && response.contentType.hasPrefix("text/plain; version=0.0.4"))
        let lines: [Substring] = String(decoding: response.body, as: UTF8.self).split(separator: "\n")
        #expect(lines.contains("# TYPE maos_requests_total counter"))
        #expect(lines.contains(#"maos_requests_total{dialect="a\"b"} 50"#))
        #expect(lines.contains(#"maos_request_seconds_bucket{le="0.3"} 0"#))
        #expect(lines.contains(#"maos_request_seconds_bucket{le="1"} 5"#))
        #expect(lines.contains(#"maos_request_seconds_bucket{le="+Inf"} 5"#))
        #expect(lines.contains("maos_request_seconds_sum 2.5") && lines.contains("maos_request_seconds_count 5"))
        #expect(!lines.contains { $0.contains("maos_unknown") })
        let reader = Principal(subject: "bob", permissions: [.metricsRead])
        let remote: GatewayRequest = GatewayWorld.request(.get, "/metrics", as: .principal(reader))
        guard case .respond(let allowed) = world.rest.handle(remote, at: world.now) else { throw Missing() }
        #expect(allowed.status.code == 200)
        let other = Principal(subject: "bob", permissions: [.tasksRead])
        guard
            case .respond(let forbidden) = world.rest.handle(
                GatewayWorld.request(.get, "/metrics", as: .principal(other)), at: world.now)
        else { throw Missing() }
        #expect(forbidden.status.code == 403)
    }

    private struct Missing: Error {}
}
