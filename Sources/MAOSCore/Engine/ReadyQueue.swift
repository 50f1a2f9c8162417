/// Tasks that may run and agents that may take them, and which go together.
///
/// Tasks that ask for the same (agent type, capabilities) wait in one lane. In it each project has a queue in a fixed order:
/// time of queueing minus the credit of the priority, so that ageing never sorts anything again. Whose turn it is among the
/// projects is said by ``FairShares``. Agents that offer the same (type, capabilities) share one profile. Whether a lane and
/// a profile go together is worked out once, when the later of the two appears.
///
/// A task whose gate is closed stands aside, before that gate, and holds nobody up; it gets its place back when the gate
/// opens. A decision costs O(log n) in tasks, projects and agents, plus the few lanes or profiles that go together.
struct ReadyQueue: Sendable {
    /// What the tasks of a lane ask for.
    struct LaneKey: Hashable, Sendable {
        var type: AgentType?
        var capabilities: [CapabilityRequirement]
        /// The agent that they are addressed to.
        var agent: AgentID?

        /// What a task asks for, where tasks of its kind go to agents of a type.
        init(_ task: TaskSpecification, routing: [TaskKind: AgentType]) {
            agent = task.agent
            type = agent == nil ? routing[task.kind] : nil
            capabilities = task.capabilities
        }

        /// Whether an agent of the type is all that is asked for.
        var isPlain: Bool { capabilities.isEmpty && agent == nil }
    }

    /// What the agents of a profile offer.
    struct ProfileKey: Hashable, Sendable {
        var type: AgentType
        var capabilities: [Capability]
        /// The agent itself, where tasks may be addressed to it.
        var agent: AgentID?
        /// Whether it takes no others.
        var takesOnlyOwnTasks = false
    }

    /// A waiting task.
    struct Entry: Sendable {
        var task: TaskID
        /// Milliseconds: the time of queueing minus the credit.
        var key: Int64
        var number: UInt64
        var lane: Int
        var share: Int
        /// Where its place is, while it stands in its lane.
        var queue: Int = 0
        /// The order of its valid place; a place in a heap with another is stale.
        var order: UInt64
        /// What it has to pass.
        var gates: [GateUse]
        /// The gate that it stands before; `nil` while it stands in its lane.
        var parkedAt: GateKey?

        /// Notes that it stands in its lane.
        ///
        /// - Parameters:
        ///   - queue: The queue of its project.
        ///   - order: Tells its place from earlier ones.
        ///   - number: Its own.
        /// - Returns: Its place.
        mutating func stand(in queue: Int, order: UInt64, entry number: Int) -> Place {
            self.queue = queue
            self.order = order
            parkedAt = nil
            return Place(key: key, number: self.number, order: order, entry: number)
        }
    }

    struct Place: Comparable, Sendable {
        var key: Int64
        var number: UInt64
        /// Unique: tells the place from an earlier one of the same task, or of the same entry.
        var order: UInt64
        var entry: Int

        static func < (left: Place, right: Place) -> Bool {
            left.key != right.key ? left.key < right.key : left.number < right.number
        }

        static func == (left: Place, right: Place) -> Bool { left.order == right.order }
    }

    /// A project's turn in a lane.
    struct Turn: Comparable, Sendable {
        /// The project's tag when it was last looked at; it may have moved on since, but never back.
        var tag: Int64
        var order: UInt64
        var queue: Int
        /// Unique: tells it from the turn of a queue that is gone.
        var life: UInt64

        static func < (left: Turn, right: Turn) -> Bool {
            left.tag != right.tag ? left.tag < right.tag : left.order < right.order
        }

        static func == (left: Turn, right: Turn) -> Bool { left.life == right.life }
    }

    /// The tasks of one project in one lane.
    struct Queue: Sendable {
        var share: Int
        /// The ``Turn/life`` of its turn.
        var life: UInt64
        var heap = Heap<Place>()
        var waiting: Int = 0

        /// What can be copied without the heap.
        var head: (share: Int, life: UInt64) { (share, life) }
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
        /// The turns of the projects that have tasks in it, one each, and of some that have none any more.
        var turns = Heap<Turn>()
        /// The queue of each project that has tasks in it.
        var queues: [Int: Int] = [:]
        var waiting: Int = 0
        /// Tasks that stand aside, and would be in it otherwise.
        var parked: Int = 0
        /// Profiles that go with it, the most proficient first.
        var profiles: [Fit] = []
        /// Whether it is there; another takes the place of one that is not.
        var isLive = true
    }

    struct Profile: Sendable {
        var key: ProfileKey
        var heap = Heap<Seat>()
        var available: Int = 0
        var members: Int = 0
        var lanes: [Int] = []
    }

