internal import MAOSCore
internal import MAOSProtocols

/// `metrics`.
enum MetricsCommand {
    private static let component = Operand(
        "COMPONENT", .optional, .words(MetricComponent.allCases.map(\.rawValue)),
        "only that part of the server: \(MetricComponent.allCases.map(\.rawValue).joined(separator: ", "))")
    private static let since = Flag(
        "--since", "TIME", .duration(1_000...(3_650 * 86_400_000)), "how far to look back: 90s, 15m, 24h (default 1h)")
    private static let performance = Flag(
        "--performance", "how long it took, how much it did, how much failed, and whether it was there")

    static let command = Command(
        "metrics", "show what the server measures of itself",
        details: [
            "The server keeps each second of the last ten minutes and each minute of the last day. Least, mean and most are "
                + "of the time looked back on; times are in seconds.",
            "GET /metrics has the same for Prometheus.",
        ],
        operands: [component], flags: [since, performance],
        examples: [
            Example("metrics", "everything, of the last hour"),
            Example("metrics journal --since 5m", "how storing fares"),
            Example("metrics communication --performance", "how requests fare"),
        ]
    ) { (invocation) throws(Failure) in
        let arguments: Arguments = invocation.arguments
        let range: String? = arguments.milliseconds(since).map { "\(max(1, $0 / 1_000))s" }
        let name: String? = arguments.text(component)
        guard arguments.has(performance) else {
            let path: APIPath = APIPath("metrics").with("component", name).with("timeRange", range)
            let data: JSONValue = try invocation.server().call("get the metrics", .get, path.text).data
            if invocation.wantsJSON { return invocation.printJSON(data) }
            return show(data, invocation.output)
        }
        guard let name else {
            throw .usage("metrics: --performance is of one COMPONENT", hints: ["usage: \(invocation.command.usage)"])
        }
        let path: APIPath = APIPath("metrics", "performance", name).with("timeRange", range)
        let data: JSONValue = try invocation.server().call("get the performance of \(name)", .get, path.text).data
        if invocation.wantsJSON { return invocation.printJSON(data) }
        showPerformance(data, invocation.output)
    }

    private static func show(_ data: JSONValue, _ output: Channel) {
        var table = Table([
            .init("METRIC", isFlexible: true), .init("NOW", isNumeric: true), .init("LEAST", isNumeric: true),
            .init("MEAN", isNumeric: true), .init("MOST", isNumeric: true),
        ])
        for metric: JSONValue in data["metrics"]?.arrayValue ?? [] {
            let key: String = key(of: metric)
            let summary: JSONValue? = data["summary"]?[key]
            table.add([
                .init(key), .init(number(metric["value"])), .init(number(summary?["min"]), .dim),
                .init(number(summary?["avg"]), .dim), .init(number(summary?["max"]), .dim),
            ])
        }
        output.write(table.text(for: output))
    }

    /// The name that the summary has for a metric; its component is said elsewhere unless the name needs it.
    private static func key(of metric: JSONValue) -> String {
        let name: String = metric["name"]?.stringValue ?? "?"
        guard case .object(let labels)? = metric["labels"] else { return name }
        let own: [JSONObject.Member] = labels.members.filter { $0.key != "component" || name == "maos_component_up" }
        guard !own.isEmpty else { return name }
        let parts: [String] = own.map { "\($0.key)=\"\($0.value.stringValue ?? "")\"" }
        return name + "{" + parts.sorted().joined(separator: ",") + "}"
    }

    private static func showPerformance(_ data: JSONValue, _ output: Channel) {
        var table = Table([
            .init("MEASURE"), .init("UNIT"), .init("POINTS", isNumeric: true), .init("LAST", isNumeric: true),
            .init("LEAST", isNumeric: true), .init("MEAN", isNumeric: true), .init("MOST", isNumeric: true),
        ])
        for measure: String in ["responseTime", "throughput", "errorRate", "availability"] {
            let series: JSONValue? = data["metrics"]?[measure]
            let values: [Double] = series?["points"]?.arrayValue?.compactMap { $0["value"]?.doubleValue } ?? []
            let mean: Double? = values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
            table.add([
                .init(measure), .init(series?["unit"]?.stringValue ?? ""), .init(String(values.count)),
                .init(text(values.last)), .init(text(values.min()), .dim), .init(text(mean), .dim),
                .init(text(values.max()), .dim),
            ])
        }
        output.write(table.text(for: output))
    }

    private static func number(_ value: JSONValue?) -> String { text(value?.doubleValue) }

    /// Four digits, or all of a whole number; nothing for what is not known.
    private static func text(_ value: Double?) -> String {
        guard let value else { return "-" }
        if let whole = Int64(exactly: value) { return String(whole) }
        var unit: Double = 1
        while value.magnitude * unit < 1_000, unit < 1e9 { unit *= 10 }
        return "\((value * unit).rounded() / unit)"
    }
}
