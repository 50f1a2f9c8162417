internal import MAOSCore

/// How the whole fares, for `hive_status_update`.
struct HiveStatus: Sendable {
    var status: String
    var totalAgents: Int
    var activeAgents: Int
    var pendingTasks: Int
    var runningTasks: Int
    var completedToday: Int
    /// 0…1.
    var load: Double
    var alerts: [HiveLedger.Alert]

    init(view: CommittedView, environment: any DialectEnvironment, ledger: HiveLedger, at now: Instant) {
        let components: [HealthComponent] = environment.components(at: now)
        let worst: HealthStatus = components.map(\.status).filter { $0 != .unknown }.max() ?? .healthy
        status = HiveVocabulary.name(of: worst)
        let agents: [AgentStatus: Int] = view.agentCounts()
        totalAgents = agents.values.reduce(0, +)
        activeAgents = agents[.busy] ?? 0
        var (pending, running): (Int, Int) = (0, 0)
        for (status, count) in view.liveTaskCounts() {
            switch HiveVocabulary.name(of: status) {
            case "pending": pending += count
            case "running", "assigned": running += count
            default: break
            }
        }
        (pendingTasks, runningTasks) = (pending, running)
        completedToday = ledger.completedToday(at: now)
        load = HiveStatus.load(environment.host?.reading)
        alerts = ledger.alerts(at: now)
        for component: HealthComponent in components where component.status > .unknown {
            let name: String = HiveVocabulary.name(of: component.status)
            alerts.append(
                HiveLedger.Alert(
                    level: component.status == .unhealthy ? "critical" : "warning",
                    message: "\(component.name) is \(name)" + (component.message.map { ": \($0)" } ?? ""),
                    time: component.lastCheck, subject: component.name))
        }
    }

    /// The part of the processors that is asked for: what ran or wanted to in the last minute, else what was used.
    private static func load(_ reading: HostReading?) -> Double {
        guard let reading else { return 0 }
        let share: Double =
            reading.load.map { $0.oneMinute / Double(max(1, reading.processor.count)) }
            ?? (reading.processor.percent ?? 0) / 100
        return (min(1, max(0, share)) * 1_000).rounded() / 1_000
    }

    func write(to writer: inout JSONWriter) {
        writer.member("status", status)
        writer.beginObject("metrics")
        writer.member("total_agents", totalAgents)
        writer.member("active_agents", activeAgents)
        writer.member("pending_tasks", pendingTasks)
        writer.member("running_tasks", runningTasks)
        writer.member("completed_tasks_today", completedToday)
        writer.member("system_load", load)
        writer.endObject()
        writer.beginArray("alerts")
        for alert: HiveLedger.Alert in alerts {
            writer.beginObject()
            writer.member("level", alert.level)
            writer.member("message", alert.message)
            writer.member("timestamp", timestamp: alert.time.milliseconds)
            writer.endObject()
        }
        writer.endArray()
    }
}

extension HiveModules.Change {
    func write(to writer: inout JSONWriter) {
        writer.member("module", module)
        writer.member("old_status", HiveVocabulary.name(of: old))
        writer.member("new_status", HiveVocabulary.name(of: new))
        writer.member("reason", reason)
        writer.member("affected_functions", HiveVocabulary.functions(of: module))
    }
}