    /// So many lanes stay when they become empty, because the next task like the last is soon to come.
    static let keptLanes: Int = 64

    let weights: [String: Double]
    var entries = PagedArray<Entry?>()
    private var freeEntries: [Int] = []
    var queues: [Queue] = []
    private var freeQueues: [Int] = []
    var shares = FairShares()
    var gates: GateTable
    /// When gates are to be looked at, since the last time this was asked.
    var newLooks: [(key: GateKey, at: Instant)] = []
    /// Lanes into which tasks have come back, since the last time this was asked; the last is to be served first.
    var reopened: [Int] = []

    var lanes: [Lane] = []
    var freeLanes: [Int] = []
    var laneIndex: [LaneKey: Int] = [:]
    /// The lane that was asked for last: the next task is often like the one before.
    var recentLane: Int = 0
    var profiles: [Profile?] = []
    var freeProfiles: [Int] = []
    var profileIndex: [ProfileKey: Int] = [:]
    /// The lanes that ask for no capabilities: the one for any agent first, then by type.
    var plainLanes: [Int?] = Array(repeating: nil, count: AgentType.allCases.count + 1)
    /// The agents that are known.
    var members: [AgentID: Member] = [:]
    /// Seats by type of agent, all of them first, so that a lane whose agents are all busy is not searched.
    var seatCounts: [Int] = Array(repeating: 0, count: AgentType.allCases.count + 1)
    var nextOrder: UInt64 = 0
    /// How many tasks wait for an agent, those included that stand aside.
    private(set) var waitingCount: Int = 0

    init(configuration: EngineConfiguration) {
        weights = configuration.fairness.weights
        gates = GateTable(limits: configuration.concurrency)
    }

    // MARK: Tasks

    /// Puts a task into its lane, or before a gate that is closed.
    ///
    /// - Returns: The entry, for ``withdraw(_:)``, and the lane, for ``match(lane:at:)``.
    mutating func enqueue(
        _ task: TaskRecord, key: Int64, lane laneKey: LaneKey, at now: Instant
    ) -> (entry: Int, lane: Int) {
        let lane: Int = laneNumber(for: laneKey)
        let share: Int = shares.add(task.specification.project) { weights[$0] }
        let entry: Int = freeEntries.popLast() ?? entries.count
        if entry == entries.count { entries.append(nil) }
        let uses: [GateUse] = gates.uses(of: task)
        entries[entry] = Entry(
            task: task.id, key: key, number: task.number, lane: lane, share: share, order: 0, gates: uses)
        waitingCount += 1
        if uses.isEmpty {
            stand(entry)
            return (entry, lane)
        }
        _ = lookAtGates(of: entry, at: now)
        if let gate: GateKey = closedGate(of: entry, at: now) {
            park(entry, before: gate, at: now)
        } else {
            stand(entry)
        }
        return (entry, lane)
    }

    /// Takes a task out that will not run after all.
    mutating func withdraw(_ entry: Int, at now: Instant) {
        guard let gone: Entry = entries[entry] else { return }
        if gone.parkedAt != nil {
            unpark(entry, gone, at: now)
            settleLane(gone.lane)
        } else {
            leaveQueue(entry)
        }
        free(entry)
        // It may have been let through in place of another.
        if gone.parkedAt == nil { letThroughNext(gone, at: now) }
    }

    private mutating func free(_ entry: Int) {
        if let share: Int = entries[entry]?.share { shares.remove(share) }
        entries[entry] = nil
        freeEntries.append(entry)
        waitingCount -= 1
    }

    /// Gives a task its place in its lane.
    mutating func stand(_ number: Int) {
        guard let (lane, share): (Int, Int) = entries[number].map({ ($0.lane, $0.share) }) else { return }
        let known: Int? = lanes[lane].queues[share]
        shares.wait(share, isFirst: known == nil)
        let queue: Int = known ?? makeQueue(of: share, inLane: lane)
        if let place: Place = entries[number]?.stand(in: queue, order: nextOrder, entry: number) {
            queues[queue].heap.insert(place)
        }
        queues[queue].waiting += 1
        lanes[lane].waiting += 1
        nextOrder += 1
    }

    private mutating func makeQueue(of share: Int, inLane lane: Int) -> Int {
        let queue: Int = freeQueues.popLast() ?? queues.count
        if queue == queues.count { queues.append(Queue(share: share, life: nextOrder)) }
        queues[queue].share = share
        queues[queue].life = nextOrder
        lanes[lane].queues[share] = queue
        let (tag, order): (Int64, UInt64) = (shares.shares[share]?.tag ?? 0, shares.shares[share]?.order ?? 0)
        lanes[lane].turns.insert(Turn(tag: tag, order: order, queue: queue, life: nextOrder))
        nextOrder += 1
        return queue
    }

