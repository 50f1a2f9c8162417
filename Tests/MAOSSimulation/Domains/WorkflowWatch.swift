import MAOSCore

/// What the events of executions must add up to: steps in their order, no more at a time than may be, none twice at once, and
/// undone the last first.
///
/// It reads definitions by itself, so that a mistake of the engine's compiler is not its own.
struct WorkflowWatch {
    struct StepKey: Hashable {
        var execution: ExecutionID
        var ordinal: Int
    }

    /// Steps of one round of what is around them.
    private struct Frame: Hashable {
        var scope: Int
        var round: Int
    }

    /// What one version of a workflow asks for.
    private struct Plan {
        var isGraph = false
        /// Task steps at the same time.
        var atOnce: Int = .max
        /// What outer steps of a graph wait for.
        var awaits: [String: [String]] = [:]
        /// Steps or rounds at the same time in parallel steps and loops.
        var widths: [String: Int] = [:]
        var loops: Set<String> = []
        /// Steps that can be undone.
        var undoable: Set<String> = []
    }

    private struct Course {
        var plan = Plan()
        /// Steps that have been told of, by ordinal.
        var steps: [Int: WorkflowEvent.Step] = [:]
        /// The ordinals of outer steps.
        var outer: [String: Int] = [:]
        var underWay: [Frame: Set<Int>] = [:]
        var ended: Set<Int> = []
        /// What has completed and could be undone, in order.
        var undoable: [String] = []
        /// Live tasks of its steps.
        var tasks: Int = 0
    }

    private var plans: [WorkflowPartID: Plan] = [:]
    private var courses: [ExecutionID: Course] = [:]
    private var taskOfStep: [StepKey: TaskID] = [:]
    private var stepOfTask: [TaskID: StepKey] = [:]

    // MARK: Definitions

    /// Reads a version.
    mutating func learn(_ version: WorkflowVersionRecord) {
        guard plans[version.id] == nil else { return }
        let document: JSONValue = version.definition.document.value()
        var plan = Plan()
        plan.isGraph = document["dependencies"] != nil
        plan.atOnce = document["configuration"]?["maxParallel"]?.intValue ?? .max
        for entry: JSONValue in document["dependencies"]?.arrayValue ?? [] {
            let awaited: [String] = (entry["dependsOn"]?.arrayValue ?? []).compactMap(\.stringValue)
            plan.awaits[entry["stepId"]?.stringValue ?? "", default: []] += awaited
        }
        WorkflowWatch.learn(document["steps"]?.arrayValue ?? [], &plan)
        plans[version.id] = plan
    }

    private static func learn(_ steps: [JSONValue], _ plan: inout Plan) {
        for step: JSONValue in steps {
            guard let id: String = step["id"]?.stringValue, let configuration: JSONValue = step["configuration"] else {
                continue
            }
            let isLoop: Bool = step["type"]?.stringValue == "loop"
            if isLoop { plan.loops.insert(id) }
            if let inner: [JSONValue] = configuration["steps"]?.arrayValue {
                plan.widths[id] = configuration["maxParallel"]?.intValue ?? (isLoop ? 1 : .max)
                learn(inner, &plan)
            }
            if configuration["compensation"] != nil { plan.undoable.insert(id) }
        }
    }

    // MARK: Executions

    /// Follows an event of an execution of a version; `isUndoing` says that its step undoes another.
    mutating func follow(_ event: WorkflowEvent, of version: Int, isUndoing: Bool) throws(BrokenPromise) {
        try keep(.life, "progress is a share of 1", (0...1).contains(event.progress), "\(event.execution)")
        if event.kind == .started {
            var course = Course()
            course.plan = plans[WorkflowPartID(event.workflow, version: version)] ?? Plan()
            courses[event.execution] = course
        }
        guard let step: WorkflowEvent.Step = event.step, event.kind.isAboutStep,
            var course: Course = courses.removeValue(forKey: event.execution)
        else { return }
        defer { courses[event.execution] = course }
        if event.kind == .stepStarted {
            try keep(
                .life, "a paused execution starts nothing", event.status == .running, "\(event.execution) \(step.id)")
            if isUndoing { try undo(step, &course, event) } else { try start(step, &course, event) }
        } else {
            course.underWay[Frame(scope: step.scope, round: step.round)]?.remove(step.ordinal)
            if !isUndoing {
                end(step, &course, event)
            } else if course.steps[step.ordinal] == nil {
                // Its task was refused, so that nothing began; it has had its turn all the same.
                try undo(step, &course, event)
            }
        }
    }

