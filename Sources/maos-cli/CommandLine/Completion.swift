/// Completion for shells, made from the declarations.
struct Completion {
    let commands: [Command]

    /// The words that may follow some words, with what they mean.
    private var nodes: [(path: [String], next: [(word: String, summary: String)])] {
        var nodes: [(path: [String], next: [(word: String, summary: String)])] = [([], [])]
        for command: Command in commands {
            for depth: Int in command.words.indices {
                let path = Array(command.words[..<depth])
                let word: String = command.words[depth]
                let isLast: Bool = depth == command.words.count - 1
                let summary: String =
                    isLast ? command.summary : Program.groups.first { $0.name == word }?.summary ?? command.summary
                if !nodes.contains(where: { $0.path == path }) { nodes.append((path, [])) }
                guard let place: Int = nodes.firstIndex(where: { $0.path == path }) else { continue }
                if !nodes[place].next.contains(where: { $0.word == word }) { nodes[place].next.append((word, summary)) }
            }
        }
        return nodes
    }

    private func isFileForm(_ form: ValueForm?) -> Bool {
        switch form {
        case .file?, .folder?: true
        default: false
        }
    }

    /// What may stand as a command's next operand: words, or a file.
    private func operandWords(_ command: Command) -> [String] {
        command.operands.flatMap { $0.arity == .rest ? [] : $0.form.offered }
    }

    private func takesFile(_ command: Command) -> Bool {
        command.operands.contains { isFileForm($0.form) || $0.arity == .rest }
    }

    // MARK: bash

