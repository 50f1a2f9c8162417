internal import Glibc
internal import MAOSAgents
internal import MAOSCore
internal import MAOSSystem

/// What it costs to look at the machine and all of its processes, as the server does once a second.
enum HostScenario {
    private static let processes: Int = 2_000

    static func measure(_ options: Options) throws -> ScenarioResult {
        // So many descriptors as a server has.
        DescriptorLimit.raise()
        let sleepers: Sleepers = try Sleepers(count: processes)
        let looks: Int = max(3, Int(options.seconds))
        var (ours, first, bare): ([Double], [Double], [Double]) = ([], [], [])
        for _ in 0..<options.runs {
            let probe = HostProbe(disk: options.folder)
            let scanner = ProcessScanner()
            let table = SupervisionTable()
            func look() {
                let moment: ProbeMoment = .now(Instant(milliseconds: SystemClock.wallMilliseconds()))
                _ = probe.read(at: moment)
                _ = scanner.look(at: moment, table.current)
            }
            first.append(share(1, look))
            ours.append(share(looks, look))
            bare.append(share(looks) { readAll(sleepers.pids) })
        }
        let yardstick = Figure.Yardstick(name: "open, read, close of each stat", values: bare)
        return ScenarioResult(
            scenario: .host,
            figures: [
                Figure(
                    name: "of a core, a look a second", unit: .percent, values: ours, yardstick: yardstick,
                    targets: [.atMost(2)]),
                Figure(name: "of a core, the first second", unit: .percent, values: first),
            ])
    }

    /// The part of a core that a look takes once a second, 0…100, from the CPU time of this thread.
    private static func share(_ looks: Int, _ look: () -> Void) -> Double {
        var cpu: Int64 = 0
        for _ in 0..<looks {
            // The second in between goes by without us, and with it what the processor remembers.
            usleep(looks > 1 ? 1_000_000 : 0)
            let begin: Int64 = ProcessProbe.ownThreadNanoseconds()
            look()
            cpu += ProcessProbe.ownThreadNanoseconds() - begin
        }
        return Double(cpu) / Double(looks) / 1e9 * 100
    }

    private static func readAll(_ pids: [pid_t]) {
        withUnsafeTemporaryAllocation(byteCount: 1_024, alignment: 16) { buffer in
            for pid: pid_t in pids {
                let file: CInt = open("/proc/\(pid)/stat", O_RDONLY | O_CLOEXEC)
                guard file >= 0 else { continue }
                _ = read(file, buffer.baseAddress, buffer.count)
                close(file)
            }
        }
    }
}

/// Processes that do nothing, until nobody needs them any more.
private final class Sleepers {
    private(set) var pids: [pid_t] = []

    init(count: Int) throws(BenchError) {
        for _ in 0..<count {
            var pid: pid_t = 0
            let code: CInt = ArgumentVector.with(["/bin/sleep", "600"]) { arguments in
                ArgumentVector.with(["PATH=/usr/bin:/bin"]) { environment in
                    posix_spawn(&pid, "/bin/sleep", nil, nil, arguments, environment)
                }
            }
            guard code == 0 else {
                throw BenchError("/bin/sleep cannot be started: \(String(cString: strerror(code)))")
            }
            pids.append(pid)
        }
    }

    deinit {
        for pid: pid_t in pids where pid > 1 { kill(pid, SIGKILL) }
        var status: CInt = 0
        for pid: pid_t in pids where pid > 1 { waitpid(pid, &status, 0) }
    }
}
