package import MAOSCore
internal import MAOSSystem

/// Looks at this machine and its processes when it is told to, and answers from what it found, for any thread.
package final class HostMonitor: HostInformation {
    /// What only whoever takes looks touches.
    private struct Instruments {
        var probe: HostProbe
        var scanner: ProcessScanner
        var watch: ResourceWatch
    }

    private struct Newest {
        var reading = HostReading()
        var scan = ProcessScan()
        var usage: [AgentID: ProcessUsage] = [:]
    }

    private let instruments: Locked<Instruments>
    private let newest = Locked(Newest())
    private let runtime: ProcessAgentRuntime

    /// Has not looked yet.
    ///
    /// - Parameters:
    ///   - disk: A folder on the file system that counts.
    ///   - runtime: What runs agents here.
    ///   - thresholds: From which usage on people are told.
    package init(disk: String, runtime: ProcessAgentRuntime, thresholds: ResourceThresholds) {
        self.runtime = runtime
        instruments = Locked(
            Instruments(probe: HostProbe(disk: disk), scanner: ProcessScanner(), watch: ResourceWatch(thresholds)))
    }

    /// Takes a look: some five microseconds a process, so not on event loops.
    ///
    /// - Parameter now: The time.
    /// - Returns: What there is to tell about resources that run short.
    package func look(at now: Instant) -> [ResourceAlert] {
        let moment: ProbeMoment = .now(now)
        let table: SupervisionTable.State = runtime.supervision.current
        let (found, changes): (Newest, [ResourceAlert]) = instruments.withLock { (instruments: inout Instruments) in
            var found = Newest()
            found.reading = instruments.probe.read(at: moment)
            let finding: ProcessScanner.Finding = instruments.scanner.look(at: moment, table)
            found.scan = finding.scan
            found.usage = finding.usage
            found.reading.processes = finding.scan.processes.count
            let changes: [ResourceAlert] = instruments.watch.look(at: found.reading)
            return (found, changes)
        }
        // What was newest before is let go outside the lock.
        var former: Newest = found
        newest.withLock { swap(&$0, &former) }
        return changes
    }

    /// Goes by other thresholds from the next look on.
    package func use(_ thresholds: ResourceThresholds) {
        instruments.withLock { $0.watch.thresholds = thresholds }
    }

    package var reading: HostReading { newest.withLock { $0.reading } }

    package var scan: ProcessScan { newest.withLock { $0.scan } }

    package func usage(of agent: AgentID) -> ProcessUsage? { newest.withLock { $0.usage[agent] } }

    package func details(of processes: [ProcessIdentity]) -> [ProcessIdentity: ProcessDetails] {
        ProcessLookup.details(of: processes)
    }

    package func signal(
        _ process: ProcessIdentity, _ signal: ProcessSignal, allowsForeign: Bool
    ) async -> ProcessSignalOutcome {
        await runtime.signal(process, signal, allowsForeign: allowsForeign)
    }
}
