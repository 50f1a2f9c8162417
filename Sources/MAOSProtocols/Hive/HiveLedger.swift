package import MAOSCore
internal import Synchronization

/// What the status report tells beside what is so now: tasks completed today, and the alerts of the last minutes.
///
/// Hears of every event, on the writer's thread, whether or not anybody listens to the hive.
package final class HiveLedger: EventSink {
    /// An alert, as the status report has it.
    struct Alert: Sendable, Hashable {
        var level: String
        var message: String
        var time: Instant
        /// What it is about; a newer one about the same takes its place.
        var subject: String
    }

    private struct State {
        /// Days since 1970.
        var day: Int64 = 0
        var completed: Int = 0
        var alerts: [Alert] = []
    }

    private static let alertLimit: Int = 20
    private static let alertTime: Milliseconds = .seconds(15 * 60)
    private static let dayLength: Int64 = 86_400_000

    private let state = Mutex(State())

    package init() {}

    package func receive(_ events: [Event]) {
        let span: Span<Event> = events.span
        for index in span.indices {
            switch span[index].taskKind {
            case .completed?: noteCompleted(1, at: span[index].time)
            case .some: continue
            case nil: note(span[index])
            }
        }
    }

    private func note(_ event: Event) {
        switch event.body {
        case .agent(let agent) where agent.kind == .crashed:
            let reason: String = agent.state.error.map { ": \($0)" } ?? ""
            note(
                Alert(
                    level: "error", message: "Agent \(agent.name) crashed\(reason)", time: event.time,
                    subject: agent.id.rawValue))
        case .agent(let agent) where agent.kind == .ready || agent.kind == .terminated:
            settle(agent.id.rawValue)
        case .system(let system):
            note(system, at: event.time)
        case .task, .agent, .workflow:
            break
        }
    }

    /// Adds tasks that were completed before it heard of events.
    package func noteCompleted(_ count: Int, at time: Instant) {
        let day: Int64 = time.milliseconds / HiveLedger.dayLength
        state.withLock { (state: inout State) in
            if day > state.day { (state.day, state.completed) = (day, 0) }
            if day == state.day { state.completed += count }
        }
    }

    /// When the day began that a time is in.
    package static func dayStart(of now: Instant) -> Instant {
        Instant(milliseconds: now.milliseconds / dayLength * dayLength)
    }

    private func note(_ system: SystemEvent, at time: Instant) {
        switch system.type {
        case "resource_alert_cleared":
            if let resource: String = system.data.value()["resource"]?.stringValue { settle(resource) }
        case "resource_alert", "security_alert":
            guard let alert = HiveAlert(system) else { return }
            note(Alert(level: alert.level, message: alert.message, time: time, subject: alert.subject))
        default:
            return
        }
    }

    private func note(_ alert: Alert) {
        state.withLock { (state: inout State) in
            state.alerts.removeAll { $0.subject == alert.subject }
            if state.alerts.count == HiveLedger.alertLimit { state.alerts.removeFirst() }
            state.alerts.append(alert)
        }
    }

    private func settle(_ subject: String) {
        state.withLock { $0.alerts.removeAll { $0.subject == subject } }
    }

    /// Tasks that were completed since midnight UTC.
    func completedToday(at now: Instant) -> Int {
        state.withLock { $0.day == now.milliseconds / HiveLedger.dayLength ? $0.completed : 0 }
    }

    /// The alerts of the last minutes that are not settled, oldest first.
    func alerts(at now: Instant) -> [Alert] {
        state.withLock { (state: inout State) in
            state.alerts.removeAll { now - $0.time > HiveLedger.alertTime }
            return state.alerts
        }
    }
}
