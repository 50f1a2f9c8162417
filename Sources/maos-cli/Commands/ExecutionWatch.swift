internal import MAOSCore
internal import MAOSProtocols

/// An execution's steps as lines: each below the step that holds it.
struct ExecutionTree {
    private let data: JSONValue
    private let channel: Channel

    init(_ data: JSONValue, _ channel: Channel) {
        self.data = data
        self.channel = channel
    }

    /// A line in pieces, so that it can be cut before it is styled.
    private struct Line {
        var pieces: [(text: String, style: Style?)] = []

        mutating func add(_ text: String, _ style: Style? = nil) { pieces.append((DisplayText.line(text), style)) }

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

    /// The head and a line a step; the last ones where there is room for so many only.
    func lines(atMost limit: Int = .max) -> [String] {
        let status: String = data["status"]?.stringValue ?? "?"
        var head = Line()
        head.add(data["name"]?.stringValue ?? "", .bold)
        head.add("  " + status, WorkflowCommands.style(of: status))
        head.add("  " + TaskCommands.percent(data["progress"]?.doubleValue ?? 0))
        head.add("  " + (data["id"]?.stringValue ?? ""), .dim)
        let steps: [JSONValue] = data["steps"]?.arrayValue ?? []
        var children: [Int: [Int]] = [:]
        for (index, step) in steps.enumerated() { children[step["scope"]?.intValue ?? 0, default: []].append(index) }
        var shown: [Line] = []
        append(children[0] ?? [], steps, children, depth: 1, to: &shown)
        var lines: [Line] = [head]
        if shown.count > limit {
            var note = Line()
            note.add("  \(shown.count - limit) earlier lines", .dim)
            lines.append(note)
            shown = Array(shown.suffix(limit))
        }
        lines += shown
        if let error: String = data["error"]?.stringValue {
            var line = Line()
            line.add(error, .red)
            lines.append(line)
        }
        return lines.map { $0.text(for: channel) }
    }

    private func append(
        _ indices: [Int], _ steps: [JSONValue], _ children: [Int: [Int]], depth: Int, to lines: inout [Line]
    ) {
        for index: Int in indices {
            let step: JSONValue = steps[index]
            let status: String = step["status"]?.stringValue ?? "?"
            let kind: String = step["type"]?.stringValue ?? ""
            var line = Line()
            line.add(String(repeating: "  ", count: depth))
            line.add(mark(of: status), WorkflowCommands.style(of: status))
            line.add(" ")
            if let round: Int = step["iteration"]?.intValue { line.add("[\(round)] ", .dim) }
            line.add(step["stepId"]?.stringValue ?? "?")
            if kind != "task" { line.add("  \(kind)", .dim) }
            if step["compensation"]?.boolValue == true { line.add("  undone", .dim) }
            if let attempt: Int = step["attempt"]?.intValue, attempt > 1 { line.add("  attempt \(attempt)") }
            if status == "running", step["taskId"] == nil, let approval: String = step["approvalId"]?.stringValue {
                line.add("  waits for approval \(approval)", .yellow)
            }
            if let error: String = step["error"]?.stringValue { line.add("  " + error, .red) }
            lines.append(line)
            guard let ordinal: Int = step["ordinal"]?.intValue else { continue }
            append(children[ordinal] ?? [], steps, children, depth: depth + 1, to: &lines)
        }
    }

    private func mark(of status: String) -> String {
        let sign: String
        switch status {
        case "completed": sign = "✓"
        case "failed": sign = "✗"
        case "running": sign = "▸"
        case "cancelled": sign = "■"
        case "skipped": sign = "-"
        default: sign = "·"
        }
        return channel.isTerminal ? sign : DisplayText.padded(status, to: 9)
    }
}

/// Shows executions as they go on: a tree that is drawn again in place, or a line for each change.
struct ExecutionWatch {
    private static let ended: Set<String> = ["completed", "failed", "cancelled"]

    private let server: Server
    private let invocation: Invocation

    init(_ server: Server, _ invocation: Invocation) {
        self.server = server
        self.invocation = invocation
    }

    /// Watches until all have ended; fails unless all complete.
    func run(_ ids: [String]) throws(Failure) {
        let block: LiveBlock? = invocation.output.isLive && !invocation.wantsJSON ? LiveBlock(invocation.output) : nil
        var printed: [String: String] = [:]
        var wait: Int64 = 100
        while true {
            var all: [JSONValue] = []
            for id: String in ids {
                all.append(
                    try server.call("get the execution \(id)", .get, APIPath("executions", id).text).data)
            }
            let isOver: Bool = all.allSatisfy { ExecutionWatch.ended.contains($0["status"]?.stringValue ?? "") }
            if let block {
                let room: Int = max(4, (invocation.output.size.rows - 2) / ids.count - 2)
                block.show(
                    all.flatMap { ExecutionTree($0, invocation.output).lines(atMost: isOver ? .max : room) })
            } else {
                for data: JSONValue in all { printChanges(data, &printed) }
            }
            if isOver {
                block?.finish()
                guard all.allSatisfy({ $0["status"]?.stringValue == "completed" }) else { throw .shown(.refused) }
                return
            }
            Pause.milliseconds(wait)
            wait = min(500, wait + 50)
        }
    }

    private func printChanges(_ data: JSONValue, _ printed: inout [String: String]) {
        let id: String = data["id"]?.stringValue ?? "?"
        if invocation.wantsJSON {
            let text: String = JSONText(data).description
            if printed.updateValue(text, forKey: id) != text { invocation.output.line(text) }
            return
        }
        for step: JSONValue in data["steps"]?.arrayValue ?? [] {
            guard let ordinal: Int = step["ordinal"]?.intValue, let status: String = step["status"]?.stringValue else {
                continue
            }
            let change: String = "\(status) \(step["attempt"]?.intValue ?? 0)"
            guard printed.updateValue(change, forKey: "\(id)/\(ordinal)") != change else { continue }
            let round: String = step["iteration"]?.intValue.map { "[\($0)]" } ?? ""
            let error: String = step["error"]?.stringValue.map { "  " + DisplayText.line($0) } ?? ""
            let question: String =
                status == "running" && step["taskId"] == nil
                ? step["approvalId"]?.stringValue.map { "  waits for approval \($0)" } ?? "" : ""
            invocation.output.line("\(id)  \(step["stepId"]?.stringValue ?? "?")\(round)  \(status)\(question)\(error)")
        }
        let status: String = data["status"]?.stringValue ?? "?"
        guard printed.updateValue(status, forKey: id) != status else { return }
        let error: String = data["error"]?.stringValue.map { "  " + DisplayText.line($0) } ?? ""
        invocation.output.line("\(id)  \(status)\(error)")
    }
}
