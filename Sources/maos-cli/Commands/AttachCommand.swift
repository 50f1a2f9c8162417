internal import Glibc
internal import MAOSCore
internal import MAOSProtocols
internal import MAOSTransport

/// `attach`.
enum AttachCommand {
    private static let agent = Operand("AGENT", .one, .text, "the agent's id, or its name")
    private static let keys = Flag(
        "--detach-keys", "KEYS", .text,
        "what leaves the terminal, such as ctrl-a,d; none for nothing (default \(DetachKeys.usual))")
    private static let noInput = Flag("--no-stdin", "only look on: nothing is typed, and standard input is not read")
    private static let restarts = Flag("--restarts", "stay when the process ends, for the one that is started next")

    static let command = Command(
        "attach", "work on the terminal of an agent's process",
        details: [
            "Shows what the process printed last, then what it prints, and types there what is typed here; its terminal "
                + "takes the size of this one, or of whoever changed it last. The agent must have been spawned with a "
                + "terminal (agent spawn --terminal). Several may be attached at once. "
                + "Ctrl-P Ctrl-Q leaves, and the process goes on.",
            "Where standard input is no terminal, its bytes are typed, and at its end Ctrl-D. A reader that is too slow "
                + "misses output, and is told how much.",
            "The exit code is that of the process when it ends (128 and the signal's number after a signal), and 0 after "
                + "leaving.",
        ],
        operands: [agent], flags: [keys, noInput, restarts],
        examples: [
            Example("attach ada", "until Ctrl-P Ctrl-Q, or the end of the process"),
            Example("attach ada --no-stdin", "look on"),
            Example("attach ada --detach-keys ctrl-a,d", "as in screen"),
        ]
    ) { (invocation) throws(Failure) in
        let arguments: Arguments = invocation.arguments
        guard !invocation.wantsJSON else { throw .usage("attach: what a terminal shows is no JSON") }
        let text: String = arguments.text(keys) ?? DetachKeys.usual
        guard let keys = DetachKeys(text) else {
            throw .usage(
                "attach: --detach-keys is \"\(text)\", expected keys such as ctrl-p,ctrl-q or none",
                hints: ["a key is a character, or ctrl- and one of a-z @ [ \\ ] ^ _"])
        }
        let endpoint = try Endpoint(arguments)
        let name: String = arguments.text(agent) ?? ""
        let follows: Bool = arguments.has(restarts)
        let socket: WebSocketClient = try connect(name, endpoint, follows)
        let attachment = try Attachment(
            socket, input: arguments.has(noInput) ? nil : STDIN_FILENO, keys: keys, followsRestarts: follows, invocation
        )
        let end: Attachment.End = try attachment.run()
        if attachment.missedBytes > 0, invocation.output.isTerminal {
            invocation.note("\(attachment.missedBytes) bytes were missed")
        }
        switch end {
        case .detached:
            note("left \(name), which goes on", invocation)
        case .exited(let code):
            note("the process of \(name) has ended with code \(code)", invocation)
            exit(code)
        case .terminated:
            note("\(name) has been terminated", invocation)
        }
    }

    private static func note(_ text: String, _ invocation: Invocation) {
        guard invocation.errors.isTerminal else { return }
        invocation.errors.write("\n")
        invocation.note(text)
    }

    private static func connect(
        _ name: String, _ endpoint: Endpoint, _ follows: Bool
    ) throws(Failure) -> WebSocketClient {
        do throws(ClientError) {
            return try open(name, endpoint, follows)
        } catch {
            guard case .refused(404, _) = error, let id: String = try identifier(of: name, endpoint) else {
                throw failure(error, name, endpoint)
            }
            do throws(ClientError) {
                return try open(id, endpoint, follows)
            } catch {
                throw failure(error, name, endpoint)
            }
        }
    }

    private static func open(
        _ id: String, _ endpoint: Endpoint, _ follows: Bool
    ) throws(ClientError) -> WebSocketClient {
        let path: APIPath = APIPath("agents", id, "terminal").with("restarts", follows ? "true" : nil)
        return try WebSocketClient(endpoint.url, path.text, token: endpoint.token)
    }

    private static func failure(_ error: ClientError, _ name: String, _ endpoint: Endpoint) -> Failure {
        guard case .refused(let status, let body) = error else { return Server.failure(of: error, endpoint) }
        let value: JSONValue? = try? JSONReader.parse(Array(body.utf8), depthLimit: 64)
        return Refusal(
            action: "attach to the agent \(DisplayText.line(name))", status: status, retryAfter: nil, body: value
        ).failure(endpoint)
    }

    /// The id of the one agent of that name; nil where there is none.
    private static func identifier(of name: String, _ endpoint: Endpoint) throws(Failure) -> String? {
        let reply: Reply = try Server(endpoint).call(
            "look for the agent", .get, APIPath("agents").text, accepting: [403])
        let found: [JSONValue] = (reply.data["agents"]?.arrayValue ?? []).filter { $0["name"]?.stringValue == name }
        guard found.count <= 1 else {
            throw .refused(
                "\(found.count) agents have the name \(DisplayText.line(name))",
                details: found.compactMap { $0["id"]?.stringValue.map(DisplayText.line) },
                hints: ["name one of them by its id"])
        }
        return found.first?["id"]?.stringValue
    }
}
