/// The program as a whole.
enum Program {
    static let name: String = "maos-cli"
    static let version: String = "0.1.0"
    static let summary: String = "gives work to a MAOS server, and watches it being done"

    /// Every command, in the order of help.
    static let commands: [Command] =
        TaskCommands.all + AgentCommands.all + ScheduleCommands.all + PoolCommands.all + ResourceCommands.all
        + QuotaCommands.all
        + DeadLetterCommands.all + BudgetCommands.all
        + WorkflowCommands.all + ExecutionCommands.all + ApprovalCommands.all
        + [
            AttachCommand.command, TopCommand.command, EventsCommand.command, HealthCommand.command,
            MetricsCommand.command,
        ]
        + TokenCommands.all + KeyCommands.all + [
            AgentScriptCommand.command, CompletionCommand.command, HelpCommand.command,
        ]

    /// What the groups of commands are for.
    static let groups: [(name: String, summary: String)] = [
        ("task", "give work, watch it and change its course"),
        ("agent", "start, see and end those who do the work"),
        ("budget", "limit what projects may use"),
        ("dead-letter", "see to tasks that used up their attempts"),
        ("pool", "keep as many agents as are needed"),
        ("resource", "see and take what the host has"),
        ("quota", "limit what users, teams and projects may have"),
        ("schedule", "have work done at given times"),
        ("workflow", "have work done in steps that depend on each other"),
        ("execution", "watch a workflow being done and change its course"),
        ("approval", "answer what workflows ask people"),
        ("token", "make tokens, without asking the server"),
        ("key", "make and revoke the keys that programs bear"),
    ]

    /// Runs the program; returns its exit code.
    static func run(_ arguments: [String]) -> Int32 {
        do throws(Failure) {
            guard !arguments.isEmpty else {
                Channel.errors.write(Help.overview(for: .errors))
                return Failure.ExitCode.usage.rawValue
            }
            switch try Parser(commands: commands).parse(arguments) {
            case .version: Channel.output.line("\(name) \(version)")
            case .help(let words): try Help.show(words, on: .output)
            case .run(let command, let arguments):
                try command.run(Invocation(command: command, arguments: arguments))
            }
            return 0
        } catch {
            Channel.errors.write(error.text(for: .errors))
            return error.code.rawValue
        }
    }
}
