import MAOSCore
import MAOSTestSupport
import Testing

/// Random workflows, random ends, restarts in between.
@Suite("Random workflows")
struct WorkflowSimulationTests {
    private struct Dice {
        var state: UInt64
        mutating func roll(_ sides: Int) -> Int {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed: UInt64 = state
            mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
            return Int((mixed ^ mixed >> 31) % UInt64(sides))
        }
    }

    private struct Maker {
        var dice: Dice
        var count: Int = 0

        mutating func step(depth: Int, isLast: Bool, siblings: [String]) -> (id: String, json: String) {
            count += 1
            let id = "s\(count)"
            var routes = ""
            if let target: String = siblings.last, dice.roll(6) == 0 { routes = #","onFailure":"\#(target)""# }
            switch depth < 3 ? dice.roll(8) : 7 {
            case 0:
                let limit: String = dice.roll(2) == 0 ? #""maxParallel":2,"# : ""
                let inner: String = steps(depth: depth + 1, isGraph: true)
                return (
                    id, #"{"id":"\#(id)","type":"parallel","configuration":{\#(limit)"steps":\#(inner)}\#(routes)}"#
                )
            case 1:
                let items = "[1,\"two\",{\"n\":3}]"
                let inner: String = steps(depth: depth + 1, isGraph: false)
                return (
                    id,
                    #"{"id":"\#(id)","type":"loop","configuration":{"items":\#(items),"maxParallel":\#(1 + dice.roll(3)),"steps":\#(inner)}\#(routes)}"#
                )
            case 2:
                let inner: String = steps(depth: depth + 1, isGraph: false)
                return (
                    id,
                    #"{"id":"\#(id)","type":"loop","configuration":{"condition":"index < 2","maxIterations":3,"steps":\#(inner)}\#(routes)}"#
                )
            case 3:
                return (
                    id,
                    #"{"id":"\#(id)","type":"decision","configuration":{"condition":"parameters.n > \#(dice.roll(9))"}\#(routes)}"#
                )
            default:
                let undo: String = dice.roll(3) == 0 ? #","compensation":{}"# : ""
                return (
                    id,
                    #"{"id":"\#(id)","type":"task","configuration":{"description":"${execution.id}"\#(undo)}\#(routes)}"#
                )
            }
        }

        /// Targets stand behind the steps that name them, so there is no circle.
        mutating func steps(depth: Int, isGraph: Bool) -> String {
            var made: [(id: String, json: String)] = []
            for index in 0..<(1 + dice.roll(depth == 0 ? 5 : 3)) {
                made.append(step(depth: depth, isLast: index == 0, siblings: isGraph ? [] : made.map(\.id)))
            }
            return "[" + made.reversed().map(\.json).joined(separator: ",") + "]"
        }

        mutating func definition() -> String {
            let policy: String = ["fail", "continue", "compensate"][dice.roll(3)]
            let limit: String = dice.roll(2) == 0 ? #""maxParallel":2,"# : ""
            let isGraph: Bool = dice.roll(2) == 0
            let steps: String = steps(depth: 0, isGraph: isGraph)
            let graph: String = isGraph ? #","dependencies":[]"# : ""
            return
                #"{"steps":\#(steps),"configuration":{\#(limit)"onError":"\#(policy)","retryPolicy":{"maxAttempts":1}}\#(graph)}"#
        }
    }

    @Test("each execution ends, and restarts change nothing about what has been decided", arguments: 0..<150)
    func run(seed: UInt64) throws {
        var maker = Maker(dice: Dice(state: seed))
        let json: String = maker.definition()
        guard try FlowWorld.definition(json).issues().isEmpty else { return }
        var world = try FlowWorld(seed: seed + 1)
        try world.define(json)
        let id: ExecutionID = try world.execute("w", #"{"n":\#(maker.dice.roll(9))}"#)
        var retries: Int = 0
        for _ in 0..<2_000 {
            let execution: ExecutionRecord = try world.execution(id)
            if execution.status.isTerminal {
                #expect(execution.progress <= 1)
                guard execution.status != .completed, retries < 2 else { break }
                retries += 1
                if world.refusal(.retry(id)) != nil { break }
                continue
            }
            let before: [StepRecord] = try world.steps(of: id)
            switch maker.dice.roll(10) {
            case 0:
                // The same run: nothing has ended, and all goes on as it was.
                try world.engine.restart(recovering: false)
                #expect(try world.steps(of: id) == before, "seed \(seed)")
            case 1:
                try world.restart()
            case 2 where execution.phase == .normal && execution.status == .running:
                try world.send(.pause(id))
            case 3 where execution.phase == .normal && maker.dice.roll(10) == 0:
                try world.send(.cancel(id, reason: nil))
            default:
                if execution.status == .paused, maker.dice.roll(2) == 0 {
                    try world.send(.resume(id))
                    continue
                }
                let live: [TaskRecord] = world.engine.tasks.values.filter { $0.state.holdsAgent }
                    .sorted { $0.number < $1.number }
                guard !live.isEmpty else {
                    let course: String = try world.course(of: id)
                    #expect(execution.status == .paused, "seed \(seed): nothing runs in \(course)")
                    guard execution.status == .paused else { return }
                    try world.send(.resume(id))
                    continue
                }
                let task: TaskRecord = live[maker.dice.roll(live.count)]
                if task.state.cancellation != nil {
                    try world.engine.end(task.id, .stopped)
                } else if maker.dice.roll(8) == 0 {
                    try world.engine.fail(task.id)
                } else {
                    try world.engine.end(task.id, .completed(result: JSONText(.integer(1))))
                }
            }
            let running: Int = try world.steps(of: id).count { $0.status == .running && $0.kind == .task }
            let tasks: Int = world.engine.tasks.values.count { !$0.status.isTerminal }
            #expect(running == tasks, "seed \(seed): as many tasks as steps run")
        }
        #expect(try world.execution(id).status.isTerminal, "seed \(seed): \(json)")
    }
}
