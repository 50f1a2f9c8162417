internal import MAOSCore

/// Draws a snapshot: lines that fit a terminal, or a plain text that has everything.
package struct TopLayout: Sendable {
    /// What is drawn, and on what.
    package struct Frame: Sendable {
        /// The server.
        package var server: String
        /// The newest.
        package var snapshot: TopSnapshot
        /// The one before it, for what is told a second.
        package var before: TopSnapshot?
        package var order: TopOrder = .status
        package var isPaused: Bool = false
        /// Why there is nothing newer.
        package var trouble: String?

        /// A frame in the first order.
        package init(server: String, snapshot: TopSnapshot, before: TopSnapshot? = nil) {
            self.server = server
            self.snapshot = snapshot
            self.before = before
        }
    }

    private static let gap: String = "  "

    let columns: Int
    let rows: Int
    let hasColours: Bool
    let isUnicode: Bool

    /// Draws on a terminal of that size.
    package init(columns: Int, rows: Int, hasColours: Bool = false, isUnicode: Bool = true) {
        self.columns = max(1, columns)
        self.rows = max(1, rows)
        self.hasColours = hasColours
        self.isUnicode = isUnicode
    }

    // MARK: On a terminal

    /// At most as many lines as the terminal has rows, none wider than it.
    package func lines(_ frame: Frame) -> [String] {
        let shot: TopSnapshot = frame.snapshot
        var lines: [String] = heads(frame)
        let foot: Int = 1
        let left: Int = rows - lines.count - foot
        let agents: [TopSnapshot.Agent] = frame.order.sorted(shot.agents)
        let tasks: [TaskView] = TopLayout.sorted(shot.tasks)
        // A blank line and a head go with each table; a table takes the room that the other one does not need.
        let wanted: (agents: Int, tasks: Int) = (
            agents.isEmpty ? 0 : agents.count + 2, tasks.isEmpty ? 0 : tasks.count + 2
        )
        let half: Int = left / 2
        let forAgents: Int = min(wanted.agents, max(half, left - wanted.tasks))
        let forTasks: Int = min(wanted.tasks, left - forAgents)
        lines += section(agentTable(frame, agents), room: forAgents)
        lines += section(taskTable(shot, tasks), room: forTasks)
        if agents.isEmpty, tasks.isEmpty, left >= 2 {
            lines += ["", row([("nothing to do, and nobody to do it", .dim)])]
        }
        lines = Array(lines.prefix(rows - foot))
        lines += Array(repeating: "", count: rows - foot - lines.count)
        lines.append(self.foot(frame))
        return lines
    }

    private func foot(_ frame: Frame) -> String {
        if let trouble: String = frame.trouble {
            return styled(DisplayText.cut(DisplayText.line(trouble) + ", trying again", to: columns), .red)
        }
        var text: String = "q quit  s sort: \(frame.order.rawValue)  p \(frame.isPaused ? "go on" : "pause")"
        if frame.isPaused { text += "  paused" }
        return styled(DisplayText.cut(text, to: columns), .dim)
    }

    private func heads(_ frame: Frame) -> [String] {
        let shot: TopSnapshot = frame.snapshot
        var lines: [String] = [row(title(frame))]
        for trouble: String in shot.troubles.prefix(2) { lines.append(row([(DisplayText.line(trouble), .yellow)])) }
        if shot.host.isKnown { lines.append(row(host(frame))) }
        lines.append(row(work(shot)))
        return lines
    }

    private func section(_ table: [[Part]], room: Int) -> [String] {
        guard room >= 3 else { return [] }
        let shown: Int = room - 1
        guard table.count > shown, shown >= 3 else { return [""] + table.prefix(shown).map(row) }
        // Whoever sees a part should know that it is one; how many there are in all is said above.
        return [""] + table.prefix(shown - 1).map(row) + [row([("and more", .dim)])]
    }

    // MARK: As a text

    /// Everything there is, as wide as it is.
    package func text(_ frame: Frame) -> String {
        let wide = TopLayout(columns: .max, rows: .max, hasColours: hasColours, isUnicode: isUnicode)
        let shot: TopSnapshot = frame.snapshot
        var lines: [String] = wide.heads(frame)
        if !shot.agents.isEmpty {
            lines += [""] + wide.agentTable(frame, frame.order.sorted(shot.agents)).map(wide.row)
        }
        if !shot.tasks.isEmpty { lines += [""] + wide.taskTable(shot, TopLayout.sorted(shot.tasks)).map(wide.row) }
        return lines.map { $0 + "\n" }.joined()
    }

    // MARK: Lines

    fileprivate typealias Part = (text: String, style: Style?)

    private func title(_ frame: Frame) -> [Part] {
        let shot: TopSnapshot = frame.snapshot
        var parts: [Part] = [(DisplayText.line(frame.server), .bold)]
        if !shot.version.isEmpty { parts.append(("  " + DisplayText.line(shot.version), nil)) }
        if let uptime: Int64 = shot.uptime { parts.append(("  up " + DurationText.short(uptime), nil)) }
        if !shot.overall.isEmpty {
            parts.append(("  " + DisplayText.line(shot.overall), TaskView.style(of: shot.overall)))
        }
        return parts
    }

    private func host(_ frame: Frame) -> [Part] {
        let host: TopSnapshot.Host = frame.snapshot.host
        var parts: [Part] = []
        func add(_ text: String) { parts.append((parts.isEmpty ? text : TopLayout.gap + text, nil)) }
        if let ratio: Double = host.processor {
            add("cpu \(bar(ratio)) \(TopLayout.percent(ratio))" + (host.processors.map { " of \($0)" } ?? ""))
        }
        if let total: Double = host.memoryTotal, let free: Double = host.memoryAvailable, total > 0 {
            add("memory \(bar(1 - free / total)) \(TopLayout.size(total - free)) of \(TopLayout.size(total))")
        }
        if !host.loads.isEmpty { add("load " + host.loads.prefix(3).map(TopLayout.twoDigits).joined(separator: " ")) }
        if let disk: Double = host.disk {
            add("disk \(TopLayout.percent(disk))" + (host.diskFree.map { ", \(TopLayout.size($0)) free" } ?? ""))
        }
        if let before: TopSnapshot = frame.before, frame.snapshot.time > before.time {
            let seconds: Double = Double(frame.snapshot.time - before.time) / 1_000
            if let now: Double = host.received, let then: Double = before.host.received, now >= then {
                add("in \(TopLayout.size((now - then) / seconds))/s")
            }
            if let now: Double = host.sent, let then: Double = before.host.sent, now >= then {
                add("out \(TopLayout.size((now - then) / seconds))/s")
            }
        }
        return parts
    }

    private func work(_ shot: TopSnapshot) -> [Part] {
        func list(_ counts: [(status: String, count: Int)], _ what: String) -> [Part] {
            var parts: [Part] = [(what + " ", nil)]
            guard !counts.isEmpty else { return parts + [("none", .dim)] }
            for (place, count) in counts.enumerated() {
                let text: String = "\(count.count) \(DisplayText.line(count.status))"
                parts.append((place == 0 ? text : ", " + text, TaskView.style(of: count.status)))
            }
            return parts
        }
        return list(shot.agentCounts, "agents") + [("   ", nil)] + list(shot.taskCounts, "tasks")
    }

    /// Parts one behind the other, cut where the terminal ends.
    private func row(_ parts: [Part]) -> String {
        var line: String = ""
        var left: Int = columns
        for part in parts {
            guard left > 0 else { break }
            let cut: String = columns == .max ? part.text : cut(part.text, to: left)
            left -= columns == .max ? 0 : DisplayText.width(cut)
            line += styled(cut, part.style)
        }
        while line.hasSuffix(" ") { line.removeLast() }
        return line
    }

    // MARK: Tables

    private struct Column {
        let title: String
        var isNumeric = false
        /// The lowest goes first where the terminal is too narrow.
        var weight: Int
    }

    private func agentTable(_ frame: Frame, _ agents: [TopSnapshot.Agent]) -> [[Part]] {
        let columns: [Column] = [
            Column(title: "AGENT", weight: 9), Column(title: "TYPE", weight: 4), Column(title: "STATUS", weight: 8),
            Column(title: "TASKS", isNumeric: true, weight: 5), Column(title: "CPU%", isNumeric: true, weight: 7),
            Column(title: "MEMORY", isNumeric: true, weight: 6), Column(title: "DONE", isNumeric: true, weight: 3),
            Column(title: "FAILED", isNumeric: true, weight: 2), Column(title: "ID", weight: 1),
        ]
        let cells: [[Part]] = agents.map { agent in
            [
                (agent.name, nil), (agent.type, nil), (agent.status, TaskView.style(of: agent.status)),
                (String(agent.tasks), nil), (agent.processor.map(TopLayout.oneDigit) ?? "-", nil),
                (agent.memory.map { TopLayout.size(Double($0)) } ?? "-", nil),
                (agent.completed.map { String($0) } ?? "-", .dim), (agent.failed.map { String($0) } ?? "-", .dim),
                (agent.id, .dim),
            ]
        }
        return table(columns, cells)
    }

    private func taskTable(_ shot: TopSnapshot, _ tasks: [TaskView]) -> [[Part]] {
        let columns: [Column] = [
            Column(title: "TASK", weight: 2), Column(title: "STATUS", weight: 8),
            Column(title: "DONE", isNumeric: true, weight: 7), Column(title: "TIME", isNumeric: true, weight: 6),
            Column(title: "PRIORITY", weight: 3), Column(title: "TYPE", weight: 4), Column(title: "STEP", weight: 1),
            Column(title: "DESCRIPTION", weight: 9),
        ]
        let cells: [[Part]] = tasks.map { task in
            let start: Int64? = task.startedAt ?? task.createdAt
            return [
                (task.id, .dim), (task.status, TaskView.style(of: task.status)),
                (TaskCommands.percent(task.progress), nil),
                (start.map { DurationText.age(max(0, shot.time - $0)) } ?? "-", nil), (task.priority, nil),
                (task.kind, nil), (task.step, .dim), (task.description, nil),
            ]
        }
        return table(columns, cells)
    }

    /// What runs, the longest first, then what waits, the oldest first.
    private static func sorted(_ tasks: [TaskView]) -> [TaskView] {
        func rank(_ task: TaskView) -> Int {
            switch task.status {
            case "running": 0
            case "retrying", "paused", "awaiting_approval": 1
            default: 2
            }
        }
        return tasks.sorted { left, right in
            let ranks: (Int, Int) = (rank(left), rank(right))
            if ranks.0 != ranks.1 { return ranks.0 < ranks.1 }
            let begun: Int64 = left.startedAt ?? left.createdAt ?? .max
            let other: Int64 = right.startedAt ?? right.createdAt ?? .max
            return begun != other ? begun < other : left.id < right.id
        }
    }

    /// The head and the rows; columns go until the rest fits, and the last of them is cut.
    private func table(_ columns: [Column], _ rows: [[Part]]) -> [[Part]] {
        let safe: [[Part]] = rows.map { $0.map { (DisplayText.line($0.text), $0.style) } }
        let widths: [Int] = columns.indices.map { column in
            max(columns[column].title.count, safe.map { DisplayText.width($0[column].text) }.max() ?? 0)
        }
        var shown: [Int] = Array(columns.indices)
        func total(_ shown: [Int]) -> Int {
            // What can be cut needs little: the column that counts most.
            shown.reduce(0) { $0 + (columns[$1].weight == 9 ? min(widths[$1], 12) : widths[$1]) }
                + TopLayout.gap.count * (shown.count - 1)
        }
        while shown.count > 1, total(shown) > self.columns,
            let least: Int = shown.min(by: { columns[$0].weight < columns[$1].weight })
        {
            shown.removeAll { $0 == least }
        }
        var room: [Int: Int] = [:]
        if self.columns != .max, let main: Int = shown.first(where: { columns[$0].weight == 9 }) {
            let others: Int = shown.filter { $0 != main }.reduce(0) { $0 + widths[$1] + TopLayout.gap.count }
            room[main] = max(1, min(widths[main], self.columns - others))
        }
        func line(_ cells: [Part]) -> [Part] {
            var parts: [Part] = []
            for (place, column) in shown.enumerated() {
                let width: Int = room[column] ?? widths[column]
                let text: String = self.columns == .max ? cells[column].text : cut(cells[column].text, to: width)
                let space = String(repeating: " ", count: max(0, width - DisplayText.width(text)))
                if columns[column].isNumeric {
                    parts += [(space, nil), (text, cells[column].style)]
                } else {
                    parts.append((text, cells[column].style))
                    if place < shown.count - 1 { parts.append((space, nil)) }
                }
                if place < shown.count - 1 { parts.append((TopLayout.gap, nil)) }
            }
            return parts
        }
        return [line(columns.map { ($0.title, .bold) })] + safe.map(line)
    }

    // MARK: Texts

    private func styled(_ text: String, _ style: Style?) -> String {
        guard hasColours, let style, !text.isEmpty else { return text }
        return "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m"
    }

    private func cut(_ text: String, to width: Int) -> String {
        DisplayText.cut(text, to: width, ellipsis: isUnicode ? "…" : "~")
    }

    private func bar(_ ratio: Double) -> String {
        let width: Int = 10
        let filled: Int = min(width, max(0, Int((ratio * Double(width)).rounded())))
        let (full, empty): (String, String) = isUnicode ? ("█", "░") : ("#", "-")
        return String(repeating: full, count: filled) + String(repeating: empty, count: width - filled)
    }

    private static func percent(_ ratio: Double) -> String { "\(Int((ratio * 100).rounded())) %" }

    private static func oneDigit(_ number: Double) -> String { "\((number * 10).rounded() / 10)" }

    private static func twoDigits(_ number: Double) -> String {
        let hundredths = Int((number * 100).rounded())
        return "\(hundredths / 100).\(hundredths % 100 / 10)\(hundredths % 10)"
    }

    /// `512 B`, `1.5 KB`, `12 MB`.
    package static func size(_ bytes: Double) -> String {
        var (value, unit): (Double, Int) = (max(0, bytes), 0)
        let units: [String] = ["B", "KB", "MB", "GB", "TB", "PB"]
        while value >= 999.5, unit < units.count - 1 {
            value /= 1_024
            unit += 1
        }
        let text: String = unit == 0 || value >= 9.95 ? String(Int(value.rounded())) : "\((value * 10).rounded() / 10)"
        return "\(text) \(units[unit])"
    }
}
