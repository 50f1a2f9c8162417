internal import Glibc
internal import MAOSSystem

/// The terminal that the user types on, set so that keys come as they are typed, and set back however the program ends.
enum RawTerminal {
    enum Mode {
        /// Every key is for somebody else: none interrupts, nothing is echoed or translated.
        case everything
        /// Keys come at once and are not shown; Ctrl-C still interrupts.
        case keys
    }

    private struct State {
        var descriptor: CInt = -1
        var before = termios()
        var during = termios()
        /// Written before the terminal is set back: leaves modes of the screen.
        var farewell: String = ""
        var farewellDescriptor: CInt = -1
        var isActive = false
        var isWatched = false
    }

    private static let state = Locked(State())

    /// Changes the mode until ``restore()``.
    ///
    /// - Parameters:
    ///   - descriptor: The terminal.
    ///   - mode: What keys do.
    /// - Throws: ``Failure`` if the system refuses.
    static func enter(_ descriptor: CInt, _ mode: Mode) throws(Failure) {
        var settings = termios()
        guard tcgetattr(descriptor, &settings) == 0 else { throw refusal }
        let before: termios = settings
        switch mode {
        case .everything: cfmakeraw(&settings)
        case .keys: settings.c_lflag &= ~tcflag_t(ICANON | ECHO)
        }
        let during: termios = settings
        state.withLock { state in
            state.descriptor = descriptor
            state.before = before
            state.during = during
            state.isActive = true
        }
        watch()
        guard tcsetattr(descriptor, TCSADRAIN, &settings) == 0 else { throw refusal }
    }

    /// What is written to put the screen in order, whenever the terminal is set back.
    static func setFarewell(_ text: String, on descriptor: CInt) {
        state.withLock {
            $0.farewell = text
            $0.farewellDescriptor = descriptor
        }
        watch()
    }

    /// Sees to it that the terminal is set back at the end.
    private static func watch() {
        let isFirst: Bool = state.withLock { state in
            defer { state.isWatched = true }
            return !state.isWatched
        }
        guard isFirst else { return }
        Interruption.setRestoration { restore() }
        // A write that fails ends the program by `exit`.
        atexit { RawTerminal.restore() }
    }

    /// Sets the mode again, after the program was stopped and somebody else had the terminal.
    static func enterAgain() {
        state.withLock { state in
            guard state.isActive else { return }
            tcsetattr(state.descriptor, TCSADRAIN, &state.during)
        }
    }

    /// Sets the terminal back, from any thread; again does no harm.
    static func restore() {
        state.withLock { state in
            if !state.farewell.isEmpty {
                let descriptor: CInt = state.farewellDescriptor
                state.farewell.withUTF8 { _ = Glibc.write(descriptor, $0.baseAddress, $0.count) }
                state.farewell = ""
            }
            guard state.isActive else { return }
            state.isActive = false
            tcsetattr(state.descriptor, TCSADRAIN, &state.before)
        }
    }

    private static var refusal: Failure {
        .refused("cannot set the terminal: \(String(cString: strerror(errno)))")
    }
}

/// Signals that are no reason to end: the terminal has another size, or the program goes on after it was stopped.
enum TerminalChanges {
    /// What happened.
    enum Change: Sendable {
        case resized
        case continued
    }

    /// Calls a body for each, on a thread of its own.
    static func watch(_ body: @escaping @Sendable (Change) -> Void) throws(Failure) {
        let signals: [CInt] = [SIGWINCH, SIGCONT]
        do throws(SystemError) {
            try Signals.block(signals)
            _ = try SystemThread(name: "changes") {
                var set = sigset_t()
                sigemptyset(&set)
                for signal: CInt in signals { sigaddset(&set, signal) }
                while true {
                    var number: CInt = 0
                    guard sigwait(&set, &number) == 0 else { continue }
                    body(number == SIGWINCH ? .resized : .continued)
                }
            }
        } catch {
            throw .refused("cannot watch the terminal: \(error.reason)")
        }
    }
}
