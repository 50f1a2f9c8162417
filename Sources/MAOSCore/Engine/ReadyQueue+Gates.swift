/// Gates: which tasks stand aside, and when they get their places back.
///
/// Of the tasks of a lane that stand before a gate with room, one at least has its place in the lane, so that an agent that
/// becomes free finds it; the next follows when that one is started. Whether there is room is asked again when a task is
/// about to be started, and what comes there too late stands aside again. Among the tasks of one project in a lane nobody
/// overtakes another before a gate that both have to pass.
extension ReadyQueue {
    /// The gate that does not let a waiting task pass.
    func closedGate(of entry: Int, at now: Instant) -> GateKey? {
        guard let uses: [GateUse] = entries[entry]?.gates, !uses.isEmpty else { return nil }
        return gates.closed(uses, at: now)
    }

    /// Sees to the gates of a task whose time has come, before their timers do: those that stand before them come first.
    ///
    /// - Returns: Whether there were any.
    mutating func lookAtGates(of entry: Int, at now: Instant) -> Bool {
        guard let uses: [GateUse] = entries[entry]?.gates, !uses.isEmpty else { return false }
        var isDue = false
        for use: GateUse in uses where use.key.isRate {
            guard let timer: Instant = gates.gates[use.key]?.timer, timer <= now else { continue }
            look(at: use.key, at: now)
            isDue = true
        }
        return isDue
    }

    // MARK: Standing aside

    /// Has a task stand aside before a gate.
    mutating func park(_ number: Int, before gate: GateKey, at now: Instant) {
        guard let entry: Entry = entries[number] else { return }
        let place = Place(key: entry.key, number: entry.number, order: nextOrder, entry: number)
        entries[number]?.order = nextOrder
        entries[number]?.parkedAt = gate
        nextOrder += 1
        lanes[entry.lane].parked += 1
        change(gate, at: now) { $0.park(place, lane: entry.lane, share: entry.share) }
    }

    /// Has a task stand aside no more; whoever calls sees to it that it goes on, or leaves.
    mutating func unpark(_ number: Int, _ entry: Entry, at now: Instant) {
        guard let gate: GateKey = entry.parkedAt else { return }
        entries[number]?.order = .max
        lanes[entry.lane].parked -= 1
        let entries: PagedArray<Entry?> = self.entries
        change(gate, at: now) {
            $0.unpark(lane: entry.lane, share: entry.share) { entries[$0.entry]?.order != $0.order }
        }
    }

    /// The task of a lane that a gate would let through next: of the project whose turn it is, the first.
    private mutating func firstParked(before key: GateKey, inLane lane: Int) -> Place? {
        guard let queues: [Int: GateSide.Queue] = gates.gates[key]?.sides[lane]?.queues else { return nil }
        var best: (share: Int, tag: Int64, order: UInt64)?
        for share: Int in queues.keys {
            guard let current: FairShares.Share = shares.shares[share] else { continue }
            let turn = (share: share, tag: current.tag, order: current.order)
            if let best, (best.tag, best.order, best.share) < (turn.tag, turn.order, turn.share) { continue }
            best = turn
        }
        return best.flatMap { firstParked(before: key, inLane: lane, share: $0.share) }
    }

    private mutating func firstParked(before key: GateKey, inLane lane: Int, share: Int) -> Place? {
        guard gates.gates[key]?.sides[lane] != nil else { return nil }
        let entries: PagedArray<Entry?> = self.entries
        return gates.firstParked(before: key, lane: lane, share: share) { entries[$0.entry]?.order != $0.order }
    }

    // MARK: Letting through

    /// Gives tasks before a gate their places back, in each lane as many as there is room for.
    private mutating func open(_ key: GateKey, at now: Instant) {
        guard let sides: [Int: GateSide] = gates.gates[key]?.sides, !sides.isEmpty else { return }
        var opened: [(lane: Int, first: Turned)] = []
        for lane: Int in sides.keys.sorted() {
            guard let first: Place = letThrough(key, inLane: lane, at: now), let turn: Turned = turned(first) else {
                continue
            }
            opened.append((lane, turn))
            var passing: Int64 = cost(of: first.entry, at: key)
            while let next: Place = letThrough(key, inLane: lane, beside: passing, at: now) {
                passing += cost(of: next.entry, at: key)
            }
        }
        // Where all find an agent, the room goes to the one whose turn it is.
        if opened.count > 1 { opened.sort { comesFirst($1.first, $0.first) } }
        for (lane, _) in opened { reopen(lane) }
    }

    /// A task has left its place in its lane: the next before each of its gates follows, where there is room.
    mutating func letThroughNext(_ gone: Entry, besides key: GateKey? = nil, at now: Instant) {
        for use: GateUse in gone.gates where use.key != key {
            if letThrough(use.key, inLane: gone.lane, at: now) != nil { reopen(gone.lane) }
        }
    }

    /// Gives those their places back that come before a task of their project which is about to be started.
    ///
    /// - Returns: Whether there were any.
    mutating func letThrough(before place: Place, at now: Instant) -> Bool {
        guard let entry: Entry = entries[place.entry], !entry.gates.isEmpty else { return false }
        for use: GateUse in entry.gates {
            guard let other: Place = firstParked(before: use.key, inLane: entry.lane, share: entry.share),
                other < place, hasRoom(use.key, for: other.entry, at: now)
            else { continue }
            _ = goOn(other.entry, from: use.key, at: now)
            return true
        }
        return false
    }

