internal import MAOSCore

/// One run of a command: what was given, and where the answer goes.
struct Invocation: Sendable {
    let command: Command
    let arguments: Arguments
    let output: Channel = .output
    let errors: Channel = .errors

    /// Whether the answer is wanted as JSON.
    var wantsJSON: Bool { arguments.has(CommonFlag.json) }

    /// The server that the command is about.
    func server() throws(Failure) -> Server { Server(try Endpoint(arguments)) }

    /// Prints one JSON document: indented on a terminal, on one line elsewhere.
    func printJSON(_ value: JSONValue) {
        output.line(output.isTerminal ? PrettyJSON.text(value) : JSONText(value).description)
    }

    /// Prints one item of a stream of JSON.
    func printJSONLine(_ value: JSONValue) { output.line(JSONText(value).description) }

    /// Says something that is no answer, to people only.
    func note(_ text: String) {
        guard errors.isTerminal else { return }
        errors.line(errors.styled(text, .dim))
    }

    /// Says that something in a sequence is no longer kept.
    func noteGap(_ from: Int, _ to: Int) {
        errors.line("\(Program.name): note: \(from) to \(to) are no longer kept")
    }

    /// Does the same for each id; goes on when one fails, and fails at the end.
    func forEach(_ ids: [String], _ body: (String) throws(Failure) -> Void) throws(Failure) {
        guard ids.count > 1 else {
            for id: String in ids { try body(id) }
            return
        }
        var worst: Failure.ExitCode?
        for id: String in ids {
            do throws(Failure) {
                try body(id)
            } catch {
                errors.write(error.text(for: errors))
                guard error.code == .refused else { throw .shown(error.code) }
                worst = error.code
            }
        }
        if let worst { throw .shown(worst) }
    }
}

/// JSON with a member a line.
enum PrettyJSON {
    /// The text, without a line end after it.
    static func text(_ value: JSONValue) -> String {
        var text: String = ""
        append(value, indent: "", to: &text)
        return text
    }

    private static func append(_ value: JSONValue, indent: String, to text: inout String) {
        let deeper: String = indent + "  "
        switch value {
        case .array(let elements) where !elements.isEmpty:
            text += "[\n"
            for (index, element) in elements.enumerated() {
                text += deeper
                append(element, indent: deeper, to: &text)
                text += index == elements.count - 1 ? "\n" : ",\n"
            }
            text += indent + "]"
        case .object(let object) where !object.isEmpty:
            text += "{\n"
            for (index, member) in object.members.enumerated() {
                text += deeper + JSONText(.string(member.key)).description + ": "
                append(member.value, indent: deeper, to: &text)
                text += index == object.count - 1 ? "\n" : ",\n"
            }
            text += indent + "}"
        default:
            text += JSONText(value).description
        }
    }
}
