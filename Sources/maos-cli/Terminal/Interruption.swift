internal import Glibc
internal import MAOSSystem

/// What happens on Ctrl-C: last words, and then the end that the shell expects.
enum Interruption {
    private struct State {
        var farewell: String = ""
        var descriptor: CInt = STDERR_FILENO
        var message: String = ""
        var restoration: (@Sendable () -> Void)?
        var isWatched: Bool = false
    }

    private static let state = Locked(State())

    /// Sets what is written first, to put the terminal in order.
    static func setFarewell(_ text: String, on descriptor: CInt) {
        watch()
        state.withLock {
            $0.farewell = text
            $0.descriptor = descriptor
        }
    }

    /// Sets what the user is told, on standard error.
    static func setMessage(_ text: String) {
        watch()
        state.withLock { $0.message = text }
    }

    /// Sets what is done before anything is written, to set the terminal back.
    static func setRestoration(_ body: @escaping @Sendable () -> Void) {
        watch()
        state.withLock { $0.restoration = body }
    }

    /// Begins to wait for the signals, on a thread of its own.
    private static func watch() {
        let isFirst: Bool = state.withLock { state in
            defer { state.isWatched = true }
            return !state.isWatched
        }
        guard isFirst else { return }
        let signals: [CInt] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT]
        do throws(SystemError) {
            try Signals.block(signals)
            _ = try SystemThread(name: "signals") { wait(for: signals) }
        } catch {
            // Without the thread the default action of the signals applies.
            var set = sigset_t()
            sigemptyset(&set)
            pthread_sigmask(SIG_SETMASK, &set, nil)
        }
    }

    private static func wait(for signals: [CInt]) {
        var set = sigset_t()
        sigemptyset(&set)
        for signal: CInt in signals { sigaddset(&set, signal) }
        var number: CInt = 0
        guard sigwait(&set, &number) == 0 else { return }
        // Kept locked: nobody draws any more.
        state.withLock { state in
            state.restoration?()
            if !state.farewell.isEmpty { write(state.farewell, to: state.descriptor) }
            if !state.message.isEmpty { write("\n" + state.message + "\n", to: STDERR_FILENO) }
            // Shells look whether a program ended by the signal, and stop their own loops then.
            signal(number, SIG_DFL)
            var one = sigset_t()
            sigemptyset(&one)
            sigaddset(&one, number)
            pthread_sigmask(SIG_UNBLOCK, &one, nil)
            kill(getpid(), number)
            _exit(128 + number)
        }
    }

    private static func write(_ text: String, to descriptor: CInt) {
        var text: String = text
        text.withUTF8 { bytes in _ = Glibc.write(descriptor, bytes.baseAddress, bytes.count) }
    }
}