    var bash: String {
        var text: String = """
            # bash completion for \(Program.name)
            _maos_cli() {
                local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} path="" word
                local i=1
                while [ "$i" -lt "$COMP_CWORD" ]; do
                    word=${COMP_WORDS[i]}
                    case $word in
                        --url|--token|--data) i=$((i + 1)) ;;
                        --) COMPREPLY=($(compgen -f -- "$current")); return ;;
                        -*) ;;
                        *) case "$path$word" in

            """
        let known: [String] = nodes.flatMap { node in node.next.map { (node.path + [$0.word]).joined(separator: " ") } }
        text += "                \(known.map { "\"\($0)\"" }.joined(separator: "|"))) path=\"$path$word \" ;;\n"
        text += """
                            esac ;;
                    esac
                    i=$((i + 1))
                done
                local words="" files=""
                case "${path% }|$previous" in

            """
        for command: Command in commands {
            for flag: Flag in command.allFlags where flag.form != nil {
                let offered: [String] = flag.form?.offered ?? []
                let reply: String =
                    isFileForm(flag.form) ? "files=1" : "words=\"\(offered.joined(separator: " "))\""
                text += "        \"\(command.name)|\(flag.name)\") \(reply) ;;\n"
            }
        }
        text += "        *) case \"${path% }\" in\n"
        for node in nodes {
            let words: String = node.next.map(\.word).joined(separator: " ")
            let flags: String = (CommonFlag.leading + [CommonFlag.help]).map(\.name).joined(separator: " ")
            text += "            \"\(node.path.joined(separator: " "))\") case $current in -*) words=\"\(flags)\" ;; "
            text += "*) words=\"\(words)\" ;; esac ;;\n"
        }
        for command: Command in commands {
            let flags: String = command.allFlags.map(\.name).joined(separator: " ")
            let operands: String = operandWords(command).joined(separator: " ")
            text += "            \"\(command.name)\") case $current in -*) words=\"\(flags)\" ;; "
            text += "*) words=\"\(operands)\"\(takesFile(command) ? "; files=1" : "") ;; esac ;;\n"
        }
        text += """
                    esac ;;
                esac
                COMPREPLY=($(compgen -W "$words" -- "$current"))
                [ -z "$files" ] || COMPREPLY+=($(compgen -f -- "$current"))
            }
            complete -o filenames -F _maos_cli \(Program.name)

            """
        return text
    }

    // MARK: zsh

    var zsh: String {
        func quoted(_ text: String) -> String {
            "'" + String(text.flatMap { $0 == "'" ? "'\\''" : String($0) }) + "'"
        }
        func escaped(_ text: String) -> String {
            String(text.flatMap { "[]:".contains($0) ? "\\\($0)" : String($0) })
        }
        func action(_ form: ValueForm?) -> String {
            switch form {
            case .file?: "_files"
            case .folder?: "_files -/"
            case let form?: form.offered.isEmpty ? " " : "(\(form.offered.joined(separator: " ")))"
            case nil: ""
            }
        }
        var text: String = "#compdef \(Program.name)\n\n_maos_cli() {\n    local so_far=\"\" word\n"
        text += "    local -i i\n    for (( i = 2; i < CURRENT; i++ )); do\n        word=$words[i]\n"
        text += "        case $word in\n            --url|--token|--data) (( i++ )) ;;\n            -*) ;;\n"
        let known: [String] = nodes.flatMap { node in node.next.map { (node.path + [$0.word]).joined(separator: " ") } }
        text += "            *) case \"$so_far$word\" in\n                "
        text += known.map { "\"\($0)\"" }.joined(separator: "|") + ") so_far=\"$so_far$word \" ;;\n"
        text += "            esac ;;\n        esac\n    done\n    local -a next\n    case \"${so_far% }\" in\n"
        for node in nodes {
            let next: String = node.next.map { quoted("\(escaped($0.word)):\($0.summary)") }.joined(separator: " ")
            text += "        \"\(node.path.joined(separator: " "))\") next=(\(next)); _describe command next ;;\n"
        }
        for command: Command in commands {
            var lines: [String] = []
            for flag: Flag in command.allFlags {
                let name: String = (flag.repeats ? "*" : "") + flag.name
                let value: String = flag.form == nil ? "" : ":\(escaped(flag.placeholder)):\(action(flag.form))"
                lines.append(quoted("\(name)[\(escaped(flag.summary))]\(value)"))
            }
            let words: [String] = operandWords(command)
            let operand: String =
                takesFile(command) ? "_files" : words.isEmpty ? " " : "(\(words.joined(separator: " ")))"
            lines.append(quoted("*:argument:\(operand)"))
            text += "        \"\(command.name)\") _arguments \(lines.joined(separator: " ")) ;;\n"
        }
        return text + "    esac\n}\n\n_maos_cli \"$@\"\n"
    }

    // MARK: fish

    var fish: String {
        func quoted(_ text: String) -> String {
            "'" + String(text.flatMap { $0 == "'" || $0 == "\\" ? "\\\($0)" : String($0) }) + "'"
        }
        func seen(_ words: [String]) -> String {
            words.map { "__fish_seen_subcommand_from \($0)" }.joined(separator: "; and ")
        }
        var text: String = "# fish completion for \(Program.name)\ncomplete -c \(Program.name) -f\n"
        for node in nodes {
            let words: String = node.next.map(\.word).joined(separator: " ")
            let condition: String =
                node.path.isEmpty
                ? "__fish_use_subcommand" : seen(node.path) + "; and not __fish_seen_subcommand_from \(words)"
            for next in node.next {
                text +=
                    "complete -c \(Program.name) -n \(quoted(condition)) -a \(next.word) -d \(quoted(next.summary))\n"
            }
        }
        for command: Command in commands {
            let condition: String = quoted(seen(command.words))
            for flag: Flag in command.allFlags {
                text += "complete -c \(Program.name) -n \(condition) -l \(flag.name.dropFirst(2))"
                if let letter: Character = flag.letter { text += " -s \(letter)" }
                if let form: ValueForm = flag.form {
                    text += isFileForm(form) ? " -r -F" : " -x"
                    if !form.offered.isEmpty { text += " -a \(quoted(form.offered.joined(separator: " ")))" }
                }
                text += " -d \(quoted(flag.summary))\n"
            }
            let words: [String] = operandWords(command)
            if !words.isEmpty {
                text += "complete -c \(Program.name) -n \(condition) -a \(quoted(words.joined(separator: " ")))\n"
            }
            if takesFile(command) { text += "complete -c \(Program.name) -n \(condition) -F\n" }
        }
        return text
    }
}
