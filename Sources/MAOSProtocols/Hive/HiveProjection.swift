internal import MAOSCore

/// Makes frames of events: which ones an event gives follows from the event alone, so they are the same on every loop and
/// whenever they are made again.
final class HiveProjection {
    let view: CommittedView
    let environment: any DialectEnvironment
    let configuration: HiveConfiguration
    let ledger: HiveLedger
    let envelope: HiveEnvelope
    /// Agents that fit a requirement, until something about agents changes.
    var fitting: [FittingKey: Int] = [:]
    private var gathered: (status: HiveStatus, until: Instant)?

    /// What a task asks of its agent.
    struct FittingKey: Hashable {
        var type: AgentType?
        var capabilities: [CapabilityRequirement]
    }

    init(
        view: CommittedView, environment: any DialectEnvironment, configuration: HiveConfiguration, ledger: HiveLedger,
        seed: UInt64
    ) {
        self.view = view
        self.environment = environment
        self.configuration = configuration
        self.ledger = ledger
        envelope = HiveEnvelope(seed: seed)
    }

    // MARK: Which

    /// Appends the types of the frames that an event gives, in order; at most ``HiveSequence/firstFree``.
    static func append(typesOf event: Event, to types: inout [HiveFrameType]) {
        switch event.body {
        case .task(let task): append(typesOf: task, to: &types)
        case .agent(let agent): append(typesOf: agent, to: &types)
        case .system(let system): append(typesOf: system, to: &types)
        case .workflow(let workflow):
            if workflow.kind == .failed { types.append(.errorOccurred) }
        }
    }

    private static func append(typesOf task: TaskEvent, to types: inout [HiveFrameType]) {
        switch task.kind {
        case .created: types.append(.taskCreated)
        case .assigned: types.append(.taskAssigned)
        case .started: types.append(.taskStarted)
        case .progressed: types.append(.taskProgress)
        case .completed:
            types.append(.taskCompleted)
            types.append(.interModuleMessage)
        case .failed, .retryScheduled:
            types.append(.taskFailed)
            types.append(.interModuleMessage)
            if isSystemError(task.state.error) { types.append(.errorOccurred) }
        case .interrupted: types.append(.taskFailed)
        case .cancelled: types.append(.taskCancelled)
        case .queued, .paused, .resumed, .cancelRequested, .cancelStage, .priorityChanged, .restarted, .discarded: break
        }
    }

    /// Whether a failure is more than a program that says it failed: a time-out, or an error of what runs programs.
    private static func isSystemError(_ failure: TaskFailure?) -> Bool {
        switch failure?.code {
        case .timeout, .deadline, .startFailed, .agentLost, .limitExceeded, .invalidResult, .interrupted: true
        case .execution, .dependency, .budget, nil: false
        }
    }

    private static func append(typesOf agent: AgentEvent, to types: inout [HiveFrameType]) {
        switch agent.kind {
        case .spawned:
            types.append(.agentCreated)
        case .terminated:
            if agent.endedAttempts > 0 { types.append(.agentPerformanceUpdated) }
            types.append(.agentRemoved)
        case .ready, .workChanged, .configured, .paused, .resumed, .crashed, .stopping:
            if let old: AgentStatus = agent.previousStatus,
                HiveVocabulary.name(of: old) != HiveVocabulary.name(of: agent.state.status)
            {
                types.append(.agentStatusChanged)
            }
            if agent.endedAttempts > 0 { types.append(.agentPerformanceUpdated) }
            if agent.kind == .crashed { types.append(.systemAlert) }
        }
    }

    private static func append(typesOf system: SystemEvent, to types: inout [HiveFrameType]) {
        switch system.type {
        case "learning_cycle_started": types.append(.learningCycleStarted)
        case "learning_cycle_completed":
            types.append(.learningCycleCompleted)
            types.append(.interModuleMessage)
        case "coordination_event": types.append(.coordinationEvent)
        case "resource_alert":
            guard let alert = HiveAlert(system) else { return }
            if alert.data["resource"] != nil { types.append(.resourceAlert) }
            types.append(.systemAlert)
        case "resource_alert_cleared", "security_alert", "server_draining": types.append(.systemAlert)
        case "schedule_failed": types.append(.errorOccurred)
        default:
            // A documented name stays what the document says.
            guard !HiveVocabulary.isInternal(system.type), !HiveFrameType.documentedNames.contains(system.type)
            else { return }
            types.append(.custom(system.type))
        }
    }

    // MARK: What

    /// Encodes one of the frames that an event gives.
    ///
    /// - Parameters:
    ///   - event: The event.
    ///   - type: One of its types.
    ///   - slot: The place of the type among them.
    /// - Returns: The frame, as UTF-8.
    func encode(_ event: Event, _ type: HiveFrameType, slot: Int) -> [UInt8] {
        let sequence: UInt64 = HiveSequence.place(of: event.sequence, slot: slot)
        if case .custom = type, case .system(let system) = event.body {
            return envelope.encode(type, at: event.time, sequence: sequence, data: system.data)
        }
        return envelope.encode(type, at: event.time, sequence: sequence) { (writer: inout JSONWriter) in
            switch event.body {
            case .task(let task): write(task, type, at: event, to: &writer)
            case .agent(let agent): HiveProjection.write(agent, type, to: &writer)
            case .system(let system): HiveProjection.write(system, type, at: event, to: &writer)
            case .workflow(let workflow): HiveProjection.write(workflow, at: event, to: &writer)
            }
        }
    }

    /// Whether an event may be shown to a principal: what is out of its reach, or what it may not follow, does not exist.
    static func shows(_ event: Event, to principal: Principal) -> Bool {
        switch event.body {
        case .task(let task):
            principal.permissions.contains(.tasksSubscribe) && principal.reaches(task: task.id, project: task.project)
        case .agent:
            principal.permissions.contains(.agentsSubscribe)
        case .system:
            principal.permissions.contains(.systemSubscribe)
        case .workflow(let workflow):
            principal.permissions.contains(.systemSubscribe) && principal.task == nil
                && principal.reaches(project: workflow.project)
        }
    }

    // MARK: What fits, what is so

    /// Forgets what was worked out from agents that have changed since.
    func note(_ event: Event) {
        guard !fitting.isEmpty else { return }
        switch event.body {
        case .agent(let agent) where agent.kind != .workChanged: fitting.removeAll(keepingCapacity: true)
        case .system(let system) where system.type == "learning_cycle_completed":
            fitting.removeAll(keepingCapacity: true)
        case .agent, .task, .system, .workflow: break
        }
    }

    /// How the whole fares; looked up once a second at most.
    func status(at now: Instant) -> HiveStatus {
        if let gathered, now < gathered.until { return gathered.status }
        let status = HiveStatus(view: view, environment: environment, ledger: ledger, at: now)
        gathered = (status, now + .seconds(1))
        return status
    }
}
