/// What agents that joined lately have taken over from others, until it is told of.
struct Coordination: Sendable {
    /// Agents that joined since the work was last looked at.
    var joined: [AgentID] = []
    /// Agents whose work has changed: those that took some over, and those that gave some up.
    var agents: Set<AgentID> = []
    /// Tasks that waited for other agents, and began on one that joined.
    var queued: Int = 0
    /// Attempts that were taken back from an agent and given to one that joined.
    var assigned: Int = 0
    /// What is left of the expected wait, as a share of what it was.
    var wait: Double = 1
    /// Slots of the agents that could take tasks of a profile before any joined; by profile.
    var slots: [Int: Int] = [:]
    var isTimed = false

    /// Notes that tasks are waited for by more slots than before.
    ///
    /// - Parameters:
    ///   - taken: How many of them began.
    ///   - waiting: How many there were.
    ///   - added: Slots that came.
    ///   - before: Slots that there were.
    mutating func note(taken: Int, of waiting: Int, added: Int, before: Int) {
        queued += taken
        wait *= Double(waiting - taken) / Double(waiting) * Double(before) / Double(before + added)
    }
}

/// What agents have taken over, as it was at the ends of the last two batches that something was going on in.
///
/// The newest of them may turn out not to be stored.
struct CoordinationMarks: Sendable {
    private var newest: (sequence: UInt64, coordination: Coordination) = (0, Coordination())
    private var earlier: (sequence: UInt64, coordination: Coordination) = (0, Coordination())
    /// Wishes to have attempts back that came to their end in this batch, and in the one before.
    private var ended: [TaskID: EngineState.Recall] = [:]
    private var endedBefore: [TaskID: EngineState.Recall] = [:]

    /// The wishes that have come to their end and have not, where their batch is not stored.
    var recalls: [TaskID: EngineState.Recall] { endedBefore.merging(ended) { $1 } }

    /// A wish to have an attempt back has come to its end.
    mutating func noteEnd(of recall: EngineState.Recall, of task: TaskID) { ended[task] = recall }

    /// A batch has come to its end.
    mutating func note(_ coordination: Coordination, at sequence: UInt64) {
        if !ended.isEmpty || !endedBefore.isEmpty {
            endedBefore = ended
            ended = [:]
        }
        // What joins or moves is told of, so that there is nothing new where there is no new event.
        guard coordination.isTimed || newest.coordination.isTimed, sequence > newest.sequence else { return }
        earlier = newest
        newest = (sequence, coordination)
    }

    /// What is true where events are stored up to a number.
    func last(upTo sequence: UInt64) -> Coordination {
        newest.sequence <= sequence ? newest.coordination : earlier.coordination
    }
}

extension EngineState {
    /// An attempt that is to be taken back if it has not begun.
    struct Recall: Hashable, Sendable {
        var attempt: Int
        /// The agent that is to have it.
        var agent: AgentID
    }
}

/// How work moves to agents that join while others have more than they can do.
///
/// Tasks that wait belong to nobody, so an agent that joins takes the next ones at once. An attempt that has been given to an
/// agent is taken back only if it has not begun: the runtime gives it up or says nothing, and its number is never used again.
extension Engine {
    /// How long after the first agent joined the work is looked at, and told of; also how long an attempt must have waited
    /// for its start to be moved.
    static let coordinationPause: Milliseconds = .seconds(1)

    /// By how many tasks an agent must have more than the one that joined for one of them to be moved.
    static let leastDifference: Int = 2

    /// An agent is there to work: gives it its share.
    mutating func join(_ id: AgentID) {
        guard let before: AgentRecord = state.agents[id]?.record else { return }
        let profile: Int? = state.ready.profilePlace(of: id)
        let waiting: Int = profile.map { state.ready.waitingCount(forProfile: $0) } ?? 0
        offerSlots(of: id)
        // One that keeps crashing does not bring anything.
        guard before.state.restarts == 0, !state.isDraining, let after: AgentRecord = state.agents[id]?.record,
            after.status.takesTasks
        else { return }
        let taken: Int = after.state.currentTasks.count - before.state.currentTasks.count
        let added: Int = after.specification.maximumConcurrentTasks - before.state.currentTasks.count
        if let profile, taken > 0, waiting >= taken {
            let known: Int = state.coordination.slots[profile] ?? slots(sharingLanesWith: profile, besides: id)
            state.coordination.slots[profile] = known + added
            if known > 0 {
                state.coordination.note(taken: taken, of: waiting, added: added, before: known)
                state.coordination.agents.insert(id)
                setCoordinationTimer()
            }
        }
        guard added > taken, state.tasks.count > after.state.currentTasks.count else { return }
        state.coordination.joined.append(id)
        setCoordinationTimer()
    }

