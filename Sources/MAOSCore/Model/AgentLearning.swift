/// What the outcomes of an agent's attempts say about it, and have not been applied to its proficiency yet.
///
/// Kept apart from the agent's configuration and its state: it goes neither into matching nor into events, so that an outcome
/// costs its own row and nothing else.
public struct AgentLearning: Hashable, Sendable {
    /// What the outcomes say about one capability.
    public struct Progress: Hashable, Sendable {
        /// The capability, by its name.
        public var capability: String
        /// 0…1: where the outcomes so far have moved the proficiency to.
        public var estimate: Double
        /// Outcomes since the cycle under way began; 0 while none is.
        public var outcomes: Int = 0
        /// The cycle that is under way, or was last: 1 for the agent's first.
        public var cycle: Int = 0
        /// When that cycle began.
        public var startedAt: Instant

        /// Puts a progress together; for journals.
        package init(capability: String, estimate: Double, outcomes: Int, cycle: Int, startedAt: Instant) {
            self.capability = capability
            self.estimate = estimate
            self.outcomes = outcomes
            self.cycle = cycle
            self.startedAt = startedAt
        }
    }

    /// Cycles that have begun so far, in any capability.
    public package(set) var cycles: Int = 0
    /// The capabilities that have been put to use, in order of their first outcome.
    public package(set) var progress: [Progress] = []

    /// Nothing learned yet.
    public init() {}

    /// What the outcomes say about a capability; `nil` before the first.
    public subscript(capability: String) -> Progress? { progress.first { $0.capability == capability } }

    /// Forgets all capabilities but those for which a condition holds.
    mutating func keep(where isKept: (String) -> Bool) { progress.removeAll { !isKept($0.capability) } }

    /// What one outcome brings about.
    struct Step {
        /// The cycle that it belongs to.
        var cycle: Int
        /// When that began.
        var startedAt: Instant
        /// Whether it is the first of the cycle.
        var isFirst: Bool
        /// What the proficiency is from now on, where it is the last of the cycle.
        var published: Double?
    }

    /// Takes an outcome into account.
    ///
    /// - Parameters:
    ///   - isSuccess: Whether the attempt completed.
    ///   - capability: What it asked for, as the agent has it.
    ///   - length: Outcomes in a cycle.
    ///   - now: The time.
    /// - Returns: The cycle that it belongs to, and what becomes of it.
    mutating func take(_ isSuccess: Bool, in capability: Capability, cycleOf length: Int, at now: Instant) -> Step {
        let place: Int
        if let known: Int = progress.firstIndex(where: { $0.capability == capability.name }) {
            place = known
        } else {
            place = progress.count
            progress.append(
                Progress(
                    capability: capability.name, estimate: capability.proficiency, outcomes: 0, cycle: 0, startedAt: now
                ))
        }
        let isFirst: Bool = progress[place].outcomes == 0
        if isFirst {
            cycles += 1
            progress[place].cycle = cycles
            progress[place].startedAt = now
        }
        let target: Double = isSuccess ? 1 : 0
        let moved: Double = progress[place].estimate + (target - progress[place].estimate) * capability.learningRate
        progress[place].estimate = min(max(moved, 0), 1)
        progress[place].outcomes += 1
        var step = Step(cycle: progress[place].cycle, startedAt: progress[place].startedAt, isFirst: isFirst)
        if progress[place].outcomes >= length {
            progress[place].outcomes = 0
            step.published = AgentLearning.published(progress[place].estimate, now: capability.proficiency)
        }
        return step
    }

    /// Steps from 0 to 1 on which a learned proficiency lies.
    static let steps: Double = 20

    /// The proficiency that an estimate stands for: the nearest step, unless the current one is about as near.
    ///
    /// Steps keep agents that are about as good alike; the margin keeps one between two steps from going to and fro.
    static func published(_ estimate: Double, now current: Double) -> Double {
        guard abs(estimate - current) * steps > 0.75 else { return current }
        return (estimate * steps).rounded() / steps
    }
}

/// What agents have learned.
extension RecordCoding {
    static func put(_ learning: AgentLearning, to writer: inout ByteWriter) {
        writer.varint(UInt64(learning.cycles))
        writer.list(learning.progress) { (writer: inout ByteWriter, progress: AgentLearning.Progress) in
            writer.string(progress.capability)
            writer.double(progress.estimate)
            writer.varint(UInt64(progress.outcomes))
            writer.varint(UInt64(progress.cycle))
            writer.zigzag(progress.startedAt.milliseconds)
        }
    }

    static func learning(from reader: inout ByteReader) throws(ByteReaderError) -> AgentLearning {
        var learning = AgentLearning()
        learning.cycles = try smallCount(from: &reader)
        learning.progress = try reader.list(minimumSize: 12) {
            (reader: inout ByteReader) throws(ByteReaderError) in
            AgentLearning.Progress(
                capability: try reader.string(), estimate: try reader.double(), outcomes: try smallCount(from: &reader),
                cycle: try smallCount(from: &reader), startedAt: Instant(milliseconds: try reader.zigzag()))
        }
        return learning
    }
}

extension TaskFailure.Code {
    /// Whether the failure says something about how good the agent is, and not about its surroundings.
    var isAgentsOwn: Bool {
        switch self {
        case .execution, .timeout, .limitExceeded, .invalidResult: true
        case .startFailed, .deadline, .dependency, .interrupted, .agentLost, .budget: false
        }
    }
}
