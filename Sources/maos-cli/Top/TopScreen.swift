internal import Glibc
internal import MAOSCore
internal import MAOSSystem

/// Draws snapshots on the whole terminal until the user has seen enough.
final class TopScreen {
    private enum News: Sendable {
        case snapshot(TopSnapshot)
        case trouble(String)
        case changed(TerminalChanges.Change)
    }

    private static let enter: String = "\u{1B}[?1049h\u{1B}[?25l"
    private static let leave: String = "\u{1B}[?25h\u{1B}[?1049l"

    private let output: Channel
    private let interval: Int64
    private let source: TopSource
    private let inbox: Inbox<News>
    private var frame: TopLayout.Frame
    private var readsKeys: Bool = isatty(STDIN_FILENO) == 1

    init(_ frame: TopLayout.Frame, _ source: TopSource, output: Channel, interval: Int64) throws(Failure) {
        self.frame = frame
        self.source = source
        self.output = output
        self.interval = interval
        inbox = try Inbox<News>()
    }

    /// Draws until `q`, and leaves the terminal as it was.
    ///
    /// - Throws: ``Failure`` if the system refuses.
    func run() throws(Failure) {
        // A terminal that is gone ends this as an error of writing, so that everything is set back.
        Signals.ignoreBrokenPipes()
        try TerminalChanges.watch { [inbox] in inbox.post(.changed($0)) }
        if readsKeys { try RawTerminal.enter(STDIN_FILENO, .keys) }
        RawTerminal.setFarewell(TopScreen.leave, on: output.descriptor)
        defer { RawTerminal.restore() }
        output.write(TopScreen.enter)
        try startAsking()
        while true {
            draw()
            wait()
            if readsKeys, takeKeys() { return }
            for news: News in inbox.take(timeout: 0) { take(news) }
        }
    }

    private func take(_ news: News) {
        switch news {
        case .snapshot(let snapshot):
            guard !frame.isPaused else { return }
            frame.before = frame.snapshot
            frame.snapshot = snapshot
            frame.trouble = nil
        case .trouble(let reason): frame.trouble = reason
        case .changed(.continued):
            RawTerminal.enterAgain()
            output.write(TopScreen.enter)
        case .changed(.resized):
            output.write("\u{1B}[2J")
        }
    }

    private func startAsking() throws(Failure) {
        do throws(SystemError) {
            _ = try SystemThread(name: "asking") { [source, inbox, interval] in
                while true {
                    Socket.pause(milliseconds: Int(interval))
                    do throws(Failure) {
                        inbox.post(.snapshot(try source.take().snapshot))
                    } catch {
                        inbox.post(.trouble(error.message))
                    }
                }
            }
        } catch {
            throw .refused("cannot start a thread: \(error.reason)")
        }
    }

    private func draw() {
        let size: (columns: Int, rows: Int) = output.size
        let layout = TopLayout(
            columns: size.columns, rows: size.rows, hasColours: output.hasColours, isUnicode: Channel.isUnicode)
        var text: String = "\u{1B}[H"
        for (place, line) in layout.lines(frame).enumerated() {
            text += (place == 0 ? "" : "\r\n") + line + "\u{1B}[K"
        }
        output.write(text + "\u{1B}[J")
    }

    private func wait() {
        var entries: [pollfd] = [pollfd(fd: inbox.number, events: Int16(POLLIN), revents: 0)]
        if readsKeys { entries.append(pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)) }
        _ = poll(&entries, nfds_t(entries.count), -1)
    }

    /// Does what the keys say; true for the end.
    private func takeKeys() -> Bool {
        var entry = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        guard poll(&entry, 1, 0) == 1 else { return false }
        let keys = [UInt8](unsafeUninitializedCapacity: 64) { buffer, count in
            count = max(0, read(STDIN_FILENO, buffer.baseAddress, buffer.count))
        }
        // Whoever typed has gone.
        guard !keys.isEmpty else { return true }
        for key: UInt8 in keys {
            switch key {
            case UInt8(ascii: "q"), UInt8(ascii: "Q"): return true
            case UInt8(ascii: "s"), UInt8(ascii: "S"): frame.order = frame.order.next
            case UInt8(ascii: "p"), UInt8(ascii: "P"): frame.isPaused.toggle()
            default: break
            }
        }
        return false
    }
}
