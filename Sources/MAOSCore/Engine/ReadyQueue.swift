/// Tasks that may run and agents that may take them, and which go together.
///
/// Tasks that ask for the same (agent type, capabilities) wait in one lane, in a fixed order: time of queueing minus the
/// credit of the priority, so that ageing never sorts anything again. Agents that offer the same (type, capabilities) share
/// one profile. Whether a lane and a profile go together is worked out once, when the later of the two appears. A decision
/// costs O(log n) in tasks and agents, plus the few lanes or profiles that go together.
struct ReadyQueue: Sendable {
    /// What the tasks of a lane ask for.
    struct LaneKey: Hashable, Sendable {
        var type: AgentType?
        var capabilities: [CapabilityRequirement]
    }

    /// What the agents of a profile offer.
    struct ProfileKey: Hashable, Sendable {
        var type: AgentType
        var capabilities: [Capability]
    }

    struct Place: Comparable, Sendable {
        /// Milliseconds: the time of queueing minus the credit.
        var key: Int64
        var number: UInt64
        /// Unique: tells the place from an earlier one of the same task.
        var order: UInt64
        var task: TaskID

        static func < (left: Place, right: Place) -> Bool {
            left.key != right.key ? left.key < right.key : left.number < right.number
        }

        static func == (left: Place, right: Place) -> Bool { left.order == right.order }
    }

    /// An agent of a profile.
    struct Member: Sendable {
        var profile: Int
        /// The order of its valid seat, when it offers one; a seat in a heap with another is stale.
        var seat: UInt64?
    }

    struct Seat: Comparable, Sendable {
        /// Tasks it already has; emptier agents come first.
        var load: Int
        var order: UInt64
        var agent: AgentID

        static func < (left: Seat, right: Seat) -> Bool {
            left.load != right.load ? left.load < right.load : left.order < right.order
        }

        static func == (left: Seat, right: Seat) -> Bool { left.order == right.order }
    }

    /// A profile that goes with a lane.
    struct Fit: Sendable {
        var profile: Int
        /// How well, in thousandths: the proficiency in what is asked for, added up.
        var rank: Int
    }

    struct Lane: Sendable {
        var key: LaneKey
        var heap = Heap<Place>()
        var waiting: Int = 0
        /// Profiles that go with it, the most proficient first.
        var profiles: [Fit] = []
    }

    struct Profile: Sendable {
        var key: ProfileKey
        var heap = Heap<Seat>()
        var available: Int = 0
        var members: Int = 0
        var lanes: [Int] = []
    }

    /// So many lanes stay when they become empty, because the next task like the last is soon to come.
    private static let keptLanes: Int = 64

    private(set) var lanes: [Lane?] = []
    private var freeLanes: [Int] = []
    private(set) var laneIndex: [LaneKey: Int] = [:]
    private(set) var profiles: [Profile?] = []
    private var freeProfiles: [Int] = []
    private(set) var profileIndex: [ProfileKey: Int] = [:]
    /// The lanes that ask for no capabilities: the one for any agent first, then by type.
    private(set) var plainLanes: [Int?] = Array(repeating: nil, count: AgentType.allCases.count + 1)
    /// The valid place of each waiting task; a place in a heap with another order is stale.
    private(set) var places: [TaskID: (lane: Int, order: UInt64)] = [:]
    /// The agents that are known.
    private(set) var members: [AgentID: Member] = [:]
    /// Seats by type of agent, all of them first, so that a lane whose agents are all busy is not searched.
    private(set) var seatCounts: [Int] = Array(repeating: 0, count: AgentType.allCases.count + 1)
    private var nextOrder: UInt64 = 0

    /// How many tasks wait for an agent.
    var waitingCount: Int { places.count }

    // MARK: Tasks

