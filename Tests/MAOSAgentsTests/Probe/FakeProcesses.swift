import Foundation
import MAOSAgents
import MAOSCore
import MAOSTestSupport

/// A folder that looks like `/proc`.
final class FakeProcesses {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    var path: String { folder.path }

    /// Writes a file in place, as the kernel's files stay the same.
    func write(_ text: String, to name: String) throws {
        let url = URL(fileURLWithPath: "\(path)/\(name)")
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try text.write(to: url, atomically: false, encoding: .utf8)
    }

    /// Adds or changes a process.
    func put(
        _ pid: Int32, _ name: String = "sleep", parent: Int32 = 1, group: Int32? = nil, session: Int32? = nil,
        state: String = "S", ticks: Int = 0, childTicks: Int = 0, threads: Int = 1, start: UInt64 = 100,
        pages: Int = 10,
        stack: UInt64 = 7, arguments: [String] = ["sleep", "1000"]
    ) throws {
        try write(
            "\(pid) (\(name)) \(state) \(parent) \(group ?? pid) \(session ?? pid) 0 -1 4194304 1 0 0 0 \(ticks) 0 "
                + "\(childTicks) 0 20 0 \(threads) 0 \(start) 1000 \(pages) 18446744073709551615 1 2 \(stack) 0 0\n",
            to: "\(pid)/stat")
        try write(arguments.map { $0 + "\0" }.joined(), to: "\(pid)/cmdline")
        // It leads nowhere, so whether it is there is seen by asking where it leads.
        if (try? FileManager.default.destinationOfSymbolicLink(atPath: "\(path)/\(pid)/cwd")) == nil {
            try FileManager.default.createSymbolicLink(
                atPath: "\(path)/\(pid)/cwd", withDestinationPath: "/srv/of-\(pid)")
        }
    }

    /// Takes a process away.
    func remove(_ pid: Int32) throws { try FileManager.default.removeItem(atPath: "\(path)/\(pid)") }

    /// So many seconds after the first moment.
    static func moment(_ seconds: Double) -> ProbeMoment {
        ProbeMoment(
            time: Instant(milliseconds: 1_700_000_000_000 + Int64(seconds * 1_000)),
            nanoseconds: 5_000_000_000 + Int64(seconds * 1e9))
    }
}
