internal import MAOSCore
internal import MAOSSystem

/// Looks up what scans of all processes leave out.
enum ProcessLookup {
    private static let tables: [String] = ["tcp", "tcp6", "udp", "udp6"]

    /// Looks at some processes; what is gone by now is left out.
    static func details(of processes: [ProcessIdentity]) -> [ProcessIdentity: ProcessDetails] {
        var found: [ProcessIdentity: ProcessDetails] = [:]
        var connections: Set<UInt64>?
        for process: ProcessIdentity in processes {
            guard ProcessTable.status(of: process.pid)?.startTicks == process.startTicks else { continue }
            var details = ProcessDetails()
            details.workingDirectory = ProcessTable.workingDirectory(of: process.pid)
            if let (count, sockets): (Int, [UInt64]) = ProcessTable.openFiles(of: process.pid) {
                details.openFiles = count
                if sockets.isEmpty {
                    details.connections = 0
                } else {
                    let known: Set<UInt64> = connections ?? networkSockets()
                    connections = known
                    details.connections = sockets.count(where: known.contains)
                }
            }
            found[process] = details
        }
        return found
    }

    /// The numbers of all TCP and UDP sockets that this program's part of the network has.
    private static func networkSockets() -> Set<UInt64> {
        var numbers: Set<UInt64> = []
        var buffer: [UInt8] = []
        for table: String in tables {
            _ = KernelFile("/proc/net/\(table)").read(into: &buffer) { (text: Span<UInt8>) -> Bool? in
                numbers.formUnion(NamedCounters.sockets(text))
                return true
            }
        }
        return numbers
    }
}
