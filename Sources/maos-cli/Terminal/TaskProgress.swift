internal import MAOSSystem

/// Shows how far tasks are: a line each that is drawn again in place, or, where that cannot be, a line for each change.
final class TaskProgress {
    /// How often the lines are drawn again while nothing happens, in milliseconds.
    static let frame: Int = 100
    /// What turns while something runs.
    static let frames: [String] =
        Channel.isUnicode ? ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"] : ["|", "/", "-", "\\"]

    private let channel: Channel
    private let block: LiveBlock?
    private var labels: [String: String] = [:]
    private var shown: [String: String] = [:]
    private var notice: String?
    private var tick: Int = 0

    init(_ channel: Channel) {
        self.channel = channel
        block = channel.isLive ? LiveBlock(channel) : nil
    }

    /// How long to wait for news before ``show(_:trouble:)`` is called again, in milliseconds.
    var patience: Int { block == nil ? 1_000 : TaskProgress.frame }

    /// Names a task in its line; its id does otherwise.
    func setLabel(_ label: String, of id: String) { labels[id] = DisplayText.line(label) }

    /// Shows the tasks as they are now.
    func show(_ tasks: [TaskView], trouble: String?) {
        guard let block else { return showChanges(tasks, trouble) }
        tick += 1
        let size: (columns: Int, rows: Int) = channel.size
        var visible: [TaskView] = tasks
        let room: Int = max(3, size.rows - 3)
        var hidden: Int = 0
        if tasks.count > room {
            // What moves is worth more than what has ended or waits.
            let order: [TaskView] =
                tasks.filter { !$0.isTerminal && $0.progress + Double($0.attempt) > 0 }
                + tasks.filter { !$0.isTerminal && $0.progress + Double($0.attempt) <= 0 } + tasks.filter(\.isTerminal)
            visible = Array(order.prefix(room))
            hidden = tasks.count - room
        }
        let width: Int = visible.map { DisplayText.width(label($0)) }.max() ?? 0
        var lines: [String] = visible.map { line($0, labelWidth: min(width, size.columns / 2), columns: size.columns) }
        if hidden > 0 {
            let ended: Int = tasks.count { $0.isTerminal }
            lines.append(channel.styled("  and \(hidden) more; \(ended) of \(tasks.count) have ended", .dim))
        }
        if let trouble {
            lines.append(channel.styled(DisplayText.cut("  \(trouble), trying again", to: size.columns - 1), .yellow))
        }
        block.show(lines)
    }

    /// Writes something above the lines.
    func above(_ write: () -> Void) {
        block?.clear()
        write()
    }

    /// Leaves the lines as they are.
    func finish() { block?.finish() }

    private func label(_ task: TaskView) -> String { labels[task.id] ?? task.id }

    // MARK: In place

    private func line(_ task: TaskView, labelWidth: Int, columns: Int) -> String {
        let (mark, style): (String, Style?) = mark(task)
        let name: String = DisplayText.padded(DisplayText.cut(label(task), to: labelWidth), to: labelWidth)
        var parts: [(text: String, style: Style?)] = [(mark, style), (" \(name)  ", nil)]
        let status: String = DisplayText.padded(DisplayText.line(task.status), to: 9)
        parts.append((status, TaskView.style(of: task.status)))
        parts.append(("  \(bar(task.progress)) \(percent(task))", task.isTerminal ? .dim : nil))
        parts.append(("  " + elapsed(task), .dim))
        let remark: String = task.isTerminal ? task.error : task.step
        if !remark.isEmpty { parts.append(("  " + DisplayText.line(remark), task.error.isEmpty ? nil : .red)) }
        var left: Int = columns - 1
        var line: String = ""
        for part in parts {
            let cut: String = DisplayText.cut(part.text, to: left)
            left -= DisplayText.width(cut)
            line += channel.styled(cut, part.style)
            guard left > 0 else { break }
        }
        return line
    }

    private func mark(_ task: TaskView) -> (String, Style?) {
        let isUnicode: Bool = Channel.isUnicode
        switch task.status {
        case "completed": return (isUnicode ? "✓" : "+", .green)
        case "failed": return (isUnicode ? "✗" : "x", .red)
        case "cancelled": return (isUnicode ? "⊘" : "-", .dim)
        case "running", "assigned":
            return (TaskProgress.frames[tick % TaskProgress.frames.count], .cyan)
        default: return (isUnicode ? "·" : ".", .dim)
        }
    }

    private func bar(_ progress: Double) -> String {
        let width: Int = 10
        let filled: Int = min(width, max(0, Int((progress * Double(width)).rounded())))
        let (full, empty): (String, String) = Channel.isUnicode ? ("█", "░") : ("#", "-")
        return String(repeating: full, count: filled) + String(repeating: empty, count: width - filled)
    }

    private func percent(_ task: TaskView) -> String {
        let text: String = TaskCommands.percent(task.progress)
        return String(repeating: " ", count: 4 - text.count) + text
    }

    private func elapsed(_ task: TaskView) -> String {
        guard let start: Int64 = task.startedAt else { return DisplayText.padded("", to: 6) }
        let end: Int64 = task.finishedAt ?? SystemClock.wallMilliseconds()
        return DisplayText.padded(DurationText.short(end - start), to: 6)
    }

    // MARK: A line for each change

    private func showChanges(_ tasks: [TaskView], _ trouble: String?) {
        let width: Int = tasks.map { DisplayText.width(label($0)) }.max() ?? 0
        for task: TaskView in tasks where !task.status.isEmpty {
            var line: String = DisplayText.padded(label(task), to: width)
            line += "  " + DisplayText.padded(DisplayText.line(task.status), to: 9) + "  " + percent(task)
            let remark: String = task.isTerminal ? task.error : task.step
            if !remark.isEmpty { line += "  " + DisplayText.line(remark) }
            guard shown[task.id] != line else { continue }
            shown[task.id] = line
            channel.line(line)
        }
        if notice != trouble, let trouble { channel.line("\(trouble), trying again") }
        notice = trouble
    }
}
