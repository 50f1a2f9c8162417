internal import MAOSCore
internal import MAOSSystem

/// Descendants that lost their parent and were given to this process, and whose they are.
///
/// Confined to the supervisor's loop.
struct OrphanRegistry {
    private enum Owner {
        case process(SupervisedProcess)
        /// Nothing tells whose it is; it is one of these, and ends with the last of them.
        case oneOf([SupervisedProcess])
        /// A child of another part of the program.
        case foreign
    }

    private struct Orphan {
        var startTicks: UInt64
        var owner: Owner
        /// Whether its variables could be read, so that looking again brings nothing new.
        var isSettled: Bool
    }

    /// Milliseconds between two looks at whether the adopting thread still runs.
    private static let adopterCheck: Int64 = 10
    /// Looks in a row at most, so that nobody who forks for ever keeps the loop.
    private static let lookLimit: Int = 100

    /// Whether every child that the supervisor did not start is an orphan, because nothing else in this program starts processes.
    let isExclusive: Bool

    private let ownNumber: Int32 = ProcessSettings.processNumber
    private let ownSession: Int32 = ProcessTable.status(of: ProcessSettings.processNumber)?.session ?? 0
    /// The thread of ours that the kernel gives orphans to: the first one that still runs.
    private var adopter: Int32 = ProcessSettings.processNumber
    private var adopterCheckedAt: Int64 = 0
    private var orphans: [Int32: Orphan] = [:]
    /// Ended orphans that were taken off the kernel's list.
    private var collected: Int = 0

    /// Whether there are orphans that belong to no process that runs.
    var hasUnclaimed: Bool {
        orphans.values.contains { orphan in
            if case .oneOf = orphan.owner { true } else { false }
        }
    }

    init(isExclusive: Bool) {
        self.isExclusive = isExclusive
    }

    /// Looks for orphans that came or ended, takes the ended ones off the kernel's list, and finds owners for the new ones.
    ///
    /// One small read where there are none.
    ///
    /// - Parameter supervisor: Knows the processes that an orphan may belong to.
    mutating func refresh(_ supervisor: ProcessSupervisor) {
        // The children of an orphan come to us as it ends, which may be after the list was read that it is on: whoever
        // has taken one off it looks again.
        for _ in 0..<OrphanRegistry.lookLimit {
            let before: Int = collected
            look(supervisor)
            if collected == before { return }
        }
    }

    private mutating func look(_ supervisor: ProcessSupervisor) {
        let children: [Int32] = adoptedChildren(now: supervisor.loop.now)
        if children.isEmpty {
            if !orphans.isEmpty { forgetAll(except: []) }
            return
        }
        var present: Set<Int32> = []
        for pid in children where supervisor.process(ofRoot: pid) == nil {
            present.insert(pid)
            if let known: Orphan = orphans[pid] {
                look(at: pid, known, supervisor)
            } else {
                take(pid, supervisor)
            }
        }
        if present.count < orphans.count { forgetAll(except: present) }
    }

    /// A process has ended, so nothing belongs to it any more; what might have been its own and nobody else's is killed.
    mutating func ended(_ process: SupervisedProcess) {
        for (pid, orphan) in orphans {
            guard case .oneOf(var candidates) = orphan.owner else { continue }
            candidates.removeAll { $0 === process }
            orphans[pid]?.owner = .oneOf(candidates)
            if candidates.isEmpty { killTree(of: pid) }
        }
    }

    private mutating func adoptedChildren(now: Int64) -> [Int32] {
        if let children: [Int32] = ProcessTable.children(ofThread: adopter, in: ownNumber), !children.isEmpty {
            return children
        }
        // The first thread may have ended without the process; it does so once, if at all.
        guard now >= adopterCheckedAt + OrphanRegistry.adopterCheck else { return [] }
        adopterCheckedAt = now
        guard ProcessTable.threadHasEnded(adopter) else { return [] }
        for thread in ProcessTable.threads(of: ownNumber) where !ProcessTable.threadHasEnded(thread) {
            adopter = thread
            return ProcessTable.children(ofThread: thread, in: ownNumber) ?? []
        }
        return []
    }

    private mutating func take(_ pid: Int32, _ supervisor: ProcessSupervisor) {
        guard let status: ProcessStatus = ProcessTable.status(of: pid) else { return }
        let owner: Owner = owner(of: status, supervisor)
        switch owner {
        case .process(let process):
            if hasEnded(pid, of: process) { return }
            process.orphans.insert(pid)
            process.remember(status)
        case .oneOf(let candidates):
            if hasEnded(pid) { return }
            precondition(!candidates.isEmpty, "an orphan that may be anybody's is foreign")
        case .foreign:
            // A process that has ended shows no variables any more. What is in another session than this program was not
            // started by other parts of it, as a rule, so it is taken off the list here.
            if status.isDead, isExclusive || status.session != ownSession, hasEnded(pid) { return }
        }
        orphans[pid] = Orphan(
            startTicks: status.startTicks, owner: owner, isSettled: !ProcessTable.environmentIsEmpty(of: pid))
    }

    /// Looks again at an orphan that was there before.
    private mutating func look(at pid: Int32, _ known: Orphan, _ supervisor: ProcessSupervisor) {
        switch known.owner {
        case .process(let process):
            if hasEnded(pid, of: process) { forget(pid) }
        case .oneOf(let candidates):
            if hasEnded(pid) { return forget(pid) }
            if candidates.isEmpty { return killTree(of: pid) }
            guard !known.isSettled, let status: ProcessStatus = ProcessTable.status(of: pid),
                case .process = owner(of: status, supervisor)
            else { return }
            take(pid, supervisor)
        case .foreign:
            let status: ProcessStatus? = ProcessTable.status(of: pid)
            if known.isSettled, status?.startTicks == known.startTicks, status?.isDead == false { return }
            take(pid, supervisor)
        }
    }

    private func killTree(of pid: Int32) {
        for member in ProcessTree.living(from: [pid]) { Signals.send(Signals.kill, to: member.pid) }
    }

    private func owner(of status: ProcessStatus, _ supervisor: ProcessSupervisor) -> Owner {
        if let process = supervisor.process(ofGroup: status.session) ?? supervisor.process(ofGroup: status.group) {
            return .process(process)
        }
        if let marker: String = ProcessTable.environmentValue(of: status.pid, beginning: supervisor.markerBeginning),
            let process: SupervisedProcess = supervisor.process(ofOwner: marker)
        {
            return .process(process)
        }
        // The first process of a container is given the orphans of strangers too.
        guard isExclusive, ownNumber != 1 else { return .foreign }
        let candidates: [SupervisedProcess] = supervisor.allProcesses.filter {
            $0.identity.startTicks <= status.startTicks
        }
        return switch candidates.count {
        case 0: .foreign
        case 1: .process(candidates[0])
        default: .oneOf(candidates)
        }
    }

    /// Takes an ended child off the kernel's list.
    private mutating func hasEnded(_ pid: Int32, of process: SupervisedProcess? = nil) -> Bool {
        switch ProcessExit.collect(pid) {
        case .running: return false
        case .ended(let child):
            collected += 1
            process?.orphanTime += child.processorTime
            return true
        case .notOurs:
            // Somebody else in this program has taken it off.
            collected += 1
            return true
        }
    }

    private mutating func forget(_ pid: Int32) {
        guard let orphan: Orphan = orphans.removeValue(forKey: pid) else { return }
        if case .process(let process) = orphan.owner { process.orphans.remove(pid) }
    }

    private mutating func forgetAll(except present: Set<Int32>) {
        for pid in orphans.keys where !present.contains(pid) { forget(pid) }
    }
}
