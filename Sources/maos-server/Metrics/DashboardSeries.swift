internal import MAOSCore
internal import MAOSProtocols

extension MetricsBoard.Builder {
    /// What the dashboard's clients were refused, and which sessions wait for theirs.
    mutating func addDashboard(_ hub: DashboardHub) {
        let dialect = MetricLabel("dialect", "dashboard")
        for (place, name) in hub.errors.map(\.name).enumerated() {
            add(
                MetricSeries(
                    "maos_errors_total", .counter, of: .communication, labels: [MetricLabel("code", name), dialect],
                    "Requests that were refused or failed")
            ) { .number(Double(hub.errors[place].count)) }
        }
        add(
            MetricSeries(
                "maos_ws_sessions_detached", .gauge, of: .communication, labels: [dialect],
                "Sessions that are kept for clients without a connection")
        ) { .number(Double(hub.detachedSessions)) }
    }
}
