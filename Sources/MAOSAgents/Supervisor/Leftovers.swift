internal import Glibc
package import MAOSCore
internal import MAOSSystem

/// Processes that a server which was killed has left behind.
///
/// The roots of its process trees were killed by the kernel with it. What they had started is found by the marker in its
/// environment, by the recorded roots (number and start time), by their sessions, and by descent from any of these.
package enum Leftovers {
    /// What ending them brought.
    package struct Outcome: Hashable, Sendable {
        /// Processes that were there and are gone.
        package let ended: Int
        /// Processes that were still there when the time was over, for example because a device does not answer.
        package let remaining: [ProcessIdentity]
    }

    /// The file in the folder of runs that says in which boot of the system they were started.
    private static let systemFile: String = "system"
    /// Microseconds between two searches.
    private static let pause: UInt32 = 2_000

    /// Kills everything that is left of an earlier server, and waits until it is gone.
    ///
    /// Called before a runtime is made for the same data folder, and while no other server uses it. Blocks; a
    /// millisecond or so when there is nothing to do.
    ///
    /// - Parameters:
    ///   - recorded: The roots that ran according to the journal.
    ///   - instance: The name of ``ProcessAgentConfiguration/instance``.
    ///   - dataFolder: The folder of ``ProcessAgentConfiguration/dataFolder``.
    ///   - timeout: Milliseconds to wait at most.
    /// - Returns: How many there were, and which could not be ended.
    package static func end(
        recorded: [ProcessIdentity], instance: String, dataFolder: String, timeout: Int64 = 5_000
    ) -> Outcome {
        let search = Search(
            recorded: recorded, beginning: "\(ChildEnvironment.marker)=\(instance)/",
            isSameSystem: recordedSystem(in: dataFolder) == ProcessTable.systemIdentity())
        let deadline: Int64 = SystemClock.monotonicMilliseconds() + timeout
        var killed: Set<ProcessIdentity> = []
        var emptySearches: Int = 0
        while true {
            let found: [ProcessStatus] = search.members()
            let identities: [ProcessIdentity] = found.map { ProcessIdentity(pid: $0.pid, startTicks: $0.startTicks) }
            // A process shows no mark while its program is being loaded, so where there may be something, that is waited for.
            let hadSome: Bool = !killed.isEmpty || !recorded.isEmpty
            let isComplete: Bool = found.isEmpty && !(hadSome && search.mayHaveMissedSome())
            emptySearches = isComplete ? emptySearches + 1 : 0
            guard emptySearches < (killed.isEmpty ? 1 : 2), SystemClock.monotonicMilliseconds() < deadline else {
                return Outcome(ended: killed.subtracting(identities).count, remaining: identities)
            }
            for status in found { Signals.send(Signals.kill, to: status.pid) }
            killed.formUnion(identities)
            usleep(pause)
        }
    }

    /// Notes in which boot of the system the runs of this server are started.
    static func recordSystem(in runs: String) throws(SystemError) {
        try SmallFile.write(Array(ProcessTable.systemIdentity().utf8), to: "\(runs)/\(systemFile)")
    }

    private static func recordedSystem(in dataFolder: String) -> String? {
        SmallFile.read("\(dataFolder)/run/\(systemFile)", limit: 4_096).map { String(decoding: $0, as: UTF8.self) }
    }

    private struct Search {
        let recorded: [ProcessIdentity]
        let beginning: String
        /// Whether session numbers mean what they meant to the earlier server.
        let isSameSystem: Bool

        /// Everything that is left and lives.
        func members() -> [ProcessStatus] {
            let excluded: Set<Int32> = ownLine()
            let all: [Int32] = ProcessTable.all().filter { !excluded.contains($0) }
            var roots: Set<Int32> = []
            for identity in recorded where !excluded.contains(identity.pid) {
                if ProcessTable.status(of: identity.pid)?.startTicks == identity.startTicks {
                    roots.insert(identity.pid)
                }
            }
            for pid in all where ProcessTable.environmentValue(of: pid, beginning: beginning) != nil {
                roots.insert(pid)
            }
            guard !roots.isEmpty || (isSameSystem && !recorded.isEmpty) else { return [] }
            let statuses: [ProcessStatus] = all.compactMap { ProcessTable.status(of: $0) }.filter { !$0.isDead }
            let sessions: [Int32: UInt64] = sessions(roots, statuses)
            for status in statuses {
                if let since: UInt64 = sessions[status.session], status.startTicks >= since { roots.insert(status.pid) }
            }
            return ProcessTree.living(from: roots).filter { !excluded.contains($0.pid) }
        }

        /// Whether a program is being loaded that does not show its mark yet.
        func mayHaveMissedSome() -> Bool {
            let excluded: Set<Int32> = ownLine()
            return ProcessTable.all().contains { !excluded.contains($0) && ProcessTable.isBeingLoaded($0) }
        }

        /// The sessions that are the earlier server's, with the earliest start of a process in them.
        private func sessions(_ roots: Set<Int32>, _ statuses: [ProcessStatus]) -> [Int32: UInt64] {
            var sessions: [Int32: UInt64] = [:]
            let own: Int32? = ProcessTable.status(of: ProcessSettings.processNumber)?.session
            // A marked process cannot have joined a session, only begun one or been born into it.
            for status in statuses where roots.contains(status.pid) && status.session != own {
                sessions[status.session] = 0
            }
            guard isSameSystem else { return sessions }
            for identity in recorded {
                // A living leader with another start time has taken over the number.
                let leader: ProcessStatus? = ProcessTable.status(of: identity.pid)
                guard leader == nil || leader?.startTicks == identity.startTicks else { continue }
                sessions[identity.pid] = identity.startTicks
            }
            return sessions
        }

        /// This process and those it descends from.
        private func ownLine() -> Set<Int32> {
            var line: Set<Int32> = [1]
            var pid: Int32 = ProcessSettings.processNumber
            while pid > 1, line.insert(pid).inserted {
                pid = ProcessTable.status(of: pid)?.parent ?? 0
            }
            return line
        }
    }
}