    /// Gives the first task of a lane before a gate its place back, if there is room and it comes before the one that the
    /// gate let through last and that still has its place.
    private mutating func letThrough(
        _ key: GateKey, inLane lane: Int, beside others: Int64 = 0, at now: Instant
    ) -> Place? {
        while let place: Place = firstParked(before: key, inLane: lane) {
            guard hasRoom(key, for: place.entry, beside: others, at: now) else { return nil }
            if others == 0, let passing: (entry: Int, order: UInt64) = gates.gates[key]?.sides[lane]?.passing,
                let earlier: Entry = entries[passing.entry], earlier.order == passing.order
            {
                let stood = Place(
                    key: earlier.key, number: earlier.number, order: earlier.order, entry: passing.entry)
                if let turn: Turned = turned(place), let standing: Turned = turned(stood),
                    !comesFirst(turn, standing)
                {
                    return nil
                }
            }
            if goOn(place.entry, from: key, at: now) { return place }
        }
        return nil
    }

    /// Gives a task its place back that stood aside; what it has to wait for next, it waits for at once.
    ///
    /// - Returns: Whether it has its place.
    private mutating func goOn(_ number: Int, from key: GateKey, at now: Instant) -> Bool {
        guard let entry: Entry = entries[number] else { return false }
        unpark(number, entry, at: now)
        if let other: GateKey = closedGate(of: number, at: now) {
            park(number, before: other, at: now)
            return false
        }
        stand(number)
        if let order: UInt64 = entries[number]?.order {
            gates.letThrough(key, lane: entry.lane, entry: number, order: order)
        }
        return true
    }

    /// A place with what says whose turn it is.
    private typealias Turned = (share: Int, tag: Int64, place: Place)

    private func turned(_ place: Place) -> Turned? {
        guard let share: Int = entries[place.entry]?.share, let tag: Int64 = shares.shares[share]?.tag else {
            return nil
        }
        return (share, tag, place)
    }

    private func cost(of number: Int, at key: GateKey) -> Int64 {
        entries[number]?.gates.first { $0.key == key }?.cost ?? 1
    }

    private func hasRoom(_ key: GateKey, for number: Int, beside others: Int64 = 0, at now: Instant) -> Bool {
        gates.gates[key]?.hasRoom(for: cost(of: number, at: key), beside: others, at: now) ?? true
    }

    private mutating func reopen(_ lane: Int) {
        reopened.removeAll { $0 == lane }
        reopened.append(lane)
    }

    // MARK: Coming and going

    /// Notes that a task is under way from now on, behind the gates that it had to pass.
    mutating func enter(_ uses: [GateUse], _ task: TaskID, at now: Instant) {
        for use: GateUse in uses { change(use.key, at: now) { $0.enter(task, cost: use.cost, at: now) } }
    }

    /// Notes that a task is under way no more, and lets those go on that there is room for now.
    mutating func leave(_ uses: [GateUse], _ task: TaskID, at now: Instant) {
        for use: GateUse in uses where !use.key.isRate {
            change(use.key, at: now) { $0.leave(task) }
            #if EngineFaults
            if EngineFault.closedGate.isOn { continue }
            #endif
            open(use.key, at: now)
        }
    }

    /// Says what is left of a project's ceilings, and lets those go on that there is room for now.
    mutating func setCeilings(_ limits: [BudgetPart: Int64], of project: String, at now: Instant) {
        for key: GateKey in gates.setCeilings(limits, of: project) { open(key, at: now) }
    }

    /// A timer looks at a gate: lets those go on that it has room for.
    mutating func look(at key: GateKey, at now: Instant) {
        guard let timer: Instant = gates.gates[key]?.timer, timer <= now else { return }
        change(key, at: now) {
            $0.timer = nil
            $0.forget(before: now)
        }
        open(key, at: now)
    }

    /// Takes over what an earlier engine of this run of the server knows of starts.
    mutating func adopt(_ other: ReadyQueue, at now: Instant) {
        for key: GateKey in gates.adopt(other.gates, at: now) {
            change(key, at: now) {
                $0.timer = nil
                $0.forget(before: now)
            }
            open(key, at: now)
        }
    }

    private mutating func change(_ key: GateKey, at now: Instant, _ body: (inout Gate) -> Void) {
        if let look: Instant = gates.change(key, at: now, body) { newLooks.append((key, look)) }
    }

    /// A lane into which tasks have come back, for ``match(lane:at:)``; each is given once.
    mutating func takeReopened() -> Int? { reopened.popLast() }

    /// As ``takeReopened()``, until a lane comes that a profile's agents could serve.
    mutating func takeReopened(beforeThoseOf profile: Int) -> Int? {
        guard let lane: Int = reopened.last, profiles[profile]?.lanes.contains(lane) != true else { return nil }
        return reopened.popLast()
    }

    /// The timers that are to be set for gates; each is given once.
    mutating func takeLooks() -> [(key: GateKey, at: Instant)] {
        guard !newLooks.isEmpty else { return [] }
        defer { newLooks.removeAll(keepingCapacity: true) }
        return newLooks
    }
}
