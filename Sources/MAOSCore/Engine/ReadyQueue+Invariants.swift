/// What is true of the queue between any two commands, and what the state's own rules look at.
extension ReadyQueue {
    func isMember(_ agent: AgentID) -> Bool { members[agent] != nil }
    func profile(of agent: AgentID) -> ProfileKey? { members[agent].flatMap { profiles[$0.profile]?.key } }
    func hasSeat(_ agent: AgentID) -> Bool { members[agent]?.seat != nil }

    /// Where a task waits; `nil` when it does not.
    func place(of number: Int, _ task: TaskID) -> (lane: LaneKey, key: Int64)? {
        guard number < entries.count, let entry: Entry = entries[number], entry.task == task
        else { return nil }
        return (lanes[entry.lane].key, entry.key)
    }

    /// Whether a task waits that a free agent could take.
    var hasMatch: Bool {
        lanes.contains { (lane: Lane) in
            guard lane.isLive, lane.waiting > 0 else { return false }
            return lane.profiles.contains { (profiles[$0.profile]?.available ?? 0) > 0 }
        }
    }

    /// Looks at everything.
    ///
    /// - Throws: The first rule that does not hold.
    func checkInvariants() throws(BrokenInvariant) {
        for (index, lane) in lanes.enumerated() {
            if lane.isLive { try check(lane, index) }
        }
        for (index, profile) in profiles.enumerated() {
            if let profile { try check(profile, index) }
        }
        for type: AgentType in AgentType.allCases {
            let offered: Int = members.values.count { $0.seat != nil && profiles[$0.profile]?.key.type == type }
            try hold(
                seatCounts[Int(type.rawValue)] == offered, "seats are counted by type", "\(type): \(offered)")
        }
        let isIndexed: Bool =
            laneIndex.count == lanes.count(where: \.isLive) && profileIndex.count == profiles.count { $0 != nil }
        try hold(
            isIndexed, "lanes and profiles are found by what they are", "\(laneIndex.count), \(profileIndex.count)")
        try checkShares()
        for (key, gate) in gates.gates { try check(gate, key) }
        for (key, index) in laneIndex where key.isPlain {
            let isKnown: Bool = plainLanes[Int(key.type?.rawValue ?? 0)] == index
            try hold(isKnown, "lanes without capabilities are found by their type", "\(key)")
        }
    }

    private func check(_ lane: Lane, _ index: Int) throws(BrokenInvariant) {
        let tasks: [Entry] = entries.compactMap { $0 }.filter { $0.lane == index }
        let waiting: [Entry] = tasks.filter { $0.parkedAt == nil }
        try hold(lane.waiting == waiting.count, "a lane counts the tasks that wait in it", "\(lane.key)")
        try hold(
            lane.parked == tasks.count - waiting.count, "a lane counts the tasks that stand aside", "\(lane.key)")
        let owners = Set(waiting.map(\.share))
        try hold(owners == Set(lane.queues.keys), "each project with tasks in a lane has a queue there", "\(lane.key)")
        for (share, number) in lane.queues {
            let queue: Queue = queues[number]
            let own: [UInt64] = waiting.filter { $0.share == share }.map(\.order)
            try hold(
                queue.share == share && queue.waiting == own.count, "a queue counts the tasks of its project",
                "\(lane.key)")
            let stored: Set<UInt64> = Set(queue.heap.unordered.map(\.order))
            try hold(stored.isSuperset(of: own), "a waiting task stands in its queue", "\(lane.key)")
            try hold(
                queue.heap.count <= max(1_025, 2 * (own.count + 1)), "queues do not fill with old places",
                "\(lane.key)")
            let turns: [Turn] = lane.turns.unordered.filter { $0.life == queue.life }
            try hold(turns.count == 1, "each queue has one turn", "\(lane.key)")
            let tag: Int64 = shares.shares[share]?.tag ?? 0
            try hold(turns.allSatisfy { $0.tag <= tag }, "tags never go back", "\(lane.key)")
        }
        try hold(
            lane.turns.count <= max(65, 2 * (lane.queues.count + 1)), "lanes do not fill with old turns",
            "\(lane.key)")
        try hold(laneIndex[lane.key] == index, "a lane is found by what its tasks ask for", "\(lane.key)")
        let fitting: [Int] = profiles.indices.filter { (number: Int) in
            profiles[number].map { ReadyQueue.fits(lane.key, $0.key) } ?? false
        }
        try hold(
            Set(lane.profiles.map(\.profile)) == Set(fitting) && lane.profiles.count == fitting.count,
            "a lane knows all profiles that fit it, each once", "\(lane.key)")
        let ranks: [Int] = lane.profiles.map { (fit: Fit) in
            profiles[fit.profile].map { ReadyQueue.rank(of: $0.key, for: lane.key) } ?? -1
        }
        try hold(
            ranks == lane.profiles.map(\.rank) && ranks == ranks.sorted(by: >), "the best profiles come first",
            "\(lane.key)")
    }

