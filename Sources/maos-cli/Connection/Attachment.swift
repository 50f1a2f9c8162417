internal import Glibc
internal import MAOSCore
internal import MAOSProtocols
internal import MAOSSystem
internal import MAOSTransport

/// A user at the terminal of an agent's process: carries keys there and what is printed here.
final class Attachment {
    /// How it came to an end.
    enum End {
        /// The process ended, with this code.
        case exited(Int32)
        case detached
        /// The agent has no process any more, and its last one's code is not known.
        case terminated
    }

    /// Bytes that are read of the user at once.
    private static let pieceSize: Int = 16_384
    /// Bytes that wait to be sent while more is read of the user.
    private static let backlogLimit: Int = 65_536
    private static let endOfInput: UInt8 = 4

    private let socket: WebSocketClient
    private let output: Channel
    private let errors: Channel
    private let input: CInt?
    private let inputIsTerminal: Bool
    private let followsRestarts: Bool
    private let changes: Inbox<TerminalChanges.Change>
    private var detector: DetachDetector
    private var modes = ScreenModes()
    private var farewell: String = ""
    private var readsInput: Bool
    private var endsInLine = true
    private var exitCode: Int32?
    private var missed: Int = 0

    /// Takes over a connection.
    ///
    /// - Parameters:
    ///   - socket: The terminal's WebSocket.
    ///   - input: What is typed; nil where nothing is.
    ///   - keys: What leaves the terminal.
    ///   - followsRestarts: Whether the server keeps it open when the process ends.
    ///   - invocation: Where it is shown.
    /// - Throws: ``Failure`` if the system refuses.
    init(
        _ socket: WebSocketClient, input: CInt?, keys: DetachKeys, followsRestarts: Bool, _ invocation: Invocation
    ) throws(Failure) {
        self.socket = socket
        self.input = input
        self.followsRestarts = followsRestarts
        output = invocation.output
        errors = invocation.errors
        inputIsTerminal = input.map { isatty($0) == 1 } ?? false
        readsInput = input != nil
        // Keys leave only what is typed on; a file may hold any bytes.
        detector = DetachDetector(inputIsTerminal ? keys : DetachKeys.never)
        changes = try Inbox<TerminalChanges.Change>()
        try TerminalChanges.watch { [changes] in changes.post($0) }
    }

    /// Bytes that the server had to leave out because they were not read in time.
    var missedBytes: Int { missed }

    /// Carries on until the end.
    ///
    /// - Throws: ``Failure`` when the connection breaks or the server ends it.
    func run() throws(Failure) -> End {
        // A reader that is gone ends this as an error of writing, so that the terminal is set back.
        Signals.ignoreBrokenPipes()
        if inputIsTerminal, let input { try RawTerminal.enter(input, .everything) }
        defer { RawTerminal.restore() }
        sendSize()
        do throws(ClientError) {
            while true {
                try socket.flush()
                if let end: End = try receive() { return end }
                wait()
                for change: TerminalChanges.Change in changes.take(timeout: 0) {
                    if case .continued = change { RawTerminal.enterAgain() }
                    sendSize()
                }
                if readsInput, isReadable(input), try takeInput() {
                    // Whoever cannot send does not wait until it can.
                    if socket.backlog == 0 { socket.close(.normal, reason: "detached") }
                    return .detached
                }
            }
        } catch {
            switch error {
            case .refused(_, let reason): throw .refused(reason)
            default: throw Failure(code: .unreachable, message: "the terminal is gone: \(error)")
            }
        }
    }

    // MARK: Waiting

    private func wait() {
        var entries: [pollfd] = [
            pollfd(fd: socket.number, events: Int16(POLLIN) | (socket.backlog > 0 ? Int16(POLLOUT) : 0), revents: 0),
            pollfd(fd: changes.number, events: Int16(POLLIN), revents: 0),
        ]
        // A server that takes nothing now makes us wait, not gather.
        if readsInput, socket.backlog < Attachment.backlogLimit, let input {
            entries.append(pollfd(fd: input, events: Int16(POLLIN), revents: 0))
        }
        _ = poll(&entries, nfds_t(entries.count), -1)
    }

    private func isReadable(_ descriptor: CInt?) -> Bool {
        guard let descriptor, socket.backlog < Attachment.backlogLimit else { return false }
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, 0) == 1
    }

    // MARK: What the user does

    /// Reads what was typed; true when the user wants to leave.
    private func takeInput() throws(ClientError) -> Bool {
        guard let input else { return false }
        var failure: CInt = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: Attachment.pieceSize) { buffer, count in
            let result: Int = read(input, buffer.baseAddress, buffer.count)
            if result < 0 { failure = errno }
            count = max(0, result)
        }
        if failure == EINTR || failure == EAGAIN { return false }
        guard !bytes.isEmpty else {
            readsInput = false
            // A terminal that hangs up has nobody to type on.
            if inputIsTerminal { return true }
            let rest: [UInt8] = detector.finish()
            // Within a line, the first only hands over what is there.
            let ends: Int = endsInLine ? 1 : 2
            socket.post(rest + [UInt8](repeating: Attachment.endOfInput, count: ends))
            return false
        }
        let (passed, isDetached) = detector.receive(bytes)
        if let last: UInt8 = passed.last {
            endsInLine = last == UInt8(ascii: "\n") || last == UInt8(ascii: "\r")
            socket.post(passed)
            try socket.flush()
        }
        return isDetached
    }

    private func sendSize() {
        let channel: Channel = output.isTerminal ? output : Channel(STDIN_FILENO)
        guard channel.isTerminal else { return }
        let (columns, rows) = channel.size
        socket.post("{\"resize\":{\"columns\":\(min(columns, 65_535)),\"rows\":\(min(rows, 65_535))}}")
    }

    // MARK: What the server sends

    private func receive() throws(ClientError) -> End? {
        while true {
            let message: WebSocketClient.Message
            do throws(ClientError) {
                message = try socket.receive(timeout: 0)
            } catch {
                if case .timedOut = error { return nil }
                throw error
            }
            switch message {
            case .binary(let bytes): show(bytes)
            case .text(let text): note(text)
            case .closed(let code, let reason): return try end(code, reason)
            }
        }
    }

    private func show(_ bytes: [UInt8]) {
        if output.isTerminal {
            modes.receive(bytes)
            if modes.reset != farewell {
                farewell = modes.reset
                RawTerminal.setFarewell(farewell, on: output.descriptor)
            }
        }
        output.write(bytes)
    }

    private func note(_ text: String) {
        guard let message: JSONValue = try? JSONReader.parse(Array(text.utf8), depthLimit: 16) else { return }
        if let code: Int = message["exit"]?.intValue {
            exitCode = Int32(clamping: code)
            if followsRestarts { say("the process has ended with code \(code); the next one follows") }
        }
        if let bytes: Int = message["gap"]?.intValue {
            missed += bytes
            if !output.isTerminal { errors.line("\(Program.name): note: \(bytes) bytes were missed") }
        }
    }

    /// Says something between what the program prints.
    private func say(_ text: String) {
        guard errors.isTerminal else { return }
        errors.write("\r\n" + errors.styled(text, .dim) + "\r\n")
    }

    private func end(_ code: WebSocketCloseCode, _ reason: String) throws(ClientError) -> End {
        switch code {
        case .normal:
            if let exitCode { return .exited(exitCode) }
            return .terminated
        case .goingAway: throw .unreachable("the server is going away")
        case .policyViolation: throw .refused(status: 0, body: "the server has ended the connection: \(reason)")
        default: throw .unreachable(reason.isEmpty ? "the connection broke" : reason)
        }
    }
}
