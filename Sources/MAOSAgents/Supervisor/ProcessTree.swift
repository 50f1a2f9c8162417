internal import MAOSSystem

/// Walks processes and their descendants as the kernel knows them.
enum ProcessTree {
    /// Processes of one walk at most; a tree that has more is walked again once these are gone.
    private static let limit: Int = 65_536

    /// The living processes at and below the given ones, parents before children; what is gone counts for nothing.
    static func living(from roots: some Sequence<Int32>) -> [ProcessStatus] {
        var found: [ProcessStatus] = []
        var seen: Set<Int32> = []
        var waiting: [Int32] = Array(roots)
        while let pid: Int32 = waiting.popLast(), found.count < limit {
            guard seen.insert(pid).inserted, let status: ProcessStatus = ProcessTable.status(of: pid), !status.isDead
            else { continue }
            found.append(status)
            waiting.append(contentsOf: ProcessTable.children(of: pid, threads: status.threads))
        }
        return found
    }
}
