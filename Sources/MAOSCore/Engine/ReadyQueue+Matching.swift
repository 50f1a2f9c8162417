/// Which task goes to which agent.
extension ReadyQueue {
    /// The next task of a lane with the best agent that is free for it, both taken out; `nil` when there is none.
    mutating func match(lane index: Int, at now: Instant) -> (task: TaskID, agent: AgentID)? {
        guard index < lanes.count, lanes[index].waiting > 0 else { return nil }
        let type: AgentType? = lanes[index].key.type
        guard seatCounts[Int(type?.rawValue ?? 0)] > 0 else { return nil }
        // Only the list is copied: a copy of the lane would make the heap's next change copy the heap.
        let candidates: [Fit] = lanes[index].profiles
        for fit: Fit in candidates where (profiles[fit.profile]?.available ?? 0) > 0 {
            guard let next = next(inLane: index, at: now) else { return nil }
            guard let agent: AgentID = takeSeat(of: fit.profile) else { continue }
            guard let task: TaskID = take(next.place, at: now) else { return nil }
            return (task, agent)
        }
        return nil
    }

    /// The next task for a profile's agents with one of them, both taken out; `nil` when there is none.
    mutating func match(profile index: Int, at now: Instant) -> (task: TaskID, agent: AgentID)? {
        guard index < profiles.count, (profiles[index]?.available ?? 0) > 0 else { return nil }
        guard let place: Place = next(forProfile: index, at: now), let agent: AgentID = takeSeat(of: index),
            let task: TaskID = take(place, at: now)
        else { return nil }
        return (task, agent)
    }

    /// Where an agent's profile stands; `nil` for one that has not joined.
    func profilePlace(of agent: AgentID) -> Int? { members[agent]?.profile }

    /// How many tasks wait that agents of a profile could take.
    func waitingCount(forProfile index: Int) -> Int {
        (profiles[index]?.lanes ?? []).reduce(0) { $0 + lanes[$1].waiting }
    }

    /// The profiles that go with any of the lanes that a profile goes with.
    func profiles(sharingLanesWith index: Int) -> Set<Int> {
        var found: Set<Int> = []
        for lane: Int in profiles[index]?.lanes ?? [] {
            for fit: Fit in lanes[lane].profiles { found.insert(fit.profile) }
        }
        return found
    }

    /// Waiting tasks that ask for nothing but a type, so that an agent can be made for them.
    struct Demand: Sendable {
        /// `nil` for any.
        var type: AgentType?
        var waiting: Int
        /// Whether any agent, busy or free, could take them.
        var hasAgents: Bool
        /// Where the first of them stands.
        var first: Place
    }

    /// The demands there are, the one with the task that is next first.
    mutating func demands(at now: Instant) -> [Demand] {
        var found: [Demand] = []
        for case let index? in plainLanes {
            guard let next = next(inLane: index, at: now) else { continue }
            found.append(
                Demand(
                    type: lanes[index].key.type, waiting: lanes[index].waiting,
                    hasAgents: !lanes[index].profiles.isEmpty, first: next.place))
        }
        if found.count > 1 { found.sort { $0.first < $1.first } }
        return found
    }

    /// Whether a task that no agent could take comes before all that this agent could take.
    mutating func yields(_ agent: AgentID, at now: Instant) -> Bool {
        guard let profile: Int = members[agent]?.profile else { return false }
        var starved: Place?
        for case let index? in plainLanes where lanes[index].profiles.isEmpty {
            guard let place: Place = next(inLane: index, at: now)?.place else { continue }
            if let current: Place = starved, current < place { continue }
            starved = place
        }
        guard let starved else { return false }
        guard let own: Place = next(forProfile: profile, at: now) else { return true }
        return starved < own
    }

    /// The task that is next for a profile's agents: of the lanes that fit, the one whose project is next.
    private mutating func next(forProfile index: Int, at now: Instant) -> Place? {
        let candidates: [Int] = profiles[index]?.lanes ?? []
        var best: (share: Int, tag: Int64, place: Place)?
        for lane: Int in candidates {
            guard let next = next(inLane: lane, at: now) else { continue }
            if let current = best, !comesFirst(next, current) { continue }
            best = next
        }
        return best?.place
    }

    /// Whose turn it is, of tasks in different lanes.
    func comesFirst(
        _ left: (share: Int, tag: Int64, place: Place), _ right: (share: Int, tag: Int64, place: Place)
    ) -> Bool {
        if left.share == right.share { return left.place < right.place }
        if left.tag != right.tag { return left.tag < right.tag }
        return (shares.shares[left.share]?.order ?? 0) < (shares.shares[right.share]?.order ?? 0)
    }
}
