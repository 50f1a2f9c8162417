/// What is true of the queue between any two commands, and what the state's own rules look at.
extension ReadyQueue {
    func isMember(_ agent: AgentID) -> Bool { members[agent] != nil }
    func hasSeat(_ agent: AgentID) -> Bool { members[agent]?.seat != nil }

    /// Where a task waits; `nil` when it does not.
    func place(of task: TaskID) -> (lane: LaneKey, key: Int64)? {
        guard let valid = places[task], let lane: Lane = lanes[valid.lane],
            let place: Place = lane.heap.unordered.first(where: { $0.order == valid.order })
        else { return nil }
        return (lane.key, place.key)
    }

    /// Whether a task waits that a free agent could take.
    var hasMatch: Bool {
        lanes.contains { (lane: Lane?) in
            guard let lane, lane.waiting > 0 else { return false }
            return lane.profiles.contains { (profiles[$0.profile]?.available ?? 0) > 0 }
        }
    }

    /// Looks at everything.
    ///
    /// - Throws: The first rule that does not hold.
    func checkInvariants() throws(BrokenInvariant) {
        for (index, lane) in lanes.enumerated() {
            if let lane { try check(lane, index) }
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
            laneIndex.count == lanes.count { $0 != nil } && profileIndex.count == profiles.count { $0 != nil }
        try hold(
            isIndexed, "lanes and profiles are found by what they are", "\(laneIndex.count), \(profileIndex.count)")
        for (key, index) in laneIndex where key.capabilities.isEmpty {
            let isKnown: Bool = plainLanes[Int(key.type?.rawValue ?? 0)] == index
            try hold(isKnown, "lanes without capabilities are found by their type", "\(key)")
        }
    }

    private func check(_ lane: Lane, _ index: Int) throws(BrokenInvariant) {
        let waiting: [UInt64] = places.values.filter { $0.lane == index }.map(\.order)
        try hold(lane.waiting == waiting.count, "a lane counts the tasks that wait in it", "\(lane.key)")
        let stored: Set<UInt64> = Set(lane.heap.unordered.map(\.order))
        try hold(stored.isSuperset(of: waiting), "a waiting task stands in its lane", "\(lane.key)")
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
        let bound: Int = max(1_025, 2 * (lane.waiting + 1))
        try hold(
            lane.heap.count <= bound || lane.heap.count == waiting.count, "lanes do not fill with old places",
            "\(lane.key)")
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
            lanes[number].map { ReadyQueue.fits($0.key, profile.key) } ?? false
        }
        try hold(Set(profile.lanes) == Set(fitting), "a profile knows all lanes that it fits", "\(profile.key)")
        try hold(Set(profile.lanes).count == profile.lanes.count, "a profile knows each lane once", "\(profile.key)")
    }
}
