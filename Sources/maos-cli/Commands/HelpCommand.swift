/// `help`.
enum HelpCommand {
    private static let topic = Operand(
        "COMMAND", .optional, .suggestions(topics), "a command or the first word of several")
    private static let second = Operand("SUBCOMMAND", .optional, .text, "the command's second word")
    private static let everything = Flag("--all", "the whole reference, in Markdown")
    // Named, so that the declaration needs no list of commands, of which it is part.
    private static let topics: [String] = [
        "task", "agent", "token", "events", "health", "agent-script", "completion",
    ]

    static let command = Command(
        "help", "explain commands",
        operands: [topic, second], flags: [everything], needs: .nothing,
        examples: [
            Example("help task", "the commands about tasks"),
            Example("help task create", "one command, the same as task create --help"),
        ]
    ) { (invocation) throws(Failure) in
        guard !invocation.arguments.has(everything) else {
            return invocation.output.write(Reference(commands: Program.commands).text)
        }
        let words: [String] = [topic, second].compactMap { invocation.arguments.text($0) }
        try Help.show(words.flatMap { $0.split(separator: " ").map(String.init) }, on: invocation.output)
    }
}
