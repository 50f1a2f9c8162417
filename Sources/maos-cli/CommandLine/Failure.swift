/// Why a command did not do what it was asked to, and what to do about it.
struct Failure: Error {
    /// The exit codes of the contract.
    enum ExitCode: CInt, Sendable {
        /// The server said no, or the work failed.
        case refused = 1
        case usage = 2
        /// No server answers.
        case unreachable = 3
    }

    var code: ExitCode
    var message: String
    /// One line each: what is wrong where.
    var details: [String] = []
    /// One line each: what to do.
    var hints: [String] = []
    /// Whether everything has been said already.
    var isSilent: Bool = false

    /// The command line is wrong.
    static func usage(_ message: String, hints: [String] = []) -> Failure {
        Failure(code: .usage, message: message, hints: hints)
    }

    /// Something said no.
    static func refused(_ message: String, details: [String] = [], hints: [String] = []) -> Failure {
        Failure(code: .refused, message: message, details: details, hints: hints)
    }

    /// Ends the program with a code, when what is wrong has been shown already.
    static func shown(_ code: ExitCode) -> Failure {
        Failure(code: code, message: "", isSilent: true)
    }

    /// The lines for standard error.
    func text(for channel: Channel) -> String {
        guard !isSilent else { return "" }
        var text: String = channel.styled("\(Program.name): ", .bold) + channel.styled("error: ", .red) + message + "\n"
        for detail: String in details { text += "  \(detail)\n" }
        for hint: String in hints {
            text += "  " + channel.styled(hint.hasPrefix("usage: ") ? "" : "hint: ", .cyan) + hint + "\n"
        }
        return text
    }
}
