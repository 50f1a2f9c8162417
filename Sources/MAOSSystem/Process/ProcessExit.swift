internal import CLinux
internal import Glibc

/// How a process ended.
package enum ProcessExit: Hashable, Sendable, CustomStringConvertible {
    /// By itself, with a code of 0 … 255.
    case exited(Int32)
    /// By a signal.
    case killed(Int32)
    /// Another part of the program waited for it first.
    case unknown

    /// Such as `exited with code 2` or `killed by SIGKILL`.
    package var description: String {
        switch self {
        case .exited(let code): "exited with code \(code)"
        case .killed(let signal): "killed by \(Signals.name(of: signal))"
        case .unknown: "ended in an unknown way"
        }
    }

    /// The code as shells tell it: 128 and the signal's number after one, 255 where nobody knows.
    package var code: Int {
        switch self {
        case .exited(let code): Int(code)
        case .killed(let signal): 128 + Int(signal)
        case .unknown: 255
        }
    }
}

/// What is left of a child that has ended.
package struct EndedChild: Hashable, Sendable {
    /// How it ended.
    package let status: ProcessExit
    /// Milliseconds of processor time that it and its own ended children used.
    package let processorTime: Int64

    /// Makes a report.
    package init(status: ProcessExit, processorTime: Int64) {
        self.status = status
        self.processorTime = processorTime
    }
}

extension ProcessExit {
    /// What asking about a child brings.
    package enum Answer: Hashable, Sendable {
        /// It has not ended.
        case running
        /// The kernel has forgotten it now.
        case ended(EndedChild)
        /// It is not, or no longer, a child of this process.
        case notOurs
    }

    /// Takes the exit status of a child, if it has ended; does not wait.
    package static func collect(_ child: Int32) -> Answer {
        var status: CInt = 0
        var usage = rusage()
        let result: CInt = maos_wait(child, &status, &usage)
        guard result != 0 else { return .running }
        guard result > 0 else { return .notOurs }
        let time: Int64 = milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime)
        let ended: ProcessExit =
            maos_wait_exited(status) != 0
            ? .exited(maos_wait_exit_code(status)) : .killed(maos_wait_signal(status))
        return .ended(EndedChild(status: ended, processorTime: time))
    }

    private static func milliseconds(_ time: timeval) -> Int64 {
        Int64(time.tv_sec) * 1_000 + Int64(time.tv_usec) / 1_000
    }
}

extension Signals {
    /// The end that no process can refuse.
    package static let kill: CInt = SIGKILL
    /// The stop that no process can refuse.
    package static let suspend: CInt = SIGSTOP
    /// Goes on after a stop.
    package static let resume: CInt = SIGCONT
    /// The limit of processor time was reached.
    package static let processorTimeExceeded: CInt = SIGXCPU
    /// The limit of a file's size was reached.
    package static let fileSizeExceeded: CInt = SIGXFSZ

    private static let names: [String] = [
        "", "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL", "SIGUSR1",
        "SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP",
        "SIGTTIN", "SIGTTOU", "SIGURG", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR",
        "SIGSYS",
    ]

    /// Such as `SIGTERM`; `signal 40` for one without a name.
    package static func name(of signal: CInt) -> String {
        names.indices.contains(Int(signal)) && signal > 0 ? names[Int(signal)] : "signal \(signal)"
    }

    /// Sends a signal.
    ///
    /// - Parameters:
    ///   - signal: The signal; 0 only asks whether it could be sent.
    ///   - process: The process, or a process group as a negative number.
    /// - Returns: False where the process is gone or not ours to signal.
    @discardableResult
    package static func send(_ signal: CInt, to process: Int32) -> Bool {
        // 0, 1 and -1 mean the own group, the whole system's first process and everybody.
        guard process > 1 || process < -1 else { return false }
        return Glibc.kill(process, signal) == 0
    }
}
