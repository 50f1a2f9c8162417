internal import MAOSCore
internal import MAOSSystem

/// An execution's steps as a tree of lines: each below the step that holds it.
struct ExecutionTree {
    private let data: JSONValue
    private let tasks: StepTasks
    private let channel: Channel
    private let steps: [JSONValue]
    /// Places of steps by the ordinal of the step that holds them; 0 for the execution's own.
    private let children: [Int: [Int]]

    /// A step's place in the tree.
    private struct Entry {
        let index: Int
        /// The lines that lead to it from above: whether more follows at each level, its own last.
        let follows: [Bool]
        /// How many steps below it are not shown.
        var folded: Int = 0
    }

    /// A line in pieces, so that it can be cut before it is styled.
    private struct Line {
        var pieces: [(text: String, style: Style?)] = []
        var width: Int = 0

        mutating func add(_ text: String, _ style: Style? = nil) {
            let safe: String = DisplayText.line(text)
            pieces.append((safe, style))
            width += DisplayText.width(safe)
        }

        mutating func pad(to columns: Int) {
            guard width < columns else { return }
            add(String(repeating: " ", count: columns - width))
        }

        func text(for channel: Channel) -> String {
            var left: Int = channel.isTerminal ? channel.size.columns - 1 : .max
            var text: String = ""
            for piece in pieces where left > 0 {
                let isCut: Bool = left != .max && DisplayText.width(piece.text) > left
                let shown: String = isCut ? DisplayText.cut(piece.text, to: left) : piece.text
                if left != .max { left -= DisplayText.width(shown) }
                text += channel.styled(shown, piece.style)
            }
            return text
        }
    }

    /// Takes an execution as the server describes it.
    init(_ data: JSONValue, _ tasks: StepTasks, _ channel: Channel) {
        self.data = data
        self.tasks = tasks
        self.channel = channel
        steps = data["steps"]?.arrayValue ?? []
        var children: [Int: [Int]] = [:]
        for (index, step) in steps.enumerated() { children[step["scope"]?.intValue ?? 0, default: []].append(index) }
        self.children = children
    }

    /// The head and a line a step; where there is room for so many only, what has ended is folded first.
    func lines(atMost limit: Int = .max, tick: Int = 0) -> [String] {
        var entries: [Entry] = []
        append(0, [], folding: false, to: &entries)
        if entries.count > limit {
            entries = []
            append(0, [], folding: true, to: &entries)
        }
        var hidden: Int = 0
        if entries.count > limit {
            // What has ended well is the least of interest, the oldest of it first.
            var excess: Int = entries.count - limit + 1
            hidden = excess
            entries.removeAll { entry in
                guard excess > 0, isEnded(steps[entry.index]) else { return false }
                excess -= 1
                return true
            }
            entries.removeFirst(min(excess, entries.count))
        }
        tasks.learn(of: entries.map { steps[$0.index] })
        var lines: [Line] = [head()]
        if hidden > 0 {
            var note = Line()
            note.add("  \(hidden) more that ended or wait", .dim)
            lines.append(note)
        }
        let left: [Line] = entries.map { name(of: $0, tick: tick) }
        let width: Int = min(left.map(\.width).max() ?? 0, channel.isTerminal ? channel.size.columns / 2 : .max)
        for (entry, start) in zip(entries, left) {
            var line: Line = start
            addCourse(of: entry, to: &line, from: width)
            lines.append(line)
        }
        if let error: String = data["error"]?.stringValue {
            var line = Line()
            line.add(error, .red)
            lines.append(line)
        }
        return lines.map { $0.text(for: channel) }
    }

    private func append(_ scope: Int, _ above: [Bool], folding: Bool, to entries: inout [Entry]) {
        let places: [Int] = children[scope] ?? []
        for (number, index) in places.enumerated() {
            var entry = Entry(index: index, follows: above + [number < places.count - 1])
            if let ordinal: Int = steps[index]["ordinal"]?.intValue, let below: [Int] = children[ordinal] {
                guard folding, isEnded(steps[index]) else {
                    entries.append(entry)
                    append(ordinal, entry.follows, folding: folding, to: &entries)
                    continue
                }
                entry.folded = below.count
            }
            entries.append(entry)
        }
    }

    private func isEnded(_ step: JSONValue) -> Bool {
        let status: String = step["status"]?.stringValue ?? ""
        return status == "completed" || status == "skipped"
    }

