internal import MAOSCore
internal import MAOSSystem

/// All figures of a run, as a table and as JSON.
struct Report {
    private struct Entry {
        var scenario: Scenario
        var figures: [Figure]
        var failure: String?
    }

    private let machine: Machine
    private let options: Options
    private var entries: [Entry] = []

    init(machine: Machine, options: Options) {
        self.machine = machine
        self.options = options
    }

    /// Adds what a scenario brought.
    mutating func add(_ result: ScenarioResult) {
        entries.append(Entry(scenario: result.scenario, figures: result.figures))
    }

    /// Notes that a scenario could not be measured.
    mutating func addFailure(of scenario: Scenario, _ reason: String) {
        entries.append(Entry(scenario: scenario, figures: [], failure: reason))
    }

    /// Whether a scenario could not be measured.
    var hasFailures: Bool { entries.contains { $0.failure != nil } }

    // MARK: Table

    /// The figures in aligned columns.
    var table: String {
        var rows: [[String]] = [["scenario", "figure", "value", "yardstick", "", "ratio", "target", ""]]
        for entry: Entry in entries {
            for figure: Figure in entry.figures {
                let targets: [String] = figure.targets.map { figure.text(of: $0) }
                let verdicts: [String] = figure.targets.map { figure.reaches($0) ? "reached" : "missed" }
                rows.append([
                    entry.scenario.rawValue, figure.name, figure.unit.text(figure.value), figure.yardstick?.name ?? "",
                    figure.yardstick.map { figure.unit.text($0.values.median) } ?? "",
                    figure.ratio?.text(decimals: 2) ?? "", targets.joined(separator: ", "),
                    verdicts.joined(separator: ", "),
                ])
            }
            if let failure: String = entry.failure {
                rows.append([entry.scenario.rawValue, "not measured: \(failure)"] + Array(repeating: "", count: 6))
            }
        }
        let isRight: Set<Int> = [2, 4, 5]
        var widths = [Int](repeating: 0, count: 8)
        for row: [String] in rows where !row[1].hasPrefix("not measured") {
            for (column, text) in row.enumerated() { widths[column] = max(widths[column], text.count) }
        }
        let lines: [String] = rows.map { row in
            let cells: [String] = row.enumerated().map { column, text in
                isRight.contains(column) ? text.padded(leftTo: widths[column]) : text.padded(to: widths[column])
            }
            let line: String = cells.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
        return lines.joined(separator: "\n")
    }

    // MARK: JSON

    /// Writes the figures to a file.
    func write(to path: String) throws(SystemError) {
        var writer = JSONWriter(reservingCapacity: 16_384)
        writer.beginObject()
        writer.member("time", timestamp: machine.time)
        writer.beginObject("machine")
        writer.member("processor", machine.processor)
        writer.member("cores", machine.cores)
        writer.member("memoryBytes", machine.memory)
        writer.member("kernel", machine.kernel)
        writer.member("sqlite", machine.sqlite)
        writer.member("syncMicroseconds", machine.syncMicroseconds)
        writer.endObject()
        writer.member("runs", options.runs)
        writer.member("seconds", options.seconds)
        writer.member("connections", options.connections)
        writer.beginArray("scenarios")
        for entry: Entry in entries { Report.write(entry, to: &writer) }
        writer.endArray()
        writer.endObject()
        try TextFile.write(writer.take() + [UInt8(ascii: "\n")], to: path)
    }

    private static func write(_ entry: Entry, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("name", entry.scenario.rawValue)
        writer.memberIfPresent("failure", entry.failure)
        writer.beginArray("figures")
        for figure: Figure in entry.figures {
            writer.beginObject()
            writer.member("name", figure.name)
            writer.member("unit", figure.unit.rawValue)
            writer.member("value", figure.value)
            write("runs", figure.values, to: &writer)
            if let yardstick: Figure.Yardstick = figure.yardstick {
                writer.beginObject("yardstick")
                writer.member("name", yardstick.name)
                writer.member("value", yardstick.values.median)
                write("runs", yardstick.values, to: &writer)
                writer.endObject()
            }
            writer.memberIfPresent("ratio", figure.ratio)
            writer.beginArray("targets")
            for target: Figure.Target in figure.targets {
                writer.beginObject()
                writer.member("text", figure.text(of: target))
                writer.member("reached", figure.reaches(target))
                writer.endObject()
            }
            writer.endArray()
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
    }

    private static func write(_ name: String, _ values: [Double], to writer: inout JSONWriter) {
        writer.beginArray(name)
        for value: Double in values { writer.number(value) }
        writer.endArray()
    }
}