    private mutating func removeQueue(_ queue: Int, of share: Int, inLane lane: Int) {
        // Its memory is kept for the next one; turns of this one are stale from now on.
        queues[queue].life = .max
        queues[queue].heap.removeAll(keepingCapacity: queues[queue].heap.count < 64)
        freeQueues.append(queue)
        lanes[lane].queues[share] = nil
        let (turns, live): (Int, Int) = (lanes[lane].turns.count, lanes[lane].queues.count)
        guard live > 0 else {
            lanes[lane].turns.removeAll(keepingCapacity: true)
            return
        }
        guard turns > 64, turns > 2 * live else { return }
        let queues: [Queue] = self.queues
        lanes[lane].turns.removeAll { (turn: Turn) in queues[turn.queue].life != turn.life }
    }

    /// Takes a task's place in its lane away; the entry stays.
    private mutating func leaveQueue(_ number: Int) {
        guard let entry: Entry = entries[number] else { return }
        let queue: Int = entry.queue
        shares.leave(entry.share)
        lanes[entry.lane].waiting -= 1
        queues[queue].waiting -= 1
        let (left, stored): (Int, Int) = (queues[queue].waiting, queues[queue].heap.count)
        if left == 0 {
            removeQueue(queue, of: entry.share, inLane: entry.lane)
        } else if stored > 1_024, stored > 2 * left {
            // The place of the task that leaves is stale too.
            entries[number]?.order = .max
            let entries: PagedArray<Entry?> = self.entries
            queues[queue].heap.removeAll { (place: Place) in entries[place.entry]?.order != place.order }
        }
        settleLane(entry.lane)
    }

    mutating func settleLane(_ index: Int) {
        guard laneIndex.count > ReadyQueue.keptLanes, lanes[index].waiting == 0, lanes[index].parked == 0 else {
            return
        }
        removeLane(index)
    }

    // MARK: Whose turn it is

    /// The task that is next in a lane; those whose gate is closed stand aside.
    mutating func next(inLane index: Int, at now: Instant) -> (share: Int, tag: Int64, place: Place)? {
        while let turn: Turn = firstTurn(inLane: index) {
            guard let place: Place = firstPlace(in: turn.queue) else {
                preconditionFailure("a queue that has a turn has a task")
            }
            let share: Int = queues[turn.queue].share
            if lookAtGates(of: place.entry, at: now) { continue }
            guard let gate: GateKey = closedGate(of: place.entry, at: now) else {
                if letThrough(before: place, at: now) { continue }
                return (share, turn.tag, place)
            }
            _ = queues[turn.queue].heap.popFirst()
            leaveQueueForGate(place.entry, gate, now)
        }
        return nil
    }

    private mutating func leaveQueueForGate(_ entry: Int, _ gate: GateKey, _ now: Instant) {
        guard let lane: Int = entries[entry]?.lane else { return }
        // Counted first, so that the lane does not go meanwhile.
        lanes[lane].parked += 1
        leaveQueue(entry)
        lanes[lane].parked -= 1
        park(entry, before: gate, at: now)
        // It may have been let through another gate in place of another task.
        if let parked: Entry = entries[entry] { letThroughNext(parked, besides: gate, at: now) }
    }

    private mutating func firstTurn(inLane index: Int) -> Turn? {
        while let turn: Turn = lanes[index].turns.first {
            let queue: (share: Int, life: UInt64) = queues[turn.queue].head
            guard queue.life == turn.life, let current: FairShares.Share = shares.shares[queue.share]
            else {
                _ = lanes[index].turns.popFirst()
                continue
            }
            if current.tag == turn.tag, current.order == turn.order { return turn }
            lanes[index].turns.replaceFirst(
                Turn(tag: current.tag, order: current.order, queue: turn.queue, life: turn.life))
        }
        return nil
    }

    private mutating func firstPlace(in queue: Int) -> Place? {
        while let place: Place = queues[queue].heap.first {
            if entries[place.entry]?.order == place.order { return place }
            _ = queues[queue].heap.popFirst()
        }
        return nil
    }

    /// Takes a task out that has been found to be next: it is started.
    mutating func take(_ place: Place, at now: Instant) -> TaskID? {
        guard let entry: Entry = entries[place.entry] else { return nil }
        _ = queues[entry.queue].heap.popFirst()
        shares.serve(entry.share)
        leaveQueue(place.entry)
        free(place.entry)
        enter(entry.gates, entry.task, at: now)
        letThroughNext(entry, at: now)
        return entry.task
    }
}