    private func checkShares() throws(BrokenInvariant) {
        let tasks: [Entry] = entries.compactMap { $0 }
        try hold(waitingCount == tasks.count, "waiting tasks are counted", "\(waitingCount) for \(tasks.count)")
        for (number, share) in shares.shares.enumerated() {
            guard let share else { continue }
            let own: [Entry] = tasks.filter { $0.share == number }
            try hold(share.tasks == own.count, "a share counts its tasks", "\(share.project ?? "none")")
            try hold(
                share.waiting == own.count { $0.parkedAt == nil }, "a share counts the tasks that could be started",
                "\(share.project ?? "none")")
            try hold(
                !own.isEmpty || share.tag > shares.clock, "only shares that mean something are kept",
                "\(share.project ?? "none")")
        }
    }

    private func check(_ gate: Gate, _ key: GateKey) throws(BrokenInvariant) {
        try hold(!gate.isIdle, "a gate is there for somebody", "\(key)")
        let parked: [Entry] = entries.compactMap { $0 }.filter { $0.parkedAt == key }
        try hold(gate.parkedCount == parked.count, "a gate counts the tasks before it", "\(key)")
        let stored: Set<UInt64> = Set(gate.sides.values.flatMap(\.places).map(\.order))
        try hold(
            stored.isSuperset(of: parked.map(\.order)), "a task that stands aside stands before its gate", "\(key)")
        try hold(gate.used == gate.holders.values.reduce(0, +), "what is taken up is the sum of its holders", "\(key)")
        for (lane, side) in gate.sides {
            let own: [Entry] = parked.filter { $0.lane == lane }
            try hold(side.waiting == own.count && !own.isEmpty, "a gate knows its tasks by lane", "\(key)")
            let isStood: Bool = entries.contains { (entry: Entry?) in
                entry.map { $0.lane == lane && $0.parkedAt == nil && $0.gates.contains { $0.key == key } } ?? false
            }
            guard !isStood, case .underWay(let limit) = gate.rule else { continue }
            // The first of each project may be one that takes up more than there is room for.
            for (_, tasks) in Dictionary(grouping: own, by: \.share) {
                let first: Entry? = tasks.min { ($0.key, $0.number) < ($1.key, $1.number) }
                let cost: Int64 = first?.gates.first { $0.key == key }?.cost ?? 1
                try hold(gate.used + cost > limit, "nobody stands before an open gate", "\(key)")
            }
        }
        switch gate.rule {
        case .underWay: break
        case .started:
            // One that has let tasks pass which have not been started is looked at when they are, or leave.
            let isTaken: Bool = entries.contains { (entry: Entry?) in
                entry.map { $0.parkedAt == nil && $0.gates.contains { $0.key == key } } ?? false
            }
            let isTimed: Bool = gate.timer != nil || (isTaken && gate.starts.isEmpty && gate.closedUntil == nil)
            try hold(isTimed, "a timer looks at each gate that goes by time", "\(key)")
        }
    }

    private func check(_ profile: Profile, _ index: Int) throws(BrokenInvariant) {
        let offered: [UInt64] = members.values.filter { $0.profile == index }.compactMap(\.seat)
        try hold(profile.available == offered.count, "a profile counts its free agents", "\(profile.key)")
        let stored: Set<UInt64> = Set(profile.heap.unordered.map(\.order))
        try hold(stored.isSuperset(of: offered), "a free agent's seat stands in its profile", "\(profile.key)")
        let count: Int = members.values.count { $0.profile == index }
        try hold(
            profile.members == count && count > 0, "a profile counts its agents, and has some", "\(profile.key)")
        let fitting: [Int] = lanes.indices.filter { (number: Int) in
            lanes[number].isLive && ReadyQueue.fits(lanes[number].key, profile.key)
        }
        try hold(Set(profile.lanes) == Set(fitting), "a profile knows all lanes that it fits", "\(profile.key)")
        try hold(Set(profile.lanes).count == profile.lanes.count, "a profile knows each lane once", "\(profile.key)")
    }
}
