/// A flag as it is declared once; parsing, help and completion are made from it.
struct Flag: Sendable {
    /// With its dashes.
    let name: String
    /// The short form, without its dash.
    let letter: Character?
    /// Nil for a switch.
    let form: ValueForm?
    /// What help calls the value.
    let placeholder: String
    let repeats: Bool
    let summary: String

    /// Declares a flag with a value.
    init(
        _ name: String, _ placeholder: String, _ form: ValueForm, _ summary: String, letter: Character? = nil,
        repeats: Bool = false
    ) {
        self.name = name
        self.letter = letter
        self.form = form
        self.placeholder = placeholder
        self.repeats = repeats
        self.summary = summary
    }

    /// Declares a switch.
    init(_ name: String, _ summary: String, letter: Character? = nil) {
        self.name = name
        self.letter = letter
        form = nil
        placeholder = ""
        repeats = false
        self.summary = summary
    }

    /// How help shows it: `-f, --follow`, `--priority WORD`.
    var usage: String {
        (letter.map { "-\($0), " } ?? "") + name + (form == nil ? "" : " \(placeholder)")
    }
}

/// An argument that is no flag, as it is declared once.
struct Operand: Sendable {
    enum Arity: Sendable {
        case one
        case optional
        /// One or more.
        case many
        /// None or more.
        case any
        /// Everything after `--`, nothing included.
        case rest
    }

    let name: String
    let arity: Arity
    let form: ValueForm
    let summary: String

    /// Declares an operand.
    init(_ name: String, _ arity: Arity = .one, _ form: ValueForm = .text, _ summary: String) {
        self.name = name
        self.arity = arity
        self.form = form
        self.summary = summary
    }

    /// How help shows it: `ID`, `[PATH]`, `ID…`, `[-- ARGV…]`.
    var usage: String {
        switch arity {
        case .one: name
        case .optional: "[\(name)]"
        case .many: "\(name)…"
        case .any: "[\(name)…]"
        case .rest: "[-- \(name)…]"
        }
    }
}

/// One way to use a command.
struct Example: Sendable {
    let line: String
    let meaning: String

    init(_ line: String, _ meaning: String) {
        self.line = line
        self.meaning = meaning
    }
}

/// A command as it is declared once.
struct Command: Sendable {
    /// What a command needs from outside, and thus which common flags it has.
    enum Needs: Sendable {
        case nothing
        /// The data directory.
        case data
        /// A running server.
        case server
    }

    /// Its words: `task create`.
    let name: String
    let summary: String
    /// Paragraphs for its own help.
    let details: [String]
    let operands: [Operand]
    let flags: [Flag]
    let needs: Needs
    let examples: [Example]
    let run: @Sendable (Invocation) throws(Failure) -> Void

    /// Declares a command.
    init(
        _ name: String, _ summary: String, details: [String] = [], operands: [Operand] = [], flags: [Flag] = [],
        needs: Needs = .server, examples: [Example], run: @escaping @Sendable (Invocation) throws(Failure) -> Void
    ) {
        self.name = name
        self.summary = summary
        self.details = details
        self.operands = operands
        self.flags = flags
        self.needs = needs
        self.examples = examples
        self.run = run
    }

    var words: [String] { name.split(separator: " ").map(String.init) }

    /// The flags that it shares with others.
    var commonFlags: [Flag] {
        switch needs {
        case .nothing: []
        case .data: [CommonFlag.data]
        case .server: [CommonFlag.url, CommonFlag.token, CommonFlag.data, CommonFlag.json]
        }
    }

    var allFlags: [Flag] { flags + commonFlags + [CommonFlag.help] }

    /// The line that shows how it is called.
    var usage: String {
        var parts: [String] = [Program.name, name]
        parts += operands.filter { $0.arity != .rest }.map(\.usage)
        if !flags.isEmpty || !commonFlags.isEmpty { parts.append("[FLAGS]") }
        parts += operands.filter { $0.arity == .rest }.map(\.usage)
        return parts.joined(separator: " ")
    }
}

/// Flags that many commands have.
enum CommonFlag {
    static let url = Flag(
        "--url", "URL", .text, "where the server is (else MAOS_URL, else \(Endpoint.defaultURL))")
    static let token = Flag(
        "--token", "TOKEN", .text, "who you are (else MAOS_TOKEN, else the administrator's token in DATA)")
    static let data = Flag(
        "--data", "DIR", .folder, "the server's data directory (else MAOS_DATA, else ~/.local/share/maos)")
    static let json = Flag("--json", "print the reply's data as JSON")
    static let help = Flag("--help", "explain the command", letter: "h")
    /// May stand before the command, too.
    static let leading: [Flag] = [url, token, data, json]
}
