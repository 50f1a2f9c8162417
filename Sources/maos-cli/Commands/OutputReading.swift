internal import MAOSCore
internal import MAOSProtocols
internal import MAOSTransport

/// What `task logs` and `agent logs` have in common.
struct OutputReading {
    static let follow = Flag("--follow", "go on as more is written", letter: "f")
    static let from = Flag("--from", "SEQ", .number(0...Int.max), "begin at this sequence number")
    static let stream = Flag(
        "--stream", "NAME", .words(["stdout", "stderr", "terminal"]), "only this stream: stdout, stderr or terminal")
    static let timestamps = Flag("--timestamps", "begin each line with its time")
    static let flags: [Flag] = [follow, from, stream, timestamps]

    let invocation: Invocation
    /// `tasks` or `agents`.
    let collection: String
    let id: String
    let action: String

    /// Prints what was written, and with `--follow` what is being written.
    func run() throws(Failure) {
        let endpoint = try Endpoint(invocation.arguments)
        let printer = Printer(invocation)
        let start: String? = invocation.arguments.text(OutputReading.from)
        guard invocation.arguments.has(OutputReading.follow) else {
            let isPlain: Bool =
                !invocation.wantsJSON && !invocation.arguments.has(OutputReading.stream)
                && !invocation.arguments.has(OutputReading.timestamps)
            return isPlain
                ? try copyText(endpoint, start) : try readPages(Server(endpoint), start, printer)
        }
        let inbox = try Inbox<FeedMessage>()
        let path: APIPath = APIPath(collection, id, "output").with("from", start).with("follow", "true")
        try Feed(endpoint: endpoint, action: action, path: path) { inbox.post($0) }.start()
        while true {
            for message: FeedMessage in inbox.take(timeout: -1) {
                switch message {
                case .open: break
                case .item(let item):
                    guard let value: JSONValue = try? JSONReader.parse(item.data, depthLimit: 16) else { break }
                    printer.show(value)
                case .gap(let from, let to): invocation.noteGap(from, to)
                case .end: return printer.finish()
                case .lost(let reason): invocation.errors.line("\(Program.name): \(reason), trying again")
                case .failed(let failure): throw failure
                }
            }
        }
    }

    /// Copies the output byte by byte, which JSON could not hold.
    private func copyText(_ endpoint: Endpoint, _ start: String?) throws(Failure) {
        let client = HTTPClient(endpoint.url, token: endpoint.token)
        let path: APIPath = APIPath(collection, id, "output").with("from", start)
        var last: UInt8?
        var refusal: Refusal?
        do throws(ClientError) {
            let stream: HTTPClientStream = try client.stream(.get, path.text, fields: [.accept: "text/plain"])
            if stream.head.isSuccess {
                while let piece: [UInt8] = try stream.piece() {
                    invocation.output.write(piece)
                    last = piece.last ?? last
                }
            } else {
                let body: [UInt8] = try stream.rest(timeout: 10_000)
                refusal = Refusal(
                    action: action, status: stream.head.status, retryAfter: stream.head.fields[.retryAfter],
                    body: try? JSONReader.parse(body, depthLimit: 128))
            }
        } catch {
            throw Server.failure(of: error, endpoint)
        }
        if let refusal { throw refusal.failure(endpoint) }
        if let last, last != UInt8(ascii: "\n"), invocation.output.isTerminal { invocation.output.write("\n") }
    }

    private func readPages(_ server: Server, _ start: String?, _ printer: Printer) throws(Failure) {
        var next: Int = max(1, start.flatMap { Int($0) } ?? 1)
        while true {
            let path: APIPath = APIPath(collection, id, "output").with("from", String(next)).with("limit", "1000")
            let data: JSONValue = try server.call(action, .get, path.text).data
            for entry: JSONValue in data["entries"]?.arrayValue ?? [] { printer.show(entry) }
            guard let following: Int = data["nextSequence"]?.intValue, following > next else { break }
            next = following
        }
        printer.finish()
    }

    /// Prints entries the way the flags ask for.
    private final class Printer {
        private let invocation: Invocation
        private let only: String?
        private let hasTimes: Bool
        private var isAtLineStart: Bool = true

        init(_ invocation: Invocation) {
            self.invocation = invocation
            only = invocation.arguments.text(OutputReading.stream)
            hasTimes = invocation.arguments.has(OutputReading.timestamps)
        }

        func show(_ value: JSONValue) {
            let entry = OutputEntry(value)
            guard only == nil || entry.stream == only else { return }
            if invocation.wantsJSON { return invocation.printJSONLine(value) }
            guard !entry.data.isEmpty else { return }
            invocation.output.write(hasTimes ? stamped(entry) : entry.data)
            isAtLineStart = entry.data.utf8.last == UInt8(ascii: "\n")
        }

        /// Ends a line that the output left open, so that a prompt does not hang on to it.
        func finish() {
            if !isAtLineStart, invocation.output.isTerminal { invocation.output.write("\n") }
            isAtLineStart = true
        }

        private func stamped(_ entry: OutputEntry) -> String {
            let prefix: String = invocation.output.styled(entry.timestamp, .dim) + " "
            var text: String = isAtLineStart ? prefix : ""
            var rest: Substring.UTF8View = entry.data[...].utf8
            while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                let next = rest.index(after: end)
                text += String(Substring(rest[..<next]))
                rest = rest[next...]
                if !rest.isEmpty { text += prefix }
            }
            return text + String(Substring(rest))
        }
    }
}

/// `task logs`.
enum TaskLogs {
    static let command = Command(
        "task logs", "print what a task wrote",
        details: ["Prints standard output and standard error in the order they were written, of all attempts."],
        operands: [TaskCommands.id], flags: OutputReading.flags,
        examples: [
            Example("task logs ID", "everything up to now"),
            Example("task logs -f ID", "everything, until the task has ended"),
        ]
    ) { (invocation) throws(Failure) in
        let id: String = invocation.arguments.text(TaskCommands.id) ?? ""
        try OutputReading(
            invocation: invocation, collection: "tasks", id: id, action: "read the output of the task \(id)"
        ).run()
    }
}
