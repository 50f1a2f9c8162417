internal import Glibc
internal import MAOSSystem

/// What the command line asks for, carried out.
enum Program {
    /// Runs the benchmarks, or one of the parts they start as processes of their own.
    ///
    /// - Parameter arguments: Without the program's name.
    /// - Returns: The exit code: 0, 1 when a scenario could not be measured, 2 for wrong usage.
    static func run(_ arguments: [String]) -> Int32 {
        if arguments.first == BareResponder.command { return BareResponder.run(Array(arguments.dropFirst())) }
        if arguments.first == BareFanout.command { return BareFanout.run(Array(arguments.dropFirst())) }
        let options: Options
        switch Options.parse(arguments) {
        case .success(.help):
            print(Options.help)
            return 0
        case .success(.run(let parsed)):
            options = parsed
        case .failure(let error):
            write(error: "maos-bench: \(error.message)\n")
            return 2
        }
        return measure(options)
    }

    private static func measure(_ options: Options) -> Int32 {
        let machine = Machine.probe(folder: options.folder)
        print(machine.summary)
        var report = Report(machine: machine, options: options)
        for scenario: Scenario in options.scenarios {
            write(error: "measuring \(scenario.rawValue) …\n")
            do {
                try report.add(scenario.measure(options))
            } catch {
                report.addFailure(of: scenario, "\(error)")
                write(error: "maos-bench: \(scenario.rawValue): \(error)\n")
            }
        }
        print("")
        print(report.table)
        if let path: String = options.json {
            do {
                try report.write(to: path)
                print("\nwritten to \(path)")
            } catch {
                write(error: "maos-bench: \(path): \(error)\n")
                return 1
            }
        }
        return report.hasFailures ? 1 : 0
    }

    /// Writes to standard error.
    static func write(error text: String) {
        var text: String = text
        _ = text.withUTF8 { Glibc.write(2, $0.baseAddress, $0.count) }
    }
}

/// Why something could not be measured.
struct BenchError: Error, CustomStringConvertible {
    /// For people.
    let message: String

    init(_ message: String) { self.message = message }

    var description: String { message }
}
