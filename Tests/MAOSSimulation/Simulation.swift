import MAOSCore

/// One run: a server under random clients, agents, clocks, disks and ends, and a check of every promise after every turn.
///
/// Each step draws from a sequence of its own, so that a run with some steps left out is still a run: that is how a
/// failing one is made short.
package struct Simulation {
    /// What one run does.
    package struct Plan: Sendable {
        /// Decides everything.
        package var seed: UInt64
        /// The steps that are taken, in order.
        package var steps: [Int]
        /// Whether the lines of a trace are kept.
        package var keepsTrace = false
        /// Whether it is done twice, and must give the same bytes.
        package var isRepeated = false
        /// The only commit at which the server ends, counted from 0; it ends at random ones where `nil`.
        package var deadlyCommit: Int?

        /// So many steps of a seed.
        package init(seed: UInt64, steps: Int) {
            self.seed = seed
            self.steps = Array(0..<steps)
        }
    }

    /// What came of a run.
    package struct Outcome: Sendable {
        /// What was not kept; `nil` for a run that went well.
        package var failure: BrokenPromise?
        /// The last step taken; one beyond the plan when the world had calmed down already.
        package var step: Int
        /// Commands that the server was given.
        package var commands: Int
        /// Batches that were handed to the journal.
        package var commits: Int
        /// Events that were stored.
        package var events: Int
        /// Of all that was stored and asked for, after each step.
        package var digests: [Digest]
        /// What happened, line by line, where a trace was kept.
        package var trace: [String]

        /// Puts an outcome together.
        package init(
            failure: BrokenPromise?, step: Int, commands: Int, commits: Int, events: Int, digests: [Digest],
            trace: [String]
        ) {
            self.failure = failure
            self.step = step
            self.commands = commands
            self.commits = commits
            self.events = events
            self.digests = digests
            self.trace = trace
        }

        /// Of all that was stored and asked for.
        package var digest: Digest { digests.last ?? Digest() }
    }

    /// How the server ends at a commit.
    private enum Death {
        /// Nothing of the batch is stored.
        case beforeStoring
        /// The batch is stored; the world sees so many of the things that follow.
        case afterStoring(seen: Int)
        /// The batch is stored and told of; so many of its effects are carried out.
        case amidEffects(Int)
    }

    private let plan: Plan
    private var world: World
    private var domains: [any SimulatedDomain] = []
    private var commits: Int = 0
    private var step: Int = 0
    private var digests: [Digest] = []
    /// One in so many commits is the server's last; 0 for none.
    private let deadliness: UInt64
    private var isCalm = false
    /// A batch that the journal threw at.
    private var doubted: Batch?

    private init(_ plan: Plan, disk: any SimulatedDisk) throws(JournalError) {
        self.plan = plan
        var random = SeededRandom(seed: plan.seed)
        var configuration = EngineConfiguration()
        for domain in Domains.all { domains.append(domain.init(&configuration, &random)) }
        deadliness = plan.deadlyCommit == nil ? random.one(of: [0, 20, 60, 200]) : 0
        let seed: UInt64 = random.next()
        world = try World(seed: seed, configuration: configuration, disk: disk, keepsTrace: plan.keepsTrace)
    }

    /// Makes a run in memory; twice where the plan says so.
    package static func run(_ plan: Plan) -> Outcome {
        var outcome: Outcome = run(plan, disk: MemoryDisk())
        guard plan.isRepeated, outcome.failure == nil else { return outcome }
        let digests: [Digest] = run(plan, disk: MemoryDisk()).digests
        guard digests != outcome.digests else { return outcome }
        let index: Int = zip(digests, outcome.digests).enumerated().first { $0.element.0 != $0.element.1 }?.offset ?? 0
        outcome.step = index < plan.steps.count ? plan.steps[index] : outcome.step
        outcome.failure = BrokenPromise(
            promise: .deterministic, rule: "the same seed gives the same bytes", detail: "from step \(outcome.step) on")
        return outcome
    }

    /// Makes a run.
    package static func run(_ plan: Plan, disk: any SimulatedDisk) -> Outcome {
        var simulation: Simulation
        do throws(JournalError) {
            simulation = try Simulation(plan, disk: disk)
        } catch {
            let failure = BrokenPromise(promise: .acknowledged, rule: "an empty disk can be opened", detail: "\(error)")
            return Outcome(
                failure: failure, step: 0, commands: 0, commits: 0, events: 0, digests: [], trace: [])
        }
        var failure: BrokenPromise?
        do throws(BrokenPromise) {
            try simulation.runAll()
        } catch {
            failure = error
        }
        return simulation.outcome(failure)
    }

    private func outcome(_ failure: BrokenPromise?) -> Outcome {
        Outcome(
            failure: failure, step: step, commands: world.commandCount, commits: commits,
            events: world.chronicle.events.count, digests: digests, trace: world.trace ?? [])
    }

    // MARK: Steps

    private mutating func runAll() throws(BrokenPromise) {
        world.random = SeededRandom(seed: plan.seed, step: -1)
        world.command(.recover)
        try settle()
        let weights: [Int] = domains.flatMap(\.weights)
        for number: Int in plan.steps {
            step = number
            world.random = SeededRandom(seed: plan.seed, step: number)
            if world.trace != nil { world.note("— step \(number)") }
            let action: Int = world.random.place(in: weights) ?? 0
            // Several commands may share a commit; what happens to the server itself happens between two of them.
            let isServers: Bool = action < domains[0].weights.count
            if isServers, world.waiting > 0 { try settle() }
            act(action)
            let mayWait: Bool = world.waiting <= 4 && !isServers
            if world.waiting > 0, !mayWait || !world.random.chance(in: 4) { try settle() }
            digests.append(world.stage.digest)
        }
        step = (plan.steps.last ?? -1) + 1
        world.random = SeededRandom(seed: plan.seed, step: .max)
        try calmDown()
        try checkStored()
        digests.append(world.stage.digest)
    }

    private mutating func act(_ action: Int) {
        var left: Int = action
        for index in domains.indices {
            let count: Int = domains[index].weights.count
            if left < count { return domains[index].act(left, in: &world) }
            left -= count
        }
    }

    // MARK: Turns

    /// Lets the server work, perhaps for the last time, and looks at what has come of it.
    private mutating func settle() throws(BrokenPromise) {
        let death: Death? = planDeath()
        world.stage.disk.prepare(&world.random)
        if case .beforeStoring = death { world.stage.refuse(appends: .max) }
        let isExpectedQuiet: Bool = world.isReady && world.hasOnlyCommands
        let happenings: [Happening] = visible(world.turn(), until: death)
        for happening: Happening in happenings { try see(happening) }
        if isExpectedQuiet, death == nil, world.isReady { try checkRefusals(happenings) }
        if let death {
            world.note("the server ends: \(death)")
            return try restart(afterPowerCut: world.random.chance(in: 2))
        }
        if world.hasFailedToStart { return try restart(afterPowerCut: false) }
        try check()
        let isOver: Bool = world.isDraining && !isCalm && world.random.chance(in: 12)
        if isOver { try restart(afterPowerCut: false) }
    }

    /// Commands that are refused change nothing.
    private func checkRefusals(_ happenings: [Happening]) throws(BrokenPromise) {
        let isAccepted: Bool = happenings.contains { (happening: Happening) in
            guard case .answered(let replies) = happening else { return false }
            return replies.contains { if case .success = $0.result { true } else { false } }
        }
        let isStored: Bool = happenings.contains { if case .stored = $0 { true } else { false } }
        try keep(.refusals, "what is refused changes nothing", isAccepted || !isStored, "step \(step)")
    }

    private mutating func planDeath() -> Death? {
        defer { commits += 1 }
        guard !isCalm else { return nil }
        let kind: Int
        if let deadly: Int = plan.deadlyCommit {
            guard commits == deadly else { return nil }
            kind = deadly
        } else {
            guard deadliness > 0, world.random.chance(in: deadliness) else { return nil }
            kind = world.random.number(below: 6)
        }
        switch kind % 3 {
        case 0: return .beforeStoring
        case 1: return .afterStoring(seen: kind % 4)
        default: return .amidEffects(kind % 5 / 2)
        }
    }

    /// What the world sees of a server that ends on the way.
    private func visible(_ happenings: [Happening], until death: Death?) -> [Happening] {
        guard let death else { return happenings }
        let stored: Int? = happenings.lastIndex { if case .stored = $0 { true } else { false } }
        switch death {
        case .beforeStoring:
            return happenings.filter { if case .doubted = $0 { true } else { false } }
        case .afterStoring(let seen):
            return Array(happenings.prefix((stored ?? -1) + 1 + seen)).filter {
                if case .asked = $0 { false } else { true }
            }
        case .amidEffects(let count):
            return happenings.map { (happening: Happening) in
                guard case .asked(let effects) = happening else { return happening }
                return .asked(Array(effects.prefix(count)))
            }
        }
    }

    private mutating func see(_ happening: Happening) throws(BrokenPromise) {
        switch happening {
        case .stored(let batch):
            doubted = nil
            if world.trace != nil { for event: Event in batch.events { world.note("  \(event.summary)") } }
            for index in domains.indices { try domains[index].see(batch, in: &world) }
            try world.chronicle.add(batch)
        case .doubted(let batch):
            doubted = batch
        case .told(let events):
            let stored: ArraySlice<Event> = world.chronicle.events.suffix(events.count)
            try keep(
                .history, "what is told is what has just been stored", stored.elementsEqual(events),
                "\(events.first?.sequence ?? 0)…\(events.last?.sequence ?? 0)")
        case .answered(let replies):
            for reply: TokenReply in replies {
                let sent: World.Sent? = world.takeSent(reply.token)
                try keep(.history, "a command is answered once", sent != nil, "\(reply.result)")
                guard let sent else { continue }
                if world.trace != nil { world.note("  \(reply.result.summary)") }
                for index in domains.indices { try domains[index].see(reply.result, to: sent, in: &world) }
            }
        case .asked(let effects):
            for index in domains.indices { try domains[index].see(effects, in: world) }
            for effect: Effect in effects {
                world.note("  \(effect.summary)")
                try world.machine.perform(effect, at: world.latest, &world.random)
            }
        }
    }

    /// The server ends and begins anew; what is stored must be what was acknowledged.
    private mutating func restart(afterPowerCut: Bool) throws(BrokenPromise) {
        try world.restart(afterPowerCut: afterPowerCut)
        let recovered: RecoveredState = try load()
        if let batch: Batch = doubted, let last: Event = batch.events.last, recovered.lastSequence == last.sequence {
            // It was refused, but had reached the disk.
            for index in domains.indices { try domains[index].see(batch, in: &world) }
            try world.chronicle.add(batch)
        }
        doubted = nil
        try world.chronicle.check(recovered)
        for index in domains.indices { domains[index].restarted(in: world) }
        world.command(.recover)
        try settle()
    }

    private func load() throws(BrokenPromise) -> RecoveredState {
        do throws(JournalError) {
            return try world.stage.load()
        } catch {
            throw BrokenPromise(promise: .acknowledged, rule: "what is stored can be read", detail: "\(error)")
        }
    }

    // MARK: Checks

    /// Everything that is true between any two turns.
    private func check() throws(BrokenPromise) {
        guard world.isReady else { return }
        try keep(
            .history, "every command is answered", world.outstanding.isEmpty,
            "\(world.outstanding.count) of them are not")
        let broken: BrokenInvariant? = world.inspect { (engine: Engine) in
            do throws(BrokenInvariant) {
                try engine.checkInvariants()
                return nil
            } catch {
                return error
            }
        }
        if let broken {
            throw BrokenPromise(promise: .invariants, rule: broken.rule, detail: broken.detail)
        }
        let live = world.inspect { ($0.liveTasks, $0.liveAgents) }
        try world.chronicle.checkLive(tasks: live.0, agents: live.1, "the engine")
        for domain in domains { try domain.check(world) }
        if commits.isMultiple(of: 50) { try checkRebuilt() }
    }

    /// An engine that is made from the journal holds what the one at work holds.
    private func checkRebuilt() throws(BrokenPromise) {
        let recovered: RecoveredState = try load()
        try world.chronicle.check(recovered)
        var engine = Engine(configuration: world.configuration, seed: 0)
        engine.load(recovered, at: world.latest)
        do throws(RecordCodingError) {
            try engine.loadEntities(recovered)
        } catch {
            throw BrokenPromise(promise: .rebuilt, rule: "stored entities can be read", detail: "\(error)")
        }
        try world.chronicle.checkLive(tasks: engine.liveTasks, agents: engine.liveAgents, "an engine made anew")
        guard !world.isDraining else { return }
        do throws(BrokenInvariant) {
            try engine.checkInvariants()
        } catch {
            throw BrokenPromise(promise: .rebuilt, rule: error.rule, detail: "made anew: \(error.detail)")
        }
    }

    /// All that was ever stored is found again.
    private func checkStored() throws(BrokenPromise) {
        do {
            var next: UInt64 = 1
            while next <= world.chronicle.lastSequence {
                let page: EventPage = try world.stage.disk.history.events(from: next, limit: 1_000, types: [])
                let expected: ArraySlice<Event> = world.chronicle.events[(Int(next) - 1)...].prefix(page.events.count)
                try keep(
                    .history, "the history is what was told",
                    !page.events.isEmpty && expected.elementsEqual(page.events),
                    "from event \(next)")
                next = page.nextSequence
            }
            for task: TaskRecord in world.chronicle.tasks.values {
                let found: TaskRecord? = try world.stage.task(task.id)
                try keep(.acknowledged, "an ended task is found as it was stored", found == task, "\(task.id)")
            }
        } catch let error as BrokenPromise {
            throw error
        } catch {
            throw BrokenPromise(promise: .acknowledged, rule: "what is stored can be read", detail: "\(error)")
        }
    }

    // MARK: The end

    /// Rounds within which everything must have come to its end.
    private static let patience: Int = 3_000

    /// Nothing breaks any more: everything comes to its end.
    private mutating func calmDown() throws(BrokenPromise) {
        world.note("— calm")
        isCalm = true
        world.stage.refuse(appends: 0)
        try settle()
        if world.isDraining { try restart(afterPowerCut: false) }
        if world.clock < world.latest { world.setClock(world.latest) }
        try settle()
        for _ in 0..<Simulation.patience {
            guard unfinished != nil else { return }
            world.machine.calmDown()
            for index in domains.indices { domains[index].calmDown(in: &world) }
            world.pass(.seconds(1))
            try settle()
        }
        try keep(.ends, "everything ends when the world is calm", false, unfinished ?? "")
    }

    private var unfinished: String? {
        for domain in domains { if let text: String = domain.unfinished(in: world) { return text } }
        return nil
    }
}

extension Result where Success == Reply, Failure == Rejection {
    /// A few words about it, for traces.
    fileprivate var summary: String {
        switch self {
        case .success(let reply): reply.summary
        case .failure(let rejection): "refused: \(rejection)"
        }
    }
}
