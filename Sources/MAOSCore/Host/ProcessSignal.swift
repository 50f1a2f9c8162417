/// A signal that clients may have sent to a process.
package enum ProcessSignal: String, Sendable, CaseIterable {
    /// Asks to end.
    case terminate = "SIGTERM"
    /// Ends without asking.
    case kill = "SIGKILL"
    /// Asks to end, as the keyboard does.
    case interrupt = "SIGINT"
    /// Says that the terminal is gone.
    case hangUp = "SIGHUP"
    /// Asks to end and leave a memory image.
    case quit = "SIGQUIT"
}

/// What came of a signal to a process.
package enum ProcessSignalOutcome: Sendable, Hashable {
    /// It has ended.
    case ended
    /// There is no such process, or another one has its number by now.
    case notFound
    /// It may not be signalled by clients: the server itself, the system's first process, or one that was not started here.
    case forbidden
    /// The system did not let us; its reason for people, such as `Operation not permitted`.
    case refused(String)
    /// It was signalled, and still runs.
    case stillRunning
}
