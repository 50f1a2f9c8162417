internal import MAOSCore
internal import MAOSSystem

/// The commands about tasks, and what they share.
enum TaskCommands {
    static let all: [Command] = [
        TaskCreate.command, TaskGet.command, TaskList.command, TaskWatchCommand.command, TaskLogs.command,
        TaskWaiting.command, TaskCancel.command, TaskRetry.command, TaskPriority.command,
        TaskPause.command, TaskPause.resumeCommand,
    ]

    static let statuses: [String] = ["pending", "running", "completed", "failed", "cancelled"]

    static let id = Operand("ID", .one, .text, "the task's id")
    static let ids = Operand("ID", .many, .text, "the tasks' ids")

    /// A time of a reply: how long ago on a terminal, as it is elsewhere.
    static func time(_ milliseconds: Int64?, for channel: Channel) -> String {
        guard let milliseconds else { return "" }
        guard channel.isTerminal else { return ISO8601.string(milliseconds: milliseconds) }
        return DurationText.age(SystemClock.wallMilliseconds() - milliseconds)
    }

    static func percent(_ progress: Double) -> String {
        "\(progress.wholePercent)%"
    }
}
