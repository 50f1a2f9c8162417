internal import MAOSCore

/// Metrics and performance.
extension GatewayREST {
    /// A length of time as clients write it: `90s`, `15m`, `1h`, `7d`.
    private struct TimeRange {
        var label: String
        var length: Milliseconds

        static let expected = "a number from 1 and s, m, h or d, such as 90s, 15m, 1h or 7d"
        /// Ten years; nobody means more.
        private static let limit: Int64 = 3_650 * 86_400

        init?(_ text: String) {
            let digits = Array(text.utf8.dropLast())
            guard let first: UInt8 = digits.first, (0x31...0x39).contains(first),
                digits.allSatisfy({ (0x30...0x39).contains($0) })
            else { return nil }
            // What does not fit is longer than the limit, too.
            let count: Int = Decimal.parse(digits.span) ?? .max
            let unit: Int64
            switch text.utf8.last {
            case UInt8(ascii: "s")?: unit = 1
            case UInt8(ascii: "m")?: unit = 60
            case UInt8(ascii: "h")?: unit = 3_600
            case UInt8(ascii: "d")?: unit = 86_400
            default: return nil
            }
            let seconds = Int64(count).multipliedReportingOverflow(by: unit)
            length = .seconds(seconds.overflow ? TimeRange.limit : min(seconds.partialValue, TimeRange.limit))
            label = text
        }

        func start(at now: Instant) -> Instant { Instant(milliseconds: now.milliseconds - length.count) }
    }

    private func timeRange(_ query: inout GatewayQuery) -> TimeRange? {
        let text: String = query.text("timeRange", expected: TimeRange.expected) ?? "1h"
        if let range = TimeRange(text) { return range }
        query.refuse("timeRange", value: text, expected: TimeRange.expected)
        return nil
    }

    func showMetrics(_ request: GatewayRequest, _ context: GatewayContext, _ now: Instant) -> GatewayAction {
        var query = GatewayQuery(request.head.target)
        let name: String? = query.text("component", expected: "a component")
        let component: MetricComponent? = name.flatMap { MetricComponent(rawValue: $0) }
        if let name, component == nil { return fail(.notFound("component", id: name), context, now) }
        let wanted: TimeRange? = timeRange(&query)
        if let failure: GatewayFailure = query.failure { return fail(failure, context, now) }
        guard let range: TimeRange = wanted, let board: MetricsBoard = environment.board else {
            return fail(GatewayFailure(.unavailable, "Nothing has been measured yet", retryAfter: 1), context, now)
        }
        let samples: [MetricSample] = board.samples(since: range.start(at: now), at: now)
        let values: [MetricValue] = board.values()
        return respond(.ok, context, now, capacity: 16_384) { (writer: inout JSONWriter) in
            writer.beginObject()
            GatewayREST.write(range, at: now, to: &writer)
            let places: [Int] = board.series.indices.filter {
                component == nil || board.series[$0].component == component
            }
            writer.beginArray("metrics")
            for place in places {
                guard let metric = MeasuredValue(board.series[place], values[place]) else { continue }
                GatewayProjection.write(metric, at: now, to: &writer)
            }
            writer.endArray()
            writer.beginObject("summary")
            for place in places { GatewayREST.writeSummary(of: place, board, samples, to: &writer) }
            writer.endObject()
            writer.endObject()
        }
    }

    private static func write(_ range: TimeRange, at now: Instant, to writer: inout JSONWriter) {
        writer.beginObject("timeRange")
        writer.member("start", timestamp: range.start(at: now).milliseconds)
        writer.member("end", timestamp: now.milliseconds)
        writer.member("label", range.label)
        writer.endObject()
    }

    private static func writeSummary(
        of place: Int, _ board: MetricsBoard, _ samples: [MetricSample], to writer: inout JSONWriter
    ) {
        let values: [Double] = board.points(of: place, in: samples).map(\.value)
        guard let least: Double = values.min(), let most: Double = values.max(), let last: Double = values.last else {
            return
        }
        writer.beginObject(board.series[place].key)
        writer.member("count", values.count)
        writer.member("min", least)
        writer.member("max", most)
        // Rounding must not carry the mean of equal values past them.
        writer.member("avg", min(most, max(least, values.reduce(0, +) / Double(values.count))))
        writer.member("last", last)
        writer.endObject()
    }

