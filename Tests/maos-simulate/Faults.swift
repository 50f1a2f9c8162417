import MAOSCore
import MAOSSimulation

#if EngineFaults

/// Switches each deliberate mistake on by itself, and sees whether a run notices it.
func checkFaults(_ options: Options) async -> Bool {
    var faults: [EngineFault] = EngineFault.allCases
    if let name: String = options.fault {
        faults = faults.filter { $0.rawValue == name }
        guard !faults.isEmpty else {
            print("no fault \(name); there are: \(EngineFault.allCases.map(\.rawValue).joined(separator: " "))")
            return false
        }
    }
    // Only where nothing is found without a mistake is the mistake what is found.
    var campaign = Campaign(
        seeds: options.first...(options.first + options.seeds - 1), steps: options.steps, workers: options.workers)
    campaign.repeated = 0
    let sound: Campaign.Report = await campaign.run()
    if let (plan, outcome) = sound.failure, let failure: BrokenPromise = outcome.failure {
        print("seed \(plan.seed) fails without any mistake in step \(outcome.step): \(failure)")
        return false
    }
    campaign.repeated = 1
    let width: Int = EngineFault.allCases.map(\.rawValue.count).max() ?? 0
    var missed: Int = 0
    for fault: EngineFault in faults {
        EngineFault.active = fault
        let report: Campaign.Report = await campaign.run()
        let name: String = fault.rawValue + String(repeating: " ", count: width - fault.rawValue.count)
        if let (plan, outcome) = report.failure, let failure: BrokenPromise = outcome.failure {
            print(
                "\(name)  seed \(plan.seed), step \(outcome.step), after \(report.runs) runs  \(failure.promise): \(failure.rule)"
            )
            if options.fault != nil { explain(plan, outcome, failure) }
        } else {
            missed += 1
            print("\(name)  NOT FOUND in \(report.runs) runs")
        }
    }
    EngineFault.active = nil
    print(missed == 0 ? "all \(faults.count) faults were found" : "\(missed) of \(faults.count) faults were not found")
    return missed == 0
}

#else

/// Says that there are no mistakes in this build.
func checkFaults(_ options: Options) async -> Bool {
    print("built without the trait EngineFaults; use Scripts/simulate.sh --faults")
    return false
}

#endif
