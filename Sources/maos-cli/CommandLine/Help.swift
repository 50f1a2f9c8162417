/// What the program says of itself, made from the declarations.
enum Help {
    /// Explains a command, a group of commands, or, for no words, everything in short.
    ///
    /// - Throws: ``Failure`` of wrong usage if there is no such command.
    static func show(_ words: [String], on channel: Channel) throws(Failure) {
        guard !words.isEmpty else { return channel.write(overview(for: channel)) }
        if let command: Command = Program.commands.first(where: { $0.words == words }) {
            return channel.write(text(of: command, for: channel))
        }
        let name: String = words.joined(separator: " ")
        if let group = Program.groups.first(where: { $0.name == name }) {
            return channel.write(text(ofGroup: group.name, group.summary, for: channel))
        }
        let known: [String] = Program.commands.map(\.name) + Program.groups.map(\.name)
        throw .usage(
            "there is no command \"\(name)\"\(Nearest.hint(for: name, in: known))",
            hints: ["\(Program.name) help lists the commands"])
    }

    /// Everything in short.
    static func overview(for channel: Channel) -> String {
        var text: String = "\(channel.styled(Program.name, .bold)) \(Program.summary)\n\n"
        text += "usage: \(Program.name) COMMAND [FLAGS]\n"
        for group in Program.groups {
            text += "\n\(channel.styled(group.name, .bold)): \(group.summary)\n"
            text += list(Program.commands.filter { $0.words.first == group.name }, channel)
        }
        let single: [Command] = Program.commands.filter { $0.words.count == 1 }
        text += "\n" + channel.styled("more", .bold) + "\n" + list(single, channel)
        text += """

            \(channel.styled("exit codes", .bold)): 0 done, 1 the server said no or the work failed, 2 wrong usage, \
            3 no server answers
            "\(Program.name) COMMAND --help" explains a command with its flags and examples.

            """
        return text
    }

    private static func text(ofGroup name: String, _ summary: String, for channel: Channel) -> String {
        var text: String = "\(channel.styled(name, .bold)): \(summary)\n\n"
        text += list(Program.commands.filter { $0.words.first == name }, channel)
        text += "\n\"\(Program.name) \(name) COMMAND --help\" explains a command with its flags and examples.\n"
        return text
    }

    private static func list(_ commands: [Command], _ channel: Channel) -> String {
        let width: Int = Program.commands.map(\.name.count).max() ?? 0
        return commands.map { command in
            "  \(channel.styled(DisplayText.padded(command.name, to: width), .cyan))  \(command.summary)\n"
        }.joined()
    }

    private static func text(of command: Command, for channel: Channel) -> String {
        let columns: Int = min(100, channel.size.columns)
        var text: String = sentence(command.summary) + "\n\nusage: \(command.usage)\n"
        for paragraph: String in command.details {
            text += "\n" + DisplayText.wrapped(paragraph, to: columns).joined(separator: "\n") + "\n"
        }
        let operands: [(String, String)] = command.operands.map { ($0.name, $0.summary) }
        let own: [(String, String)] = command.flags.map { ($0.usage, $0.summary) }
        let common: [(String, String)] = (command.commonFlags + [CommonFlag.help]).map { ($0.usage, $0.summary) }
        let width: Int = min(28, (operands + own + common).map { DisplayText.width($0.0) }.max() ?? 0)
        for (title, entries) in [("what", operands), ("flags", own), ("common flags", common)] where !entries.isEmpty {
            text += "\n" + channel.styled(title, .bold) + "\n"
            for (name, summary) in entries { text += entry(name, summary, width, columns, channel) }
        }
        text += "\n" + channel.styled("examples", .bold) + "\n"
        for example: Example in command.examples {
            text += "  " + channel.styled("# \(example.meaning)", .dim) + "\n  \(Program.name) \(example.line)\n"
        }
        return text
    }

    private static func entry(
        _ name: String, _ summary: String, _ width: Int, _ columns: Int, _ channel: Channel
    ) -> String {
        let lines: [String] = DisplayText.wrapped(summary, to: max(30, columns - width - 4))
        var text: String = "  " + channel.styled(DisplayText.padded(name, to: width), .cyan)
        var isFirst: Bool = DisplayText.width(name) <= width
        if !isFirst { text += "\n" }
        for line: String in lines {
            text += (isFirst ? "" : "  " + String(repeating: " ", count: width)) + "  " + line + "\n"
            isFirst = false
        }
        return text
    }

    static func sentence(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() + "." }
}
