import MAOSSystem
import Testing

@Suite("Politeness of loops") struct LoopPolitenessTests {
    /// Lets turns pass, so many in each millisecond, and tells what changed and when.
    private func run(
        _ politeness: inout LoopPoliteness, from start: Int64, milliseconds: Int64, turns: UInt64, turn: inout UInt64
    ) -> [(at: Int64, isPolite: Bool)] {
        var changes: [(at: Int64, isPolite: Bool)] = []
        for now in start..<(start + milliseconds) {
            for _ in 0..<turns {
                turn += 1
                if let isPolite: Bool = politeness.change(at: now, turn: turn) { changes.append((now, isPolite)) }
            }
        }
        return changes
    }

    @Test("a loop becomes polite when it is busy, and stays so while it gets its turns")
    func busy() {
        var politeness = LoopPoliteness()
        var turn: UInt64 = 0
        #expect(run(&politeness, from: 1_000, milliseconds: 500, turns: 1, turn: &turn).isEmpty)
        let changes = run(&politeness, from: 1_500, milliseconds: 500, turns: 10, turn: &turn)
        #expect(changes.map(\.isPolite) == [true])
        #expect(changes.allSatisfy { $0.at <= 1_600 })
        #expect(run(&politeness, from: 2_000, milliseconds: 5_000, turns: 2, turn: &turn).isEmpty)
        #expect(politeness.isPolite)
    }

    @Test("a loop that takes fewer turns because it finds more to do in each stays polite")
    func fewerTurns() {
        var politeness = LoopPoliteness()
        var turn: UInt64 = 0
        _ = run(&politeness, from: 1_000, milliseconds: 200, turns: 10, turn: &turn)
        #expect(politeness.isPolite)
        for now: Int64 in 1_200..<5_000 where now % 3 != 0 {
            turn += 1
            #expect(politeness.change(at: now, turn: turn) == nil)
        }
    }

    @Test("a polite loop that hardly gets a turn is as usual within a moment, and for a while")
    func starved() {
        var politeness = LoopPoliteness()
        var turn: UInt64 = 0
        _ = run(&politeness, from: 1_000, milliseconds: 200, turns: 10, turn: &turn)
        #expect(politeness.isPolite)
        var changes: [Bool] = []
        // A turn every four milliseconds, as beside processes that never rest.
        for now: Int64 in stride(from: 1_200, to: 1_300, by: 4) {
            turn += 1
            if let isPolite: Bool = politeness.change(at: now, turn: turn) { changes.append(isPolite) }
        }
        #expect(changes == [false])
        let again = run(&politeness, from: 1_300, milliseconds: 2_000, turns: 10, turn: &turn)
        #expect(again.map(\.isPolite) == [true])
        #expect(again.allSatisfy { $0.at >= 2_200 })
    }

    @Test("a loop that sleeps is as usual when it wakes")
    func asleep() {
        var politeness = LoopPoliteness()
        var turn: UInt64 = 0
        _ = run(&politeness, from: 1_000, milliseconds: 200, turns: 10, turn: &turn)
        #expect(politeness.isPolite)
        turn += 1
        #expect(politeness.change(at: 60_000, turn: turn) == false)
    }
}
