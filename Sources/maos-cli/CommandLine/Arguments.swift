internal import MAOSCore

/// What was given on the command line, checked against the declarations.
struct Arguments: Sendable {
    private var values: [String: [String]] = [:]
    private var operands: [String: [String]] = [:]
    /// What stood after `--`; nil if there was no `--`.
    fileprivate(set) var rest: [String]?

    fileprivate mutating func add(_ flag: Flag, _ value: String) { values[flag.name, default: []].append(value) }
    fileprivate mutating func add(_ operand: Operand, _ value: String) {
        operands[operand.name, default: []].append(value)
    }
    fileprivate func count(of operand: Operand) -> Int { operands[operand.name]?.count ?? 0 }

    /// Whether a flag was given.
    func has(_ flag: Flag) -> Bool { values[flag.name] != nil }

    /// A flag's text.
    func text(_ flag: Flag) -> String? { values[flag.name]?.last }

    /// All texts of a flag that may be repeated.
    func texts(_ flag: Flag) -> [String] { values[flag.name] ?? [] }

    /// A flag's number.
    func number(_ flag: Flag) -> Int? { text(flag).flatMap { Int($0) } }

    /// A flag's length of time, in milliseconds.
    func milliseconds(_ flag: Flag) -> Int64? { text(flag).flatMap(DurationText.milliseconds) }

    /// The pairs of a flag, in their order.
    func pairs(_ flag: Flag) -> JSONObject {
        var object = JSONObject()
        for text: String in texts(flag) {
            guard let equals: String.Index = text.firstIndex(of: "=") else { continue }
            object[String(text[..<equals])] = .string(String(text[text.index(after: equals)...]))
        }
        return object
    }

    /// An operand's text; nil if it is optional and was not given.
    func text(_ operand: Operand) -> String? { operands[operand.name]?.first }

    /// All texts of an operand.
    func texts(_ operand: Operand) -> [String] { operands[operand.name] ?? [] }
}

/// What the command line asks for.
enum Request: Sendable {
    case run(Command, Arguments)
    /// The words of a command or a group; empty for everything.
    case help([String])
    case version
}

/// Reads a command line by the declarations.
struct Parser {
    let commands: [Command]

    /// Reads arguments, without the program's name.
    ///
    /// - Throws: ``Failure`` of wrong usage, with what was meant where that can be guessed.
    func parse(_ arguments: [String]) throws(Failure) -> Request {
        var taken = Arguments()
        var words: [String] = []
        var index: Int = 0
        while index < arguments.count {
            let argument: String = arguments[index]
            if argument == "--version", words.isEmpty { return .version }
            if argument == "--help" || argument == "-h" { return .help(words) }
            if argument.hasPrefix("-"), argument != "-" {
                index = try takeFlag(arguments, at: index, of: CommonFlag.leading, command: nil, into: &taken)
                continue
            }
            words.append(argument)
            index += 1
            if let command: Command = commands.first(where: { $0.words == words }) {
                return try parse(command, Array(arguments[index...]), taken)
            }
            guard commands.contains(where: { $0.words.starts(with: words) }) else { throw unknown(words) }
        }
        guard !words.isEmpty else {
            throw .usage("say what to do", hints: ["\(Program.name) help lists the commands"])
        }
        throw .usage(
            "\(words.joined(separator: " ")) needs a command: " + continuations(of: words).joined(separator: ", "),
            hints: ["\(Program.name) help \(words.joined(separator: " ")) explains them"])
    }

    private func parse(_ command: Command, _ arguments: [String], _ leading: Arguments) throws(Failure) -> Request {
        var taken: Arguments = leading
        var index: Int = 0
        while index < arguments.count {
            let argument: String = arguments[index]
            if argument == "--" {
                let rest: [String] = Array(arguments[(index + 1)...])
                if command.operands.contains(where: { $0.arity == .rest }) {
                    taken.rest = rest
                } else {
                    for text: String in rest { try takeOperand(text, of: command, into: &taken) }
                }
                break
            }
            if argument == "--help" || argument == "-h" { return .help(command.words) }
            if argument.hasPrefix("-"), argument != "-" {
                index = try takeFlag(arguments, at: index, of: command.allFlags, command: command, into: &taken)
            } else {
                try takeOperand(argument, of: command, into: &taken)
                index += 1
            }
        }
        for operand: Operand in command.operands where operand.arity == .one || operand.arity == .many {
            guard taken.count(of: operand) > 0 else {
                throw .usage("\(command.name): \(operand.name) is missing", hints: hints(for: command))
            }
        }
        return .run(command, taken)
    }

