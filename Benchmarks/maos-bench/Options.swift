internal import Glibc

/// What to measure, and how.
struct Options: Sendable {
    /// What the command line comes down to.
    enum Wish {
        case help
        case run(Options)
    }

    var scenarios: [Scenario] = Scenario.usual
    /// The server's program; needed by the scenarios that talk to one.
    var server: String?
    /// Where the results go as JSON.
    var json: String?
    /// Where databases are made and removed again; decides which disk is measured.
    var folder: String = "/tmp"
    /// How often a measurement is repeated; the median counts.
    var runs: Int = 3
    /// Seconds a measurement takes, where it has a fixed duration.
    var seconds: Double = 3
    /// Keep-alive connections of the load.
    var connections: Int = 64
    /// Whether to measure the start with a large database too.
    var isLarge: Bool = false
    /// Finished tasks of the large database.
    var finishedTasks: Int = 1_000_000
    /// Tasks of the large database that still wait.
    var liveTasks: Int = 10_000

    static let help = """
        usage: maos-bench [options] [scenario…]

        Measures MAOS, each figure beside a yardstick from the same run.

        scenarios (all of them where none is named):
        \(Scenario.allCases.map { "  \($0.rawValue.padded(to: 16)) \($0.summary)" }.joined(separator: "\n"))

        options:
          --server PATH      the server's program, built in release mode
          --json PATH        write the results as JSON too
          --folder PATH      where databases are made (default $TMPDIR, else /tmp)
          --runs N           repetitions; the median counts (default 3)
          --seconds N        length of one measurement (default 3)
          --connections N    keep-alive connections (default 64)
          --large            also start with a large database (makes it first: about a minute)
          --finished N       its finished tasks (default 1000000)
          --live N           its waiting tasks (default 10000)
        """

    /// Reads the command line.
    static func parse(_ arguments: [String]) -> Result<Wish, BenchError> {
        var options = Options()
        if let folder: UnsafeMutablePointer<CChar> = getenv("TMPDIR") { options.folder = String(cString: folder) }
        var named: [Scenario] = []
        var rest: ArraySlice<String> = arguments[...]
        while let argument: String = rest.popFirst() {
            switch argument {
            case "--help", "-h":
                return .success(.help)
            case "--large":
                options.isLarge = true
            case let flag where flag.hasPrefix("--"):
                guard let value: String = rest.popFirst() else { return .failure(BenchError("\(flag) needs a value")) }
                if let error: BenchError = options.set(flag, value) { return .failure(error) }
            default:
                guard let scenario = Scenario(rawValue: argument) else {
                    let known: String = Scenario.allCases.map(\.rawValue).joined(separator: ", ")
                    return .failure(BenchError("no scenario is called \(argument); there are \(known)"))
                }
                named.append(scenario)
            }
        }
        if !named.isEmpty { options.scenarios = named }
        return .success(.run(options))
    }

    private mutating func set(_ flag: String, _ value: String) -> BenchError? {
        switch flag {
        case "--server": server = value
        case "--json": json = value
        case "--folder": folder = value
        case "--seconds":
            guard let number = Double(value), number >= 0.1, number <= 600 else {
                return BenchError("--seconds is a number from 0.1 to 600, not \(value)")
            }
            seconds = number
        case "--runs": return Options.set(&runs, flag, value, 1...101)
        case "--connections": return Options.set(&connections, flag, value, 1...10_000)
        case "--finished": return Options.set(&finishedTasks, flag, value, 0...100_000_000)
        case "--live": return Options.set(&liveTasks, flag, value, 0...1_000_000)
        default: return BenchError("unknown option \(flag)")
        }
        return nil
    }

    private static func set(
        _ place: inout Int, _ flag: String, _ value: String, _ range: ClosedRange<Int>
    ) -> BenchError? {
        guard let number = Int(value), range.contains(number) else {
            return BenchError("\(flag) is a whole number from \(range.lowerBound) to \(range.upperBound), not \(value)")
        }
        place = number
        return nil
    }

    /// The length of a measurement in nanoseconds.
    var window: Int64 { Int64(seconds * 1e9) }

    /// The server's program.
    func requireServer() throws(BenchError) -> String {
        guard let server else { throw BenchError("needs --server PATH") }
        return server
    }
}