    /// The slots of other agents at work that go with the lanes of a profile.
    private func slots(sharingLanesWith profile: Int, besides id: AgentID) -> Int {
        let profiles: Set<Int> = state.ready.profiles(sharingLanesWith: profile)
        var sum: Int = 0
        for agent: EngineState.LiveAgent in state.agents.values where agent.record.id != id {
            guard agent.record.status.takesTasks, agent.termination == nil,
                let own: Int = state.ready.profilePlace(of: agent.record.id), profiles.contains(own)
            else { continue }
            sum += agent.record.specification.maximumConcurrentTasks
        }
        return sum
    }

    private mutating func setCoordinationTimer() {
        guard !state.coordination.isTimed else { return }
        state.coordination.isTimed = true
        state.timers.set(.coordination, at: state.now + Engine.coordinationPause)
    }

    /// Goes on with what agents have taken over in this run of the server, and what is stored of it.
    mutating func resumeCoordination(_ marks: CoordinationMarks) {
        state.coordination = marks.last(upTo: state.lastSequence)
        // Profiles have other places here.
        state.coordination.slots = [:]
        if state.coordination.isTimed {
            state.coordination.isTimed = false
            setCoordinationTimer()
        }
        coordinationMarks.note(state.coordination, at: state.lastSequence)
    }

    /// Looks at what agents that joined could take over, and tells of what they have.
    mutating func coordinationDue() {
        let ended: Coordination = state.coordination
        state.coordination = Coordination()
        recallAttempts(for: ended.joined)
        guard ended.queued + ended.assigned > 0 else { return }
        var writer = JSONWriter(reservingCapacity: 256)
        writer.beginObject()
        writer.member("eventType", "SwarmOptimization")
        writer.member("module", "coordinator")
        writer.beginObject("details")
        writer.member("optimizationType", "load_balancing")
        writer.member("agentsRebalanced", ended.agents.count)
        writer.member("efficiencyImprovement", Engine.rounded(1 - ended.wait))
        writer.member("queuedTasksMoved", ended.queued)
        writer.member("assignedTasksMoved", ended.assigned)
        writer.endObject()
        writer.endObject()
        emit(.system(SystemEvent(type: "coordination_event", data: writer.takeText())))
    }

    // MARK: Attempts that have not begun

    /// An agent that could take tasks over.
    private struct Taker {
        var id: AgentID
        var profile: ReadyQueue.ProfileKey
        /// Its tasks, those included that it is promised.
        var load: Int
        var slots: Int
    }

    /// Asks for attempts back that wait for their start on agents with clearly more to do than those that joined.
    private mutating func recallAttempts(for joined: [AgentID]) {
        guard !state.isDraining else { return }
        var takers: [Taker] = []
        for id: AgentID in joined where !takers.contains(where: { $0.id == id }) {
            guard let agent: AgentRecord = state.agents[id]?.record, mayTake(id),
                let profile = state.ready.profile(of: id)
            else { continue }
            takers.append(
                Taker(
                    id: id, profile: profile, load: agent.state.currentTasks.count,
                    slots: agent.specification.maximumConcurrentTasks))
        }
        guard let least: Int = takers.map(\.load).min() else { return }
        var givers: [AgentRecord] = []
        for agent: EngineState.LiveAgent in state.agents.values {
            if agent.record.state.currentTasks.count >= least + Engine.leastDifference { givers.append(agent.record) }
        }
        givers.sort { (left: AgentRecord, right: AgentRecord) in
            let (loadOfLeft, loadOfRight) = (left.state.currentTasks.count, right.state.currentTasks.count)
            return loadOfLeft != loadOfRight ? loadOfLeft > loadOfRight : left.number < right.number
        }
        for giver: AgentRecord in givers { recallAttempts(of: giver, for: &takers) }
    }

