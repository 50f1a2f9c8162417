package import MAOSCore
package import MAOSSystem

/// Runs agents and their tasks as processes of this host.
///
/// A thread of its own starts the processes, reads what they print and sees them end; effects come to it, and reports go from it,
/// in batches.
package final class ProcessAgentRuntime: AgentRuntime {
    private let loop: EventLoop
    private let host: ProcessHost

    /// What runs here, for those who ask whose a process is.
    package let supervision: SupervisionTable

    /// Prepares the folders and starts the thread.
    ///
    /// - Parameters:
    ///   - configuration: What to run and where.
    ///   - output: Where output goes.
    ///   - time: What output is dated by.
    /// - Throws: ``SystemError`` if a folder cannot be made, or a descriptor or the thread is not to be had.
    package init(
        _ configuration: ProcessAgentConfiguration, output: any OutputStore, time: any TimeSource
    ) throws(SystemError) {
        loop = try EventLoop(name: "maos-agents")
        host = try ProcessHost(loop: loop, configuration: configuration, output: output, time: time)
        supervision = host.supervision
        try loop.start()
    }

    /// Says where reports go; once, before the first effect.
    package func connect(_ reports: any ReportSink) {
        loop.execute { [host] in host.connect(reports) }
    }

    /// Takes effects in order; from any thread, does not wait.
    package func perform(_ effects: [Effect]) {
        loop.execute { [host] in host.perform(effects) }
    }

    /// Goes by other runners from the next start on; what runs is left alone.
    package func use(_ runners: RunnerTable) {
        loop.execute { [host] in host.use(runners) }
    }

    /// Types bytes on the terminal of an agent's resident process.
    ///
    /// - Returns: False when it has none, or takes no more for now.
    package func type(_ bytes: [UInt8], to agent: AgentID) async -> Bool {
        await withCheckedContinuation { continuation in
            loop.execute { [host] in continuation.resume(returning: host.type(bytes, to: agent)) }
        }
    }

    /// Types bytes, and calls a body on the runtime's thread: with false when the agent has no terminal, or takes no more for now.
    package func type(_ bytes: [UInt8], to agent: AgentID, _ done: @escaping @Sendable (Bool) -> Void) {
        loop.execute { [host] in done(host.type(bytes, to: agent)) }
    }

    /// Types bytes, and waits until the process has been given them.
    ///
    /// - Parameters:
    ///   - bytes: What is typed; what is typed later comes after it.
    ///   - agent: Whose process.
    ///   - done: Called once, on the runtime's thread, when the process has been given all of them, or they are refused.
    package func feed(_ bytes: [UInt8], to agent: AgentID, _ done: @escaping @Sendable (Typing) -> Void) {
        loop.execute { [host] in host.feed(bytes, to: agent, done) }
    }

    /// Calls a body for each resident process that ends, with its exit code: on a thread of the output store's, after all of
    /// the process's output, and before its end is reported.
    ///
    /// There is one such body.
    package func whenResidentEnds(_ body: @escaping @Sendable (AgentID, Int) -> Void) {
        loop.execute { [host] in host.whenResidentEnds(body) }
    }

    /// Tells the programs on an agent's terminal a new size.
    package func resize(_ agent: AgentID, to size: TerminalSize) {
        loop.execute { [host] in host.resize(agent, to: size) }
    }

    /// Signals a process, and waits at most 5 seconds for its end, as ``HostInformation/signal(_:_:allowsForeign:)`` says.
    func signal(
        _ process: ProcessIdentity, _ signal: ProcessSignal, allowsForeign: Bool
    ) async -> ProcessSignalOutcome {
        await withCheckedContinuation { continuation in
            loop.execute { [loop, supervision] in
                ProcessSignaller.signal(process, signal, allowsForeign: allowsForeign, supervision, on: loop) {
                    continuation.resume(returning: $0)
                }
            }
        }
    }

    /// Ends every process, with a grace, and then the thread; returns when nothing is left of them and all was reported.
    package func shutDown() async {
        await withCheckedContinuation { continuation in
            loop.execute { [host] in host.shutDown { continuation.resume() } }
        }
        loop.stop()
    }
}
