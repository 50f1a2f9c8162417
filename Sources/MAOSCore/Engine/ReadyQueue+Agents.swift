/// The agents that may take tasks, and which lanes they go with.
extension ReadyQueue {
    // MARK: Agents

    /// Makes an agent known, without a seat yet.
    mutating func join(_ agent: AgentID, profile key: ProfileKey) {
        leave(agent)
        let index: Int = profileNumber(for: key)
        profiles[index]?.members += 1
        members[agent] = Member(profile: index)
    }

    /// Forgets an agent.
    mutating func leave(_ agent: AgentID) {
        withdrawSeat(of: agent)
        guard let index: Int = members.removeValue(forKey: agent)?.profile else { return }
        guard let count: Int = profiles[index]?.members else { return }
        profiles[index]?.members = count - 1
        if count == 1 { removeProfile(index) }
    }

    /// Offers an agent's next free slot; replaces the seat it had.
    ///
    /// - Returns: The profile, for ``match(profile:)``; `nil` for an agent that has not joined.
    mutating func offerSeat(of agent: AgentID, load: Int) -> Int? {
        guard let (index, isFirst) = members[agent]?.replaceSeat(by: nextOrder) else { return nil }
        profiles[index]?.heap.insert(Seat(load: load, order: nextOrder, agent: agent))
        nextOrder += 1
        if isFirst {
            countSeat(of: index, by: 1)
        } else {
            discardStaleSeats(of: index)
        }
        return index
    }

    /// Takes an agent's seat away; nothing happens when it has none.
    mutating func withdrawSeat(of agent: AgentID) {
        guard let index: Int = members[agent]?.giveSeatUp() else { return }
        countSeat(of: index, by: -1)
        discardStaleSeats(of: index)
    }

    private mutating func discardStaleSeats(of index: Int) {
        guard let stored: Int = profiles[index]?.heap.count, stored > 1_024,
            let available: Int = profiles[index]?.available, stored > 2 * available + 2
        else { return }
        let members: [AgentID: Member] = self.members
        profiles[index]?.heap.removeAll { (stored: Seat) in members[stored.agent]?.seat != stored.order }
    }

    private mutating func countSeat(of profile: Int, by change: Int) {
        profiles[profile]?.available += change
        guard let type: AgentType = profiles[profile]?.key.type else { return }
        seatCounts[Int(type.rawValue)] += change
        seatCounts[0] += change
    }

    mutating func takeSeat(of index: Int) -> AgentID? {
        while let seat: Seat = profiles[index]?.heap.popFirst() {
            guard members[seat.agent]?.giveUp(seat: seat.order) == true else { continue }
            countSeat(of: index, by: -1)
            return seat.agent
        }
        return nil
    }

    // MARK: Lanes and profiles

    mutating func laneNumber(for key: LaneKey) -> Int {
        if key.isPlain {
            if let known: Int = plainLanes[Int(key.type?.rawValue ?? 0)] { return known }
        } else if recentLane < lanes.count, lanes[recentLane].isLive, lanes[recentLane].key == key {
            return recentLane
        } else if let known: Int = laneIndex[key] {
            recentLane = known
            return known
        }
        let index: Int = freeLanes.popLast() ?? lanes.count
        if index == lanes.count { lanes.append(Lane(key: key)) }
        lanes[index] = Lane(key: key)
        laneIndex[key] = index
        if key.isPlain { plainLanes[Int(key.type?.rawValue ?? 0)] = index }
        for (number, profile) in profiles.enumerated() {
            guard let profile, ReadyQueue.fits(key, profile.key) else { continue }
            profiles[number]?.lanes.append(index)
            add(number, profile.key, toLane: index)
        }
        return index
    }

    mutating func removeLane(_ index: Int) {
        let lane: Lane = lanes[index]
        guard lane.isLive else { return }
        for fit: Fit in lane.profiles { profiles[fit.profile]?.lanes.removeAll { $0 == index } }
        laneIndex[lane.key] = nil
        if lane.key.isPlain { plainLanes[Int(lane.key.type?.rawValue ?? 0)] = nil }
        lanes[index] = Lane(key: lane.key, isLive: false)
        freeLanes.append(index)
    }

    private mutating func profileNumber(for key: ProfileKey) -> Int {
        if let known: Int = profileIndex[key] { return known }
        let index: Int = freeProfiles.popLast() ?? profiles.count
        if index == profiles.count { profiles.append(nil) }
        profiles[index] = Profile(key: key)
        profileIndex[key] = index
        for (number, lane) in lanes.enumerated() {
            guard lane.isLive, ReadyQueue.fits(lane.key, key) else { continue }
            profiles[index]?.lanes.append(number)
            add(index, key, toLane: number)
        }
        return index
    }

    private mutating func removeProfile(_ index: Int) {
        guard let profile: Profile = profiles[index] else { return }
        for lane: Int in profile.lanes { lanes[lane].profiles.removeAll { $0.profile == index } }
        profileIndex[profile.key] = nil
        profiles[index] = nil
        freeProfiles.append(index)
    }

    /// Puts a profile where its proficiency places it; of equals the older one comes first.
    private mutating func add(_ profile: Int, _ key: ProfileKey, toLane index: Int) {
        let (lane, fits): (LaneKey, [Fit]) = (lanes[index].key, lanes[index].profiles)
        let fit = Fit(profile: profile, rank: ReadyQueue.rank(of: key, for: lane))
        var (low, high): (Int, Int) = (0, fits.count)
        while low < high {
            let middle: Int = (low + high) / 2
            let comesFirst: Bool =
                fits[middle].rank != fit.rank ? fits[middle].rank > fit.rank : fits[middle].profile < fit.profile
            if comesFirst { low = middle + 1 } else { high = middle }
        }
        lanes[index].profiles.insert(fit, at: low)
    }

    /// Whether an agent of this profile may take a task of this lane.
    static func fits(_ lane: LaneKey, _ profile: ProfileKey) -> Bool {
        if let type: AgentType = lane.type, type != profile.type { return false }
        if let agent: AgentID = lane.agent {
            guard agent == profile.agent else { return false }
        } else if profile.takesOnlyOwnTasks {
            return false
        }
        return lane.capabilities.allSatisfy { (requirement: CapabilityRequirement) in
            profile.capabilities.contains {
                $0.name == requirement.name && $0.proficiency >= requirement.minimumProficiency
            }
        }
    }

    /// The ``Fit/rank``.
    static func rank(of profile: ProfileKey, for lane: LaneKey) -> Int {
        lane.capabilities.reduce(0) { (sum: Int, requirement: CapabilityRequirement) in
            let best: Double = profile.capabilities.first { $0.name == requirement.name }?.proficiency ?? 0
            return sum + Int(min(max(best, 0), 1) * 1_000)
        }
    }
}

extension ReadyQueue.Member {
    /// Offers another seat; tells whether it offered none before.
    fileprivate mutating func replaceSeat(by order: UInt64) -> (profile: Int, isFirst: Bool) {
        defer { seat = order }
        return (profile, seat == nil)
    }

    /// Offers no seat any more; gives its profile if it did.
    fileprivate mutating func giveSeatUp() -> Int? {
        guard seat != nil else { return nil }
        seat = nil
        return profile
    }

    /// Offers this seat no more; false if it did not.
    fileprivate mutating func giveUp(seat order: UInt64) -> Bool {
        guard seat == order else { return false }
        seat = nil
        return true
    }
}
