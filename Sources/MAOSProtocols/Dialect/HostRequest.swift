package import MAOSCore

/// What a dialect wants of the machine it runs on, beside commands for the engine.
package enum HostRequest: Sendable {
    /// Type bytes on the terminal of an agent's resident process.
    case type(AgentID, [UInt8])
    /// Type bytes on it, and answer when the process has been given all of them.
    case feed(AgentID, [UInt8])
    /// Change the size of that terminal.
    case resize(AgentID, columns: Int, rows: Int)
    /// Signal a process and wait for its end; one that was not started here only where that is said.
    case signal(ProcessIdentity, ProcessSignal, allowsForeign: Bool)
    /// Look up what the scans of processes leave out.
    case inspect([ProcessIdentity])
}

/// What came of a ``HostRequest``.
package enum HostAnswer: Sendable {
    /// It is done.
    case done
    /// What came of a signal.
    case signalled(ProcessSignalOutcome)
    /// What was looked up; what is gone is left out.
    case inspected([ProcessIdentity: ProcessDetails])
    /// There is no such agent, or it has no process.
    case noSuchProcess
    /// Nothing was done; the same may be asked again a little later.
    case busy
    /// The system refused; the text is for people and names no paths.
    case failed(String)
}

/// Carries out what dialects want of the machine; from any thread, returns at once.
package protocol HostServices: AnyObject, Sendable {
    /// Carries out a request.
    ///
    /// - Parameters:
    ///   - request: What to do.
    ///   - done: Called once, on any thread.
    func perform(_ request: HostRequest, _ done: @escaping @Sendable (HostAnswer) -> Void)

    /// Tells an observer of every resident process that ends from now on, until the observer is gone.
    func observe(_ observer: any ResidentObserver)
}

/// Hears of the ends of agents' resident processes.
package protocol ResidentObserver: AnyObject, Sendable {
    /// An agent's resident process has ended, and all of its output is stored.
    ///
    /// Called on another thread, after ``OutputObserver/stored(_:)`` of that output and before the agent's event; returns at
    /// once.
    ///
    /// - Parameters:
    ///   - agent: Whose process.
    ///   - code: Its exit code, as shells tell it.
    func residentEnded(of agent: AgentID, code: Int)
}
