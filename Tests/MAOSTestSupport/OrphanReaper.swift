import Foundation
import MAOSSystem

/// Takes ended descendants that the test's program has adopted off the kernel's list.
///
/// A supervisor makes its process the parent of orphans, also of those of exit tests. The testing library waits for exit tests by
/// asking for any ended child, and gets no further while there is one that nobody takes.
package enum OrphanReaper {
    private static let thread: SystemThread? = try? SystemThread(name: "orphan-reaper") {
        let own: Int32 = ProcessSettings.processNumber
        let session: Int32 = ProcessTable.status(of: own)?.session ?? 0
        while true {
            for pid in ProcessTable.children(ofThread: own, in: own) ?? [] {
                guard let status: ProcessStatus = ProcessTable.status(of: pid), status.isDead else { continue }
                // Exit tests themselves are in this session; what supervisors start is not, once it runs.
                guard status.session != session || ProcessTable.name(of: pid) == "maos-agents" else { continue }
                _ = ProcessExit.collect(pid)
            }
            Thread.sleep(forTimeInterval: 0.02)
        }
    }

    /// Begins, if it has not: call it before supervisors and exit tests share a program.
    package static func start() {
        _ = thread
    }
}