    private mutating func recallAttempts(of giver: AgentRecord, for takers: inout [Taker]) {
        var load: Int = giver.state.currentTasks.count
        for id: TaskID in giver.state.currentTasks.reversed() {
            guard let task: EngineState.LiveTask = state.tasks[id], isUnbegun(task), state.recalls[id] == nil,
                let since: Instant = task.record.state.startedAt, since + Engine.coordinationPause <= state.now,
                passesGatesAgain(task.record)
            else { continue }
            let specification: TaskSpecification = task.record.specification
            let lane = ReadyQueue.LaneKey(specification, routing: configuration.routing)
            var best: Int?
            for (place, taker) in takers.enumerated() {
                guard taker.id != giver.id, taker.load < taker.slots, taker.load + Engine.leastDifference <= load,
                    taker.load < best.map({ takers[$0].load }) ?? .max, ReadyQueue.fits(lane, taker.profile)
                else { continue }
                best = place
            }
            guard let best else { continue }
            load -= 1
            takers[best].load += 1
            let attempt: Int = task.record.state.attempt
            state.recalls[id] = EngineState.Recall(attempt: attempt, agent: takers[best].id)
            batch.effects.append(.recallAttempt(AttemptID(task: id, number: attempt)))
        }
    }

    /// Whether a task would get past its gates once more if its attempt were given back.
    ///
    /// What is in excess of a limit that was lowered stays where it is; nothing new begins in its place.
    private func passesGatesAgain(_ task: TaskRecord) -> Bool {
        let gates: GateTable = state.ready.gates
        return gates.uses(of: task).allSatisfy { gates.gates[$0.key]?.isWithinLimit ?? true }
    }

    /// Whether an attempt waits for its start, and nobody wants it to end.
    private func isUnbegun(_ task: EngineState.LiveTask) -> Bool {
        #if EngineFaults
        if EngineFault.recalledBegun.isOn { return task.record.state.holdsAgent }
        #endif
        return task.record.status == .assigned && !task.hasStarted && task.pendingFailure == nil
            && task.record.state.cancellation == nil
    }

    /// Whether an agent may be given another task.
    private func mayTake(_ id: AgentID) -> Bool {
        guard let agent: EngineState.LiveAgent = state.agents[id] else { return false }
        return agent.termination == nil && agent.record.status.takesTasks && state.ready.isMember(id)
            && agent.record.state.currentTasks.count < agent.record.specification.maximumConcurrentTasks
    }

    /// The wish to have an attempt back, which is over now, whatever became of it.
    mutating func takeRecall(of id: AttemptID) -> EngineState.Recall? {
        guard !state.recalls.isEmpty, let recall = state.recalls.removeValue(forKey: id.task) else { return nil }
        coordinationMarks.noteEnd(of: recall, of: id.task)
        return recall.attempt == id.number ? recall : nil
    }

    /// An attempt has been given back that has not begun: the agent that joined gets the task, if it still can.
    mutating func attemptGivenBack(_ id: TaskID, _ recall: EngineState.Recall) {
        guard let task: EngineState.LiveTask = state.tasks[id], let giver: AgentID = task.record.state.agent else {
            return
        }
        guard task.record.status == .assigned, !state.isDraining, mayTake(recall.agent), passesGatesAgain(task.record),
            let profile = state.ready.profile(of: recall.agent),
            ReadyQueue.fits(ReadyQueue.LaneKey(task.record.specification, routing: configuration.routing), profile)
        else { return returnToQueue(id) }
        let load: Int = state.agents[giver]?.record.state.currentTasks.count ?? 1
        handOver(id, from: giver, to: recall.agent)
        state.coordination.assigned += 1
        state.coordination.agents.formUnion([giver, recall.agent])
        state.coordination.wait *= Double(max(0, load - 1)) / Double(max(1, load))
        setCoordinationTimer()
        offerSlots(of: giver)
    }
}

/// What is true between any two commands of work that is about to move.
extension EngineState {
    func checkCoordination(_ timers: [TimerReason: [Instant]]) throws(BrokenInvariant) {
        for (id, recall) in recalls {
            let task: LiveTask? = tasks[id]
            try hold(
                task?.record.state.holdsAgent == true && task?.hasStarted == false
                    && task?.record.state.attempt == recall.attempt,
                "only an attempt that has not begun is asked back", "\(id)")
        }
        let isTimed: Bool = timers[.coordination]?.count == 1
        try hold(coordination.isTimed == isTimed, "a timer waits for the next look at who joined", "\(isTimed)")
    }
}
