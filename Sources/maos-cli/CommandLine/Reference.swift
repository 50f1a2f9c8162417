/// The whole reference as Markdown: what `Docs/CLI.md` holds.
struct Reference {
    let commands: [Command]

    var text: String {
        var text: String = """
            # maos-cli

            <!-- Made by `maos-cli help --all`; a test compares the two. -->

            `maos-cli` \(Program.summary). `maos-cli help` lists the commands, and every command has `--help`.

            ## Connection

            | what | from |
            |---|---|
            | server | `--url`, else `MAOS_URL`, else `\(Endpoint.defaultURL)` |
            | token | `--token`, else `MAOS_TOKEN`, else the file `admin.token` in the data directory |
            | data directory | `--data`, else `MAOS_DATA`, else `$XDG_DATA_HOME/maos`, else `~/.local/share/maos` |

            These flags may stand before or after the command.

            ## Output

            Tables, aligned; on a terminal with colours (unless `NO_COLOR` is set) and cut to its width. Commands that make \
            something print its id alone. `--json` prints the data of the server's reply as one JSON document; commands that \
            print a stream, or take several ids, print one JSON document a line. Errors go to standard error: what failed, \
            each value that was wrong with what was expected, and what to do.

            | exit code | meaning |
            |---|---|
            | 0 | done |
            | 1 | the server said no, or the work failed |
            | 2 | wrong usage |
            | 3 | no server answers |

            Ctrl-C ends the program, never what the server does. Times are written `500ms`, `30s`, `5m`, `2h`, `1d`; a bare \
            number is milliseconds, as in the REST interface.

            ## Commands


            """
        text += commands.map { "- [\($0.name)](#\(Reference.anchor($0))): \($0.summary)\n" }.joined()
        for command: Command in commands { text += section(command) }
        text += "\n## Common flags\n\n| flag | meaning |\n|---|---|\n"
        for flag: Flag in CommonFlag.leading + [CommonFlag.help] { text += row(flag.usage, flag.summary) }
        return text
    }

    private static func anchor(_ command: Command) -> String {
        String(command.name.map { $0 == " " ? "-" : $0 })
    }

    private func section(_ command: Command) -> String {
        var text: String = "\n### \(command.name)\n\n\(Help.sentence(command.summary))\n\n```\n\(command.usage)\n```\n"
        for paragraph: String in command.details { text += "\n\(paragraph)\n" }
        if !command.operands.isEmpty || !command.flags.isEmpty {
            text += "\n| argument | meaning |\n|---|---|\n"
            for operand: Operand in command.operands { text += row(operand.name, operand.summary) }
            for flag: Flag in command.flags { text += row(flag.usage, flag.summary) }
        }
        text += "\n```sh\n"
        let width: Int = command.examples.map(\.line.count).max() ?? 0
        for example: Example in command.examples {
            let line: String = DisplayText.padded(example.line, to: width)
            text += "\(Program.name) \(line)  # \(example.meaning)\n"
        }
        return text + "```\n"
    }

    private func row(_ name: String, _ meaning: String) -> String {
        let safe = String(meaning.flatMap { $0 == "|" ? "\\|" : String($0) })
        return "| `\(name)` | \(safe) |\n"
    }
}
