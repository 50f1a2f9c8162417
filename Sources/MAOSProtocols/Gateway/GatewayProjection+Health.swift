internal import MAOSCore

extension GatewayProjection {
    /// Writes a `HealthResponse`.
    ///
    /// - Returns: The worst status of all components.
    func writeHealth(at now: Instant, to writer: inout JSONWriter) -> HealthStatus {
        let components: [HealthComponent] = environment.components(at: now)
        let overall: HealthStatus = components.map(\.status).max() ?? .healthy
        writer.beginObject()
        writer.member("overall", overall.name)
        writer.beginArray("components")
        for component: HealthComponent in components {
            writer.beginObject()
            writer.member("name", component.name)
            writer.member("status", component.status.name)
            writer.memberIfPresent("message", component.message)
            writer.member("lastCheck", timestamp: component.lastCheck.milliseconds)
            writer.beginArray("dependencies")
            for dependency: HealthComponent.Dependency in component.dependencies {
                writer.beginObject()
                writer.member("name", dependency.name)
                writer.member("status", dependency.status.name)
                writer.memberIfPresent("latencyMs", dependency.latency?.count)
                writer.memberIfPresent("message", dependency.message)
                writer.member("lastCheck", timestamp: component.lastCheck.milliseconds)
                writer.endObject()
            }
            writer.endArray()
            writer.endObject()
        }
        writer.endArray()
        writer.member("timestamp", timestamp: now.milliseconds)
        writer.member("uptimeSeconds", max(0, (now - environment.startedAt).count) / 1_000)
        writer.member("serverVersion", environment.version)
        writer.endObject()
        return overall
    }

    /// Writes `{metrics: Metric[]}`: what the view tells, and what the server adds.
    func writeMetrics(at now: Instant, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.beginArray("metrics")
        let tasks: [TaskStatus: Int] = view.liveTaskCounts()
        for status: TaskStatus in TaskStatus.allCases where !status.isTerminal {
            let metric = MeasuredValue(
                "maos_tasks", .gauge, Double(tasks[status] ?? 0), labels: ["status": status.name])
            GatewayProjection.write(metric, at: now, to: &writer)
        }
        let agents: [AgentStatus: Int] = view.agentCounts()
        for status: AgentStatus in AgentStatus.allCases where status != .terminated {
            let metric = MeasuredValue(
                "maos_agents", .gauge, Double(agents[status] ?? 0), labels: ["status": status.name])
            GatewayProjection.write(metric, at: now, to: &writer)
        }
        for metric: MeasuredValue in environment.metrics(at: now) {
            GatewayProjection.write(metric, at: now, to: &writer)
        }
        writer.endArray()
        writer.endObject()
    }

    /// Writes a `Metric`.
    static func write(_ metric: MeasuredValue, at now: Instant, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("name", metric.name)
        writer.member("type", metric.kind.rawValue)
        writer.member("value", metric.value)
        writer.member("timestamp", timestamp: now.milliseconds)
        writer.beginObject("labels")
        for name: String in metric.labels.keys.sorted() { writer.member(name, metric.labels[name] ?? "") }
        writer.endObject()
        writer.endObject()
    }
}
