import MAOSCore

/// The server as a whole: its clock, its disk, its beginnings and ends.
struct ServerDomain: SimulatedDomain {
    private enum Action: Int, CaseIterable {
        case pass, passLonger, setBack, leap, refuse, drain, discard, announce
    }

    let weights: [Int]
    private var isDraining = false

    init(_ configuration: inout EngineConfiguration, _ random: inout SeededRandom) {
        var weights: [Int] = Array(repeating: 0, count: Action.allCases.count)
        weights[Action.pass.rawValue] = 8 + random.number(below: 10)
        weights[Action.passLonger.rawValue] = 1 + random.number(below: 3)
        weights[Action.setBack.rawValue] = random.number(below: 2)
        weights[Action.leap.rawValue] = random.number(below: 2)
        weights[Action.refuse.rawValue] = random.number(below: 3)
        weights[Action.drain.rawValue] = random.number(below: 2)
        weights[Action.discard.rawValue] = random.number(below: 2)
        weights[Action.announce.rawValue] = random.number(below: 2)
        self.weights = weights
    }

    mutating func act(_ action: Int, in world: inout World) {
        switch Action(rawValue: action) {
        case .pass: world.pass(world.random.time(upTo: 3_000))
        case .passLonger: world.pass(world.random.time(upTo: 60_000))
        case .setBack: world.setClock(world.clock + Milliseconds(-world.random.time(upTo: 30_000).count))
        case .leap: world.pass(world.random.time(upTo: 6 * 60 * 60 * 1_000))
        case .refuse: world.stage.refuse(appends: world.random.number(in: 1...4))
        case .drain:
            world.command(.drain)
            world.isDraining = true
        case .discard: world.discardExpired()
        case .announce, nil: world.report(.announce(SystemEvent(type: "server_started")))
        }
    }

    mutating func see(
        _ answer: Result<Reply, Rejection>, to sent: World.Sent, in world: inout World
    ) throws(BrokenPromise) {
        if case .drain = sent.command, case .success = answer { isDraining = true }
        if case .recover = sent.command, case .failure = answer { world.hasFailedToStart = true }
    }

    mutating func see(_ batch: Batch, in world: inout World) throws(BrokenPromise) {
        guard isDraining else { return }
        let launches: [String] = batch.effects.compactMap { (effect: Effect) in
            switch effect {
            case .startAgent(let agent): "\(agent.id)"
            case .startAttempt(let launch): "\(launch.id)"
            case .stopAgent, .stopAttempt, .recallAttempt, .suspendAttempt, .suspendAgent: nil
            }
        }
        try keep(.stopping, "nothing is started on the way out", launches.isEmpty, "\(launches)")
    }

    mutating func restarted(in world: World) { isDraining = false }

    mutating func calmDown(in world: inout World) {
        // Whatever was put off until the disk works again is carried out within this time.
        if !world.isReady { world.pass(.seconds(2)) }
    }

    func unfinished(in world: World) -> String? { world.isReady ? nil : "the server cannot store anything" }
}