    // MARK: Parts of lines

    private func head() -> Line {
        let status: String = data["status"]?.stringValue ?? "?"
        var head = Line()
        head.add(data["name"]?.stringValue ?? "", .bold)
        head.add("  " + status, WorkflowCommands.style(of: status))
        head.add("  " + TaskCommands.percent(data["progress"]?.doubleValue ?? 0))
        if let time: String = ExecutionTree.elapsed(data) { head.add("  " + time) }
        head.add("  " + (data["id"]?.stringValue ?? ""), .dim)
        return head
    }

    private func name(of entry: Entry, tick: Int) -> Line {
        let step: JSONValue = steps[entry.index]
        let kind: String = step["type"]?.stringValue ?? ""
        let status: String = step["status"]?.stringValue ?? "?"
        var line = Line()
        line.add(branches(entry.follows), .dim)
        line.add(mark(of: status, tick) + " ", WorkflowCommands.style(of: status))
        if let round: Int = step["iteration"]?.intValue { line.add("[\(round)] ", .dim) }
        line.add(step["stepId"]?.stringValue ?? "?")
        if kind != "task" { line.add("  \(kind)", .dim) }
        if step["compensation"]?.boolValue == true { line.add("  undone", .dim) }
        return line
    }

    /// How it went, in columns: how long it took, who did it, and what is to be said of it.
    private func addCourse(of entry: Entry, to line: inout Line, from column: Int) {
        let step: JSONValue = steps[entry.index]
        let status: String = step["status"]?.stringValue ?? "?"
        let task: TaskView? = step["taskId"]?.stringValue.flatMap { tasks.task($0) }
        line.pad(to: column)
        line.add("  " + DisplayText.padded(ExecutionTree.elapsed(step) ?? "", to: 6), .dim)
        if let task, !task.agent.isEmpty { line.add("  " + DisplayText.padded(tasks.agentName(task.agent), to: 9)) }
        if let attempt: Int = step["attempt"]?.intValue, attempt > 1 { line.add("  attempt \(attempt)") }
        if entry.folded > 0 { line.add("  \(entry.folded) below", .dim) }
        if status == "running", let task, task.status == "running" {
            if task.progress > 0 { line.add("  " + TaskCommands.percent(task.progress)) }
            if !task.step.isEmpty { line.add("  " + task.step) }
        } else if status == "running", step["taskId"] == nil, let approval: String = step["approvalId"]?.stringValue {
            line.add("  waits for approval \(approval)", .yellow)
        } else if step["type"]?.stringValue == "decision", let result: Bool = step["result"]?.boolValue {
            line.add("  \(result)")
        }
        if let error: String = step["error"]?.stringValue { line.add("  " + error, .red) }
    }

    private func branches(_ follows: [Bool]) -> String {
        guard let isFollowed: Bool = follows.last, follows.count > 1 else { return "" }
        let isUnicode: Bool = channel.isTerminal && Channel.isUnicode
        var text: String = ""
        for isOpen: Bool in follows.dropFirst().dropLast() { text += isOpen ? (isUnicode ? "│ " : "| ") : "  " }
        return text + (isUnicode ? (isFollowed ? "├ " : "└ ") : (isFollowed ? "|-" : "`-"))
    }

    private func mark(of status: String, _ tick: Int) -> String {
        guard channel.isTerminal else { return DisplayText.padded(status, to: 9) }
        let isUnicode: Bool = Channel.isUnicode
        switch status {
        case "completed": return isUnicode ? "✓" : "+"
        case "failed": return isUnicode ? "✗" : "x"
        case "running":
            let frames: [String] = TaskProgress.frames
            return frames[tick % frames.count]
        case "cancelled": return isUnicode ? "⊘" : "-"
        case "skipped": return "-"
        default: return isUnicode ? "·" : "."
        }
    }

    /// How long something has taken so far, or took; nil if it has not started.
    static func elapsed(_ value: JSONValue) -> String? {
        guard let start: Int64 = value["startTime"]?.stringValue.flatMap({ ISO8601.parse($0) }) else { return nil }
        let end: Int64? = value["endTime"]?.stringValue.flatMap { ISO8601.parse($0) }
        return DurationText.short((end ?? SystemClock.wallMilliseconds()) - start)
    }
}