    private func start(
        _ step: WorkflowEvent.Step, _ course: inout Course, _ event: WorkflowEvent
    ) throws(BrokenPromise) {
        let place: String = "\(event.execution) \(step.id)#\(step.ordinal)"
        let frame = Frame(scope: step.scope, round: step.round)
        let beside: Set<Int> = course.underWay[frame, default: []].subtracting([step.ordinal])
        let owner: String? = course.steps[step.scope]?.id
        let isChain: Bool = owner.map { course.plan.loops.contains($0) } ?? !course.plan.isGraph
        try keep(.dependencies, "steps in a sequence come one after the other", !isChain || beside.isEmpty, place)
        course.steps[step.ordinal] = step
        course.ended.remove(step.ordinal)
        course.underWay[frame, default: []].insert(step.ordinal)
        if let owner, let width: Int = course.plan.widths[owner] {
            let isLoop: Bool = course.plan.loops.contains(owner)
            let count: Int =
                isLoop
                ? course.underWay.count { $0.key.scope == step.scope && !$0.value.isEmpty } : beside.count + 1
            try keep(.leases, "no more go on side by side than may", count <= width, "\(place): \(count) in \(owner)")
        }
        guard step.scope == 0 else { return }
        course.outer[step.id] = step.ordinal
        for awaited: String in course.plan.awaits[step.id] ?? [] {
            let hasEnded: Bool = course.outer[awaited].map { course.ended.contains($0) } ?? false
            try keep(
                .dependencies, "a step starts when those it waits for have ended", hasEnded, "\(place): \(awaited)")
        }
    }

    private func end(_ step: WorkflowEvent.Step, _ course: inout Course, _ event: WorkflowEvent) {
        course.steps[step.ordinal] = step
        course.ended.insert(step.ordinal)
        if step.scope == 0 { course.outer[step.id] = step.ordinal }
        if event.kind == .stepCompleted, course.plan.undoable.contains(step.id) { course.undoable.append(step.id) }
    }

    private func undo(
        _ step: WorkflowEvent.Step, _ course: inout Course, _ event: WorkflowEvent
    ) throws(BrokenPromise) {
        course.steps[step.ordinal] = step
        let last: String? = course.undoable.popLast()
        try keep(
            .life, "what has completed is undone, the last first", last == step.id,
            "\(event.execution): \(step.id) instead of \(last ?? "nothing")")
    }

    /// Looks whether all has been undone that was to be.
    func checkUndone(_ record: ExecutionRecord) throws(BrokenPromise) {
        guard record.isCompensated, record.status == .failed else { return }
        let left: [String] = courses[record.id]?.undoable ?? []
        try keep(.life, "all that has completed is undone", left.isEmpty, "\(record.id): \(left)")
    }

    // MARK: Tasks

    /// A step's task has been made.
    mutating func began(_ task: TaskID, _ origin: WorkflowTaskOrigin) throws(BrokenPromise) {
        let key = StepKey(execution: origin.execution, ordinal: origin.ordinal)
        let other: TaskID? = taskOfStep[key]
        try keep(
            .once, "a step has one task at a time", other == nil,
            "\(origin.execution) \(origin.step)#\(origin.ordinal): \(task) beside \(other?.rawValue ?? "")")
        taskOfStep[key] = task
        stepOfTask[task] = key
        courses[key.execution]?.tasks += 1
        guard let course: Course = courses[key.execution] else { return }
        try keep(
            .leases, "an execution has no more tasks at a time than it may", course.tasks <= course.plan.atOnce,
            "\(key.execution): \(course.tasks)")
    }

    /// A task has ended, and its step does not wait for it any more.
    mutating func ended(_ task: TaskID) {
        guard let key: StepKey = stepOfTask.removeValue(forKey: task) else { return }
        taskOfStep[key] = nil
        courses[key.execution]?.tasks -= 1
    }
}