    /// Puts a task into its lane.
    ///
    /// - Returns: The lane, for ``match(lane:)``.
    mutating func enqueue(_ task: TaskID, number: UInt64, key: Int64, lane laneKey: LaneKey) -> Int {
        let index: Int = laneNumber(for: laneKey)
        lanes[index]?.heap.insert(Place(key: key, number: number, order: nextOrder, task: task))
        lanes[index]?.waiting += 1
        places[task] = (index, nextOrder)
        nextOrder += 1
        return index
    }

    /// Takes a task out that will not run after all; nothing happens to one that is not waiting.
    mutating func withdraw(_ task: TaskID) {
        guard let place = places.removeValue(forKey: task) else { return }
        leaveLane(place.lane)
    }

    private mutating func leaveLane(_ index: Int) {
        guard let waiting: Int = lanes[index]?.waiting else { return }
        lanes[index]?.waiting = waiting - 1
        if waiting == 1, laneIndex.count > ReadyQueue.keptLanes {
            removeLane(index)
        } else if let stored: Int = lanes[index]?.heap.count, stored > 1_024, stored > 2 * waiting {
            let places: [TaskID: (lane: Int, order: UInt64)] = self.places
            lanes[index]?.heap.removeAll { (place: Place) in places[place.task]?.order != place.order }
        }
    }

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

    // MARK: Matching

    /// The next task of a lane with the best agent that is free for it, both taken out; `nil` when there is none.
    mutating func match(lane index: Int) -> (task: TaskID, agent: AgentID)? {
        guard index < lanes.count, (lanes[index]?.waiting ?? 0) > 0 else { return nil }
        guard let key: LaneKey = lanes[index]?.key, seatCounts[Int(key.type?.rawValue ?? 0)] > 0 else { return nil }
        // Only the list is copied: a copy of the lane would make the heap's next change copy the heap.
        let candidates: [Fit] = lanes[index]?.profiles ?? []
        for fit: Fit in candidates where (profiles[fit.profile]?.available ?? 0) > 0 {
            guard let agent: AgentID = takeSeat(of: fit.profile) else { continue }
            guard let task: TaskID = takeFirst(of: index) else { return nil }
            return (task, agent)
        }
        return nil
    }

