/// What dialects may ask about the machine and its processes.
///
/// What is asked often is looked up by the server once a second, and answered from memory.
package protocol HostInformation: AnyObject, Sendable {
    /// The newest look at the machine; does not block.
    var reading: HostReading { get }

    /// The newest look at its processes; does not block.
    var scan: ProcessScan { get }

    /// What the processes of an agent use; `nil` when it has none, or they were not looked at yet; does not block.
    func usage(of agent: AgentID) -> ProcessUsage?

    /// Looks up what the scans leave out; what is gone is left out.
    ///
    /// Reads files of the kernel, so not for event loops: some ten microseconds a process, and some milliseconds where
    /// there are thousands of connections.
    func details(of processes: [ProcessIdentity]) -> [ProcessIdentity: ProcessDetails]

    /// Signals a process, and waits at most 5 seconds for its end; never signals a later process with the same number.
    ///
    /// - Parameters:
    ///   - process: The process; itself only, not what it has started.
    ///   - signal: The signal.
    ///   - allowsForeign: Whether it may be one that was not started here, if it is a program that clients ask for and
    ///     acts for the same user as the server.
    /// - Returns: What came of it.
    func signal(
        _ process: ProcessIdentity, _ signal: ProcessSignal, allowsForeign: Bool
    ) async -> ProcessSignalOutcome
}