    func showPerformance(
        of id: String, _ request: GatewayRequest, _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        guard let component = MetricComponent(rawValue: id) else {
            return fail(.notFound("component", id: id), context, now)
        }
        var query = GatewayQuery(request.head.target)
        let wanted: TimeRange? = timeRange(&query)
        if let failure: GatewayFailure = query.failure { return fail(failure, context, now) }
        guard let range: TimeRange = wanted, let board: MetricsBoard = environment.board else {
            return fail(GatewayFailure(.unavailable, "Nothing has been measured yet", retryAfter: 1), context, now)
        }
        let samples: [MetricSample] = board.samples(since: range.start(at: now), at: now)
        let source: ComponentPerformance = board.performance[component] ?? ComponentPerformance()
        return respond(.ok, context, now, capacity: 1_024 + samples.count * 240) { (writer: inout JSONWriter) in
            writer.beginObject()
            writer.member("componentId", id)
            GatewayREST.write(range, at: now, to: &writer)
            writer.beginObject("metrics")
            let durations: [MetricsBoard.Point] =
                source.durations.map { board.durations(of: $0, in: samples) } ?? []
            let rates: [MetricsBoard.Point] =
                source.operations.isEmpty ? [] : board.rates(of: source.operations, in: samples)
            let shares: [MetricsBoard.Point] =
                source.operations.isEmpty
                ? [] : board.shares(of: source.failures, among: source.operations, in: samples)
            let availability: [MetricsBoard.Point] = source.availability.map { board.points(of: $0, in: samples) } ?? []
            GatewayREST.write("responseTime", unit: "ms", durations, factor: 1_000, to: &writer)
            GatewayREST.write("throughput", unit: "1/s", rates, to: &writer)
            GatewayREST.write("errorRate", unit: "ratio", shares, to: &writer)
            GatewayREST.write("availability", unit: "ratio", availability, to: &writer)
            writer.endObject()
            writer.endObject()
        }
    }

    private static func write(
        _ name: String, unit: String, _ points: [MetricsBoard.Point], factor: Double = 1, to writer: inout JSONWriter
    ) {
        writer.beginObject(name)
        writer.member("unit", unit)
        writer.beginArray("points")
        for point: MetricsBoard.Point in points {
            writer.beginObject()
            writer.member("timestamp", timestamp: point.time.milliseconds)
            writer.member("value", point.value * factor)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
    }

    // MARK: Prometheus

    /// All series in the text form 0.0.4 of Prometheus, read now.
    func scrape(_ requestID: RequestID) -> GatewayResponse {
        var text = MetricsText()
        if let board: MetricsBoard = environment.board {
            for (series, value) in zip(board.series, board.values()) { text.add(series, value) }
        }
        return GatewayResponse(
            status: .ok, contentType: GatewayResponse.scrape, requestID: requestID, body: text.finish())
    }
}

/// Series in the text form 0.0.4 of Prometheus: those of a name together, after what the name means.
struct MetricsText {
    private var names: [String] = []
    private var blocks: [String: [UInt8]] = [:]

    init() {}

    /// Adds a series; nothing where its value is not known.
    mutating func add(_ series: MetricSeries, _ value: MetricValue) {
        if case .unknown = value { return }
        var block: [UInt8] = blocks.removeValue(forKey: series.name) ?? []
        if block.isEmpty {
            names.append(series.name)
            let help: String = MetricsText.escaped(series.summary, quote: false)
            block += "# HELP \(series.name) \(help)\n# TYPE \(series.name) \(series.kind.rawValue)\n".utf8
        }
        switch value {
        case .unknown: break
        case .number(let number):
            block += "\(series.name)\(MetricsText.labels(series.labels)) \(MetricsText.text(number))\n".utf8
        case .distribution(let distribution):
            var sum: UInt64 = 0
            for (place, count) in distribution.buckets.enumerated() {
                sum += count
                let bounds: [Int64] = MetricHistogram.bounds
                let end: String =
                    place < bounds.count ? MetricsText.text(Double(bounds[place]) / 1_000_000_000) : "+Inf"
                let labels: String = MetricsText.labels(series.labels + [MetricLabel("le", end)])
                block += "\(series.name)_bucket\(labels) \(sum)\n".utf8
            }
            let labels: String = MetricsText.labels(series.labels)
            block += "\(series.name)_sum\(labels) \(MetricsText.text(distribution.seconds))\n".utf8
            block += "\(series.name)_count\(labels) \(sum)\n".utf8
        }
        blocks[series.name] = block
    }

    /// The whole text.
    consuming func finish() -> [UInt8] { names.flatMap { blocks[$0] ?? [] } }

    private static func labels(_ labels: [MetricLabel]) -> String {
        guard !labels.isEmpty else { return "" }
        return "{" + labels.map { "\($0.name)=\"\(escaped($0.value, quote: true))\"" }.joined(separator: ",") + "}"
    }

    private static func escaped(_ text: String, quote: Bool) -> String {
        var escaped: String = ""
        for character: Character in text {
            switch character {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quote: escaped += "\\\""
            default: escaped.append(character)
            }
        }
        return escaped
    }

    private static func text(_ number: Double) -> String {
        if number.isNaN { return "NaN" }
        if number.isInfinite { return number > 0 ? "+Inf" : "-Inf" }
        if let whole = Int64(exactly: number) { return "\(whole)" }
        return "\(number)"
    }
}