    private func takeOperand(_ text: String, of command: Command, into taken: inout Arguments) throws(Failure) {
        let open: Operand? = command.operands.first { operand in
            switch operand.arity {
            case .one, .optional: taken.count(of: operand) == 0
            case .many, .any: true
            case .rest: false
            }
        }
        guard let operand: Operand = open else {
            var more: [String] = hints(for: command)
            if command.operands.contains(where: { $0.arity == .rest }) {
                more.insert("a text with spaces needs quotes, and what to run goes after --", at: 0)
            }
            throw .usage("\(command.name): nobody asked for \"\(text)\"", hints: more)
        }
        try check(text, operand.form, of: operand.name, command: command)
        taken.add(operand, text)
    }

    private func takeFlag(
        _ arguments: [String], at index: Int, of flags: [Flag], command: Command?, into taken: inout Arguments
    ) throws(Failure) -> Int {
        let argument: String = arguments[index]
        var name: String = argument
        var value: String?
        if argument.hasPrefix("--"), let equals: String.Index = argument.firstIndex(of: "=") {
            name = String(argument[..<equals])
            value = String(argument[argument.index(after: equals)...])
        }
        guard let flag: Flag = flags.first(where: { $0.name == name || $0.letter.map { "-\($0)" } == name }) else {
            let known: [String] = flags.map(\.name)
            let place: String = command.map { "\($0.name): " } ?? ""
            throw .usage(
                "\(place)there is no flag \(name)\(Nearest.hint(for: name, in: known))", hints: hints(for: command))
        }
        guard let form: ValueForm = flag.form else {
            guard value == nil else {
                throw .usage("\(flag.name) takes no value", hints: hints(for: command))
            }
            taken.add(flag, "")
            return index + 1
        }
        let hasOwn: Bool = value != nil
        guard let text: String = value ?? (index + 1 < arguments.count ? arguments[index + 1] : nil) else {
            throw .usage("\(flag.name) needs a value: \(flag.placeholder)", hints: hints(for: command))
        }
        try check(text, form, of: flag.name, command: command)
        if !flag.repeats, taken.has(flag) {
            throw .usage("\(flag.name) was given twice", hints: hints(for: command))
        }
        taken.add(flag, text)
        return index + (hasOwn ? 1 : 2)
    }

    private func check(_ text: String, _ form: ValueForm, of name: String, command: Command?) throws(Failure) {
        guard let expected: String = form.complaint(about: text) else { return }
        var guess: String = ""
        if case .words(let words) = form { guess = Nearest.hint(for: text, in: words) }
        let place: String = command.map { "\($0.name): " } ?? ""
        throw .usage("\(place)\(name) is \"\(text)\", expected \(expected)\(guess)", hints: hints(for: command))
    }

    private func continuations(of words: [String]) -> [String] {
        var found: [String] = []
        for command: Command in commands where command.words.starts(with: words) && command.words.count > words.count {
            let next: String = command.words[words.count]
            if !found.contains(next) { found.append(next) }
        }
        return found
    }

    private func unknown(_ words: [String]) -> Failure {
        let before: [String] = words.dropLast()
        let last: String = words.last ?? ""
        let known: [String] = continuations(of: before)
        let group: String = before.joined(separator: " ")
        return .usage(
            "there is no command \"\(words.joined(separator: " "))\"\(Nearest.hint(for: last, in: known))",
            hints: ["\(Program.name) help\(group.isEmpty ? "" : " \(group)") lists the commands"])
    }

    private func hints(for command: Command?) -> [String] {
        guard let command else { return ["\(Program.name) help lists commands and flags"] }
        return ["usage: \(command.usage)", "\(Program.name) \(command.name) --help explains it"]
    }
}
