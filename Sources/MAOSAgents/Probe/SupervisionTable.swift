package import MAOSCore
package import MAOSSystem

/// Which processes were started here and whose they are, for any thread to ask.
package final class SupervisionTable: Sendable {
    /// A process that was started here.
    package struct Root: Hashable, Sendable {
        /// The process.
        package var process: ProcessIdentity
        /// Whose it is.
        package var owner: ProcessOwner
    }

    /// The table at one moment.
    package struct State: Sendable {
        /// By the number of the process.
        package fileprivate(set) var roots: [Int32: Root] = [:]
        /// Sessions and process groups, to the number of the process that was started.
        package fileprivate(set) var groups: [Int32: Int32] = [:]

        /// Nothing was started.
        package init() {}

        /// What was started with exactly this process, or is in its session or process group; its ancestors are not asked.
        package func root(of status: ProcessStatus) -> Root? {
            if let root: Root = roots[status.pid], root.process.startTicks == status.startTicks { return root }
            let number: Int32? = groups[status.session] ?? groups[status.group]
            return number.flatMap { roots[$0] }
        }
    }

    private let state = Locked(State())

    /// Makes an empty one.
    package init() {}

    /// The table as it is.
    package var current: State { state.withLock { $0 } }

    /// Notes a process that was started, which leads its session and process group.
    package func add(_ process: ProcessIdentity, owner: ProcessOwner) {
        state.withLock { (state: inout State) in
            state.roots[process.pid] = Root(process: process, owner: owner)
            state.groups[process.pid] = process.pid
        }
    }

    /// Notes another session or process group of a process that was started.
    package func add(group: Int32, of process: ProcessIdentity) {
        state.withLock { (state: inout State) in
            guard state.roots[process.pid]?.process == process else { return }
            state.groups[group] = process.pid
        }
    }

    /// Forgets a process of which nothing is left.
    package func remove(_ process: ProcessIdentity, groups: Set<Int32>) {
        state.withLock { (state: inout State) in
            guard state.roots[process.pid]?.process == process else { return }
            state.roots[process.pid] = nil
            for group: Int32 in groups where state.groups[group] == process.pid { state.groups[group] = nil }
        }
    }

    /// Whose a process is, going by its ancestors too; nil when it was not started here.
    ///
    /// Reads `/proc`.
    package func owner(of status: ProcessStatus) -> ProcessOwner? {
        let table: State = current
        var status: ProcessStatus = status
        for _ in 0..<ProcessScanner.deepest {
            if let root: Root = table.root(of: status) { return root.owner }
            guard status.parent > 1, let parent: ProcessStatus = ProcessTable.status(of: status.parent) else {
                return nil
            }
            status = parent
        }
        return nil
    }
}
