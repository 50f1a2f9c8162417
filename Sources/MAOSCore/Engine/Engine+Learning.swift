/// How agents get better, or worse, at what they do.
///
/// Each ended attempt is an outcome of the capabilities that its task asked for. Outcomes are gathered, and applied when a
/// learning cycle completes: the profiles of agents change once a cycle at most, and matching stays as it is in between.
extension Engine {
    /// Takes an ended attempt into account; free for tasks that ask for no capabilities.
    mutating func learn(from task: TaskRecord, on id: AgentID, isSuccess: Bool) {
        #if EngineFaults
        if EngineFault.unlearnedFailure.isOn, !isSuccess { return }
        #endif
        let asked: [CapabilityRequirement] = task.specification.capabilities
        for (place, requirement) in asked.enumerated() {
            let isRepeated: Bool = asked[..<place].contains { $0.name == requirement.name }
            if !isRepeated { learn(requirement.name, on: id, isSuccess: isSuccess) }
        }
    }

    private mutating func learn(_ name: String, on id: AgentID, isSuccess: Bool) {
        guard let agent: AgentRecord = state.agents[id]?.record,
            let place: Int = agent.specification.capabilities.firstIndex(where: { $0.name == name })
        else { return }
        let capability: Capability = agent.specification.capabilities[place]
        let length: Int = max(1, configuration.learning.every)
        let taken: AgentLearning.Step? = state.agents[id]?.record.learning.take(
            isSuccess, in: capability, cycleOf: length, at: state.now)
        guard let step: AgentLearning.Step = taken else { return }
        if step.isFirst { emitCycleStart(step, capability, of: agent, length: length) }
        guard let proficiency: Double = step.published else { return }
        if proficiency != capability.proficiency { publish(proficiency, at: place, of: agent) }
        emitCycleEnd(step, capability, proficiency, of: agent, length: length)
    }

    /// Makes a proficiency the one that the agent is known and matched by.
    private mutating func publish(_ proficiency: Double, at place: Int, of agent: AgentRecord) {
        var specification: AgentSpecification = agent.specification
        if proficiency > specification.capabilities[place].proficiency {
            state.agents[agent.id]?.record.state.statistics.capabilityImprovements += 1
        }
        specification.capabilities[place].proficiency = proficiency
        state.agents[agent.id]?.record.configure(specification)
        // Its slots are offered anew when the attempt that ended has been seen to.
        if state.ready.isMember(agent.id), let changed: AgentRecord = state.agents[agent.id]?.record {
            state.ready.join(agent.id, profile: profile(of: changed))
        }
    }

    // MARK: Events

    private mutating func emitCycleStart(
        _ step: AgentLearning.Step, _ capability: Capability, of agent: AgentRecord, length: Int
    ) {
        let statistics: AgentStatistics = state.agents[agent.id]?.record.state.statistics ?? agent.state.statistics
        let slots = Double(max(1, agent.specification.maximumConcurrentTasks))
        var writer = JSONWriter(reservingCapacity: 256)
        writer.beginObject()
        writeCycle(step, capability, of: agent, to: &writer)
        writer.member("proficiency", capability.proficiency)
        writer.member("outcomes", length)
        writer.member(
            "estimatedDurationMinutes",
            Engine.rounded(statistics.averageRuntime * Double(length - 1) / slots / 60_000))
        writer.endObject()
        emit(.system(SystemEvent(type: "learning_cycle_started", data: writer.takeText())))
    }

    private mutating func emitCycleEnd(
        _ step: AgentLearning.Step, _ capability: Capability, _ proficiency: Double, of agent: AgentRecord, length: Int
    ) {
        var writer = JSONWriter(reservingCapacity: 256)
        writer.beginObject()
        writeCycle(step, capability, of: agent, to: &writer)
        writer.beginObject("improvements")
        writer.beginObject("\(capability.name)_proficiency")
        writer.member("oldValue", capability.proficiency)
        writer.member("newValue", proficiency)
        writer.member("improvement", Engine.rounded(proficiency - capability.proficiency))
        writer.endObject()
        writer.endObject()
        writer.member("outcomes", length)
        writer.member("durationMs", (state.now - step.startedAt).count)
        writer.endObject()
        emit(.system(SystemEvent(type: "learning_cycle_completed", data: writer.takeText())))
    }

    private func writeCycle(
        _ step: AgentLearning.Step, _ capability: Capability, of agent: AgentRecord, to writer: inout JSONWriter
    ) {
        writer.member("cycleId", "learn-\(agent.id)-\(step.cycle)")
        writer.member("agentId", agent.id.rawValue)
        writer.member("agentName", agent.name)
        writer.member("learningType", "capability_improvement")
        writer.member("targetCapability", capability.name)
    }

    /// A number for people, without the digits that binary fractions leave.
    static func rounded(_ value: Double) -> Double { (value * 1_000_000).rounded() / 1_000_000 }
}

/// What is true of what agents have learned, between any two commands.
extension EngineState {
    func checkLearning(of agent: LiveAgent, _ id: AgentID) throws(BrokenInvariant) {
        let learning: AgentLearning = agent.record.learning
        let names: [String] = agent.record.specification.capabilities.map(\.name)
        try hold(
            Set(learning.progress.map(\.capability)).count == learning.progress.count,
            "an agent learns each capability once", "\(id)")
        for progress: AgentLearning.Progress in learning.progress {
            try hold(names.contains(progress.capability), "an agent learns what it can do", "\(id): \(progress)")
            try hold((0...1).contains(progress.estimate), "an estimate is a share of 1", "\(id): \(progress)")
            try hold(
                progress.outcomes >= 0 && progress.cycle <= learning.cycles, "cycles are counted", "\(id): \(progress)")
        }
        guard let profile: ReadyQueue.ProfileKey = ready.profile(of: id) else { return }
        let known: [Capability] = agent.record.specification.capabilities
        let matches: Bool =
            profile.type == agent.record.specification.type && profile.capabilities.count == known.count
            && known.allSatisfy { (capability: Capability) in
                profile.capabilities.contains {
                    $0.name == capability.name && $0.proficiency == capability.proficiency
                }
            }
        try hold(matches, "an agent is matched by what it can do", "\(id): \(profile)")
    }
}
