internal import MAOSCore
internal import MAOSSystem

/// Finds out which processes belong to what was started here, and adds up what they use.
struct ProcessTrees {
    private struct Sum {
        var ticks: UInt64 = 0
        var usage = ProcessUsage()
    }

    private static let unknown: Int32 = -2
    private static let none: Int32 = -1

    /// What the processes of agents use, as of the last look.
    private(set) var usage: [AgentID: ProcessUsage] = [:]
    /// Clock ticks of each tree at the look before.
    private var ticks: [ProcessIdentity: UInt64] = [:]

    /// Looks at every process.
    ///
    /// - Parameters:
    ///   - processes: All there are, by number.
    ///   - table: What was started here.
    ///   - last: The time of the look before.
    ///   - seconds: Since then.
    /// - Returns: Whose each process is.
    mutating func look(
        at processes: [ProcessScanner.Known], _ table: SupervisionTable.State, since last: Instant?, seconds: Double?
    ) -> [ProcessOwner?] {
        guard !table.roots.isEmpty else {
            usage = [:]
            ticks = [:]
            return Array(repeating: nil, count: processes.count)
        }
        let roots: [SupervisionTable.Root] = Array(table.roots.values)
        let found: [Int32] = assign(processes, roots, table)
        var sums: [Sum] = Array(repeating: Sum(), count: roots.count)
        for (process, root) in zip(processes, found) where root >= 0 {
            // A process that has ended, and was not asked for, still has the time it used.
            sums[Int(root)].ticks &+= process.status.processorTicks
            guard !process.status.isDead else { continue }
            sums[Int(root)].usage.residentBytes += process.reading.residentBytes
            sums[Int(root)].usage.threads += process.status.threads
            sums[Int(root)].usage.processes += 1
        }
        addUp(
            roots, sums,
            isYoung: { (pid: Int32) in
                guard let last, let index: Int = ProcessTrees.index(of: pid, in: processes) else { return false }
                return processes[index].reading.startedAt >= last
            }, seconds: seconds)
        return found.map { $0 >= 0 ? roots[Int($0)].owner : nil }
    }

    private mutating func addUp(
        _ roots: [SupervisionTable.Root], _ sums: [Sum], isYoung: (Int32) -> Bool, seconds: Double?
    ) {
        let ticksPerSecond = Double(ProcessTable.ticksPerSecond)
        var newTicks: [ProcessIdentity: UInt64] = [:]
        newTicks.reserveCapacity(roots.count)
        usage = [:]
        for (root, sum) in zip(roots, sums) {
            var sum: Sum = sum
            newTicks[root.process] = sum.ticks
            let before: UInt64? = ticks[root.process] ?? (isYoung(root.process.pid) ? 0 : nil)
            // What processes used that ended and were not waited for by their own is missing then.
            if let seconds, let before, sum.ticks > before {
                sum.usage.cpuPercent = Double(sum.ticks - before) * 100 / ticksPerSecond / seconds
            }
            let earlier: ProcessUsage = usage[root.owner.agent] ?? ProcessUsage()
            usage[root.owner.agent] = earlier + sum.usage
        }
        ticks = newTicks
    }

    /// For each process, the place of the root that it belongs to, or -1.
    private func assign(
        _ processes: [ProcessScanner.Known], _ roots: [SupervisionTable.Root], _ table: SupervisionTable.State
    ) -> [Int32] {
        var places: [Int32: Int32] = [:]
        for (place, root) in roots.enumerated() { places[root.process.pid] = Int32(place) }
        var found: [Int32] = Array(repeating: ProcessTrees.unknown, count: processes.count)
        var path: [Int] = []
        for start: Int in processes.indices where found[start] == ProcessTrees.unknown {
            path.removeAll(keepingCapacity: true)
            var answer: Int32 = ProcessTrees.none
            var index: Int? = start
            // From one process to its parent, until one is known to belong to somebody or to nobody.
            while let at: Int = index, path.count < ProcessScanner.deepest {
                if found[at] != ProcessTrees.unknown {
                    answer = found[at]
                    break
                }
                path.append(at)
                let status: ProcessStatus = processes[at].status
                if let root: SupervisionTable.Root = table.root(of: status), let place: Int32 = places[root.process.pid]
                {
                    answer = place
                    break
                }
                index = status.parent > 1 ? ProcessTrees.index(of: status.parent, in: processes) : nil
            }
            for at: Int in path { found[at] = answer }
        }
        return found
    }

    private static func index(of pid: Int32, in processes: [ProcessScanner.Known]) -> Int? {
        var (low, high): (Int, Int) = (0, processes.count)
        while low < high {
            let middle: Int = (low + high) / 2
            if processes[middle].pid < pid { low = middle + 1 } else { high = middle }
        }
        return low < processes.count && processes[low].pid == pid ? low : nil
    }
}
