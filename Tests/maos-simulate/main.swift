import Glibc
import MAOSCore
import MAOSSimulation

/// What is asked for on the command line.
struct Options {
    var seeds: UInt64 = 100
    var first: UInt64 = 1
    var steps: Int = 2_200
    var seed: UInt64?
    var only: [Int]?
    var workers: Int = 2
    var checksFaults = false
    var fault: String?
    var goesOn = false
}

let usage: String = """
    usage: maos-simulate [SEEDS] [--from SEED] [--steps COUNT] [--workers COUNT] [--all]
           maos-simulate --seed SEED [--steps COUNT] [--only STEP,FIRST-LAST…]
           maos-simulate --faults [SEEDS] [--fault NAME]
    """

/// Reads the arguments; `nil` when they are not understood.
func parse(_ arguments: [String]) -> Options? {
    var options = Options()
    var rest: ArraySlice<String> = arguments[...]
    while let argument: String = rest.popFirst() {
        switch argument {
        case "--faults": options.checksFaults = true
        case "--all": options.goesOn = true
        case "--fault":
            options.fault = rest.popFirst()
            options.checksFaults = true
        case "--from", "--seed", "--steps", "--workers", "--only":
            guard let value: String = rest.popFirst() else { return nil }
            if argument == "--only" {
                options.only = steps(value)
                continue
            }
            guard let number = UInt64(value) else { return nil }
            switch argument {
            case "--from": options.first = number
            case "--seed": options.seed = number
            case "--steps": options.steps = Int(number)
            default: options.workers = max(1, Int(number))
            }
        default:
            guard let count = UInt64(argument), count > 0 else { return nil }
            options.seeds = count
        }
    }
    return options
}

func seconds(since start: ContinuousClock.Instant) -> Double {
    let parts = (ContinuousClock.now - start).components
    return Double(parts.seconds) + Double(parts.attoseconds) / 1e18
}

func rounded(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }

/// Steps as `--only` takes them: numbers and ranges.
func text(_ steps: [Int]) -> String {
    var parts: [ClosedRange<Int>] = []
    for step: Int in steps {
        if let last: ClosedRange<Int> = parts.last, last.upperBound + 1 == step {
            parts[parts.count - 1] = last.lowerBound...step
        } else {
            parts.append(step...step)
        }
    }
    guard !parts.isEmpty else { return "none" }
    return parts.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: ",")
}

/// Reads what ``text(_:)`` writes.
func steps(_ text: String) -> [Int] {
    text.split(separator: ",").flatMap { (part: Substring) -> [Int] in
        let ends: [Int] = part.split(separator: "-").compactMap { Int($0) }
        guard let first: Int = ends.first, let last: Int = ends.last, first <= last else { return [] }
        return Array(first...last)
    }
}

/// Makes one run, with its trace.
func runOne(_ seed: UInt64, _ options: Options) -> Bool {
    var plan = Simulation.Plan(seed: seed, steps: options.steps)
    plan.isRepeated = true
    if let only: [Int] = options.only { plan.steps = only }
    let outcome: Simulation.Outcome = Simulation.run(plan)
    guard let failure: BrokenPromise = outcome.failure else {
        print(
            "seed \(seed): every promise was kept; \(outcome.commands) commands, \(outcome.commits) commits, ",
            terminator: "")
        print("\(outcome.events) events, digest \(outcome.digest)")
        return true
    }
    explain(plan, outcome, failure)
    return false
}

/// Says what went wrong, shortens it, and shows how to see it again.
func explain(_ plan: Simulation.Plan, _ outcome: Simulation.Outcome, _ failure: BrokenPromise) {
    print("seed \(plan.seed) fails in step \(outcome.step): \(failure)")
    var shorter: Simulation.Plan = plan
    shorter.steps = plan.steps.filter { $0 <= outcome.step }
    let result: Shrinker.Result = Shrinker.shrink(shorter, failing: failure)
    print("shortened to \(result.plan.steps.count) steps in \(result.runs) runs:")
    let trace: [String] = result.outcome.trace
    if trace.count > 1_000 { print("  … \(trace.count - 1_000) lines") }
    for line: String in trace.suffix(1_000) { print("  \(line)") }
    if let failure: BrokenPromise = result.outcome.failure { print("  ✘ \(failure)") }
    print("again: Scripts/simulate.sh --seed \(plan.seed) --only \(text(result.plan.steps))")
}

/// Makes many runs.
func runMany(_ options: Options) async -> Bool {
    var campaign = Campaign(
        seeds: options.first...(options.first + options.seeds - 1), steps: options.steps, workers: options.workers)
    campaign.goesOn = options.goesOn
    let start: ContinuousClock.Instant = .now
    let report: Campaign.Report = await campaign.run { (report: Campaign.Report) in
        guard report.runs.isMultiple(of: 50) else { return }
        let elapsed: Double = seconds(since: start)
        print("\(report.runs) seeds, \(report.commands) commands, \(rounded(Double(report.runs) / elapsed)) seeds/s")
    }
    let elapsed: Double = seconds(since: start)
    if options.goesOn {
        for (plan, outcome) in report.failures {
            guard let failure: BrokenPromise = outcome.failure else { continue }
            print("seed \(plan.seed) fails in step \(outcome.step): \(failure)")
        }
        if !report.failures.isEmpty {
            print("\(report.failures.count) of \(report.runs) seeds fail, in \(rounded(elapsed)) s")
            return false
        }
    }
    if let (plan, outcome) = report.failure, let failure: BrokenPromise = outcome.failure {
        explain(plan, outcome, failure)
        return false
    }
    print(
        "\(report.runs) seeds of \(options.steps) steps kept every promise in \(rounded(elapsed)) s: ", terminator: "")
    print(
        "\(report.commands) commands, \(report.commits) commits, \(report.events) events, "
            + "\(Int(Double(report.commands) / elapsed)) commands/s")
    return true
}

guard let options: Options = parse(Array(CommandLine.arguments.dropFirst())) else {
    print(usage)
    exit(2)
}
let isWell: Bool
if options.checksFaults {
    isWell = await checkFaults(options)
} else if let seed: UInt64 = options.seed {
    isWell = runOne(seed, options)
} else {
    isWell = await runMany(options)
}
exit(isWell ? 0 : 1)