    /// The next task for a profile's agents with one of them, both taken out; `nil` when there is none.
    mutating func match(profile index: Int) -> (task: TaskID, agent: AgentID)? {
        guard index < profiles.count, (profiles[index]?.available ?? 0) > 0 else { return nil }
        guard let best = firstPlace(forProfile: index), let agent: AgentID = takeSeat(of: index) else { return nil }
        // It has just been looked at, so it is valid.
        _ = lanes[best.lane]?.heap.popFirst()
        withdraw(best.place.task)
        return (best.place.task, agent)
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
    mutating func demands() -> [Demand] {
        var found: [Demand] = []
        for case let index? in plainLanes {
            guard let first: Place = firstPlace(of: index) else { continue }
            found.append(
                Demand(
                    type: lanes[index]?.key.type, waiting: lanes[index]?.waiting ?? 0,
                    hasAgents: lanes[index]?.profiles.isEmpty == false, first: first))
        }
        if found.count > 1 { found.sort { $0.first < $1.first } }
        return found
    }

    /// Whether a task that no agent could take comes before all that this agent could take.
    mutating func yields(_ agent: AgentID) -> Bool {
        guard let profile: Int = members[agent]?.profile else { return false }
        var starved: Place?
        for case let index? in plainLanes where lanes[index]?.profiles.isEmpty == true {
            guard let place: Place = firstPlace(of: index) else { continue }
            if let current: Place = starved, current < place { continue }
            starved = place
        }
        guard let starved else { return false }
        guard let own = firstPlace(forProfile: profile) else { return true }
        return starved < own.place
    }

    private mutating func firstPlace(forProfile index: Int) -> (lane: Int, place: Place)? {
        let candidates: [Int] = profiles[index]?.lanes ?? []
        var best: (lane: Int, place: Place)?
        for lane: Int in candidates {
            guard let place: Place = firstPlace(of: lane) else { continue }
            if let current = best, current.place < place { continue }
            best = (lane, place)
        }
        return best
    }

    private mutating func firstPlace(of index: Int) -> Place? {
        while let place: Place = lanes[index]?.heap.first {
            if places[place.task]?.order == place.order { return place }
            _ = lanes[index]?.heap.popFirst()
        }
        return nil
    }

    private mutating func takeFirst(of index: Int) -> TaskID? {
        guard let place: Place = firstPlace(of: index) else { return nil }
        _ = lanes[index]?.heap.popFirst()
        withdraw(place.task)
        return place.task
    }

    private mutating func takeSeat(of index: Int) -> AgentID? {
        while let seat: Seat = profiles[index]?.heap.popFirst() {
            guard members[seat.agent]?.giveUp(seat: seat.order) == true else { continue }
            countSeat(of: index, by: -1)
            return seat.agent
        }
        return nil
    }

    // MARK: Lanes and profiles

    private mutating func laneNumber(for key: LaneKey) -> Int {
        if let known: Int = laneIndex[key] { return known }
        let index: Int = freeLanes.popLast() ?? lanes.count
        if index == lanes.count { lanes.append(nil) }
        lanes[index] = Lane(key: key)
        laneIndex[key] = index
        if key.capabilities.isEmpty { plainLanes[Int(key.type?.rawValue ?? 0)] = index }
        for (number, profile) in profiles.enumerated() {
            guard let profile, ReadyQueue.fits(key, profile.key) else { continue }
            profiles[number]?.lanes.append(index)
            add(number, profile.key, toLane: index)
        }
        return index
    }

    private mutating func removeLane(_ index: Int) {
        guard let lane: Lane = lanes[index] else { return }
        for fit: Fit in lane.profiles { profiles[fit.profile]?.lanes.removeAll { $0 == index } }
        laneIndex[lane.key] = nil
        if lane.key.capabilities.isEmpty { plainLanes[Int(lane.key.type?.rawValue ?? 0)] = nil }
        lanes[index] = nil
        freeLanes.append(index)
    }

    private mutating func profileNumber(for key: ProfileKey) -> Int {
        if let known: Int = profileIndex[key] { return known }
        let index: Int = freeProfiles.popLast() ?? profiles.count
        if index == profiles.count { profiles.append(nil) }
        profiles[index] = Profile(key: key)
        profileIndex[key] = index
        for (number, lane) in lanes.enumerated() {
            guard let lane, ReadyQueue.fits(lane.key, key) else { continue }
            profiles[index]?.lanes.append(number)
            add(index, key, toLane: number)
        }
        return index
    }

    private mutating func removeProfile(_ index: Int) {
        guard let profile: Profile = profiles[index] else { return }
        for lane: Int in profile.lanes { lanes[lane]?.profiles.removeAll { $0.profile == index } }
        profileIndex[profile.key] = nil
        profiles[index] = nil
        freeProfiles.append(index)
    }

    /// Puts a profile where its proficiency places it; of equals the older one comes first.
    private mutating func add(_ profile: Int, _ key: ProfileKey, toLane index: Int) {
        guard let lane: LaneKey = lanes[index]?.key, let fits: [Fit] = lanes[index]?.profiles else { return }
        let fit = Fit(profile: profile, rank: ReadyQueue.rank(of: key, for: lane))
        var (low, high): (Int, Int) = (0, fits.count)
        while low < high {
            let middle: Int = (low + high) / 2
            let comesFirst: Bool =
                fits[middle].rank != fit.rank ? fits[middle].rank > fit.rank : fits[middle].profile < fit.profile
            if comesFirst { low = middle + 1 } else { high = middle }
        }
        lanes[index]?.profiles.insert(fit, at: low)
    }

    /// Whether an agent of this profile may take a task of this lane.
    static func fits(_ lane: LaneKey, _ profile: ProfileKey) -> Bool {
        if let type: AgentType = lane.type, type != profile.type { return false }
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
