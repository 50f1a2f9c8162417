/// What the engine knows about workflows: definitions, executions that have not ended, and questions that are open.
struct FlowState: Sendable {
    /// An end of a task that a step waits for; dealt with when the command that caused it has been carried out.
    struct TaskEnd: Sendable {
        var origin: WorkflowTaskOrigin
        var task: TaskID
        var status: TaskStatus
        var error: String?
        var result: JSONText?
    }

    var workflows = EntityTable<WorkflowRecord>()
    var versions = EntityTable<WorkflowVersionRecord>()
    var approvals = EntityTable<ApprovalRecord>()
    var executions: [ExecutionID: LiveExecution] = [:]
    var lastExecutionNumber: UInt64 = 0
    var lastStepNumber: UInt64 = 0
    /// Versions that executions use or have used lately.
    var compiled: [WorkflowPartID: CompiledWorkflow] = [:]
    /// How many executions under way use a version.
    var uses: [WorkflowPartID: Int] = [:]
    var taskEnds = Deque<TaskEnd>()
    /// What executions with a ceiling may use, and what is taken up of that.
    var accounts: [ExecutionID: ExecutionAccount] = [:]
    /// Executions of which a part may be used up; dealt with when the command that caused it has been carried out.
    var exhausted: [ExecutionID] = []
    /// Tasks of steps that have come further, or begin anew; dealt with when the command has been carried out.
    var progressed: [TaskID] = []

    // What this batch did and knows.
    /// Executions in order of their first change.
    var changed: [ExecutionID] = []
    /// Ended executions that commands of this batch name, with their steps.
    var recalled: [ExecutionID: ExecutionRecord] = [:]
    var recalledSteps: [ExecutionID: [StepRecord]] = [:]
}

/// The run of a schedule that an execution was begun for.
struct ScheduledRun: Hashable, Sendable {
    /// Whose run it is.
    var schedule: ScheduleID
    /// The time that it was planned for.
    var time: Instant

    /// A run.
    init(schedule: ScheduleID, time: Instant) {
        self.schedule = schedule
        self.time = time
    }

    /// Reads what the execution was begun with; `nil` where it was no run of a schedule.
    init?(_ input: JSONValue) {
        guard let id: ScheduleID = input["schedule"]?["scheduleId"]?.stringValue.flatMap({ ScheduleID($0) }),
            let time: Int64 = input["schedule"]?["scheduledFor"]?.stringValue.flatMap({ ISO8601.parse($0) })
        else { return nil }
        self.init(schedule: id, time: Instant(milliseconds: time))
    }
}

/// An execution that has not ended, with everything that can be derived from its records.
struct LiveExecution: Sendable {
    /// One step that has been entered.
    struct Step: Sendable {
        var record: StepRecord
        /// Its place in the workflow's steps.
        var index: Int
        /// The frame that it is in.
        var frame: Int
        /// What it holds, once it has started; of parallel steps and loops only.
        var inner: Inner?
        /// How much of the execution it is, 0…1; 0 where nobody knows.
        var share: Double = 0
        /// What counts of it, and of all that is inside it, in parts of the execution.
        var counted: Int64 = 0
        var isChanged = true
    }

    /// What a parallel step or a loop is about.
    struct Inner: Sendable {
        /// Frames that have not ended, in order of their beginning.
        var frames: [Int] = []
        /// Elements of a loop over items.
        var items: [JSONValue]?
        /// The round that begins next.
        var nextRound: Int = 0
        /// The step that ended last, of each round that has ended.
        var lastOfRound: [Int] = []
        /// Steps with tasks that still have to stop; `nil` unless it is being stopped.
        var stopping: Set<Int>?
    }

    /// Steps side by side that belong to one instance of their region.
    struct Frame: Sendable {
        var region: Int
        /// The step around it; 0 for the execution itself.
        var owner: Int
        var round: Int
        var item: JSONValue = .null
        /// The ordinal of each step; 0 for those that have not been entered.
        var members: [Int]
        /// Edges that each step still waits for.
        var waits: [Int]
        /// Whether something that a step waits for has ended in another way than it wants.
        var isBlocked: [Bool]
        /// Steps that may still start or end; counted in graphs only.
        var open: Int
        /// Entered steps that have got their turn and not ended.
        var active: Int = 0
        /// How many may be active.
        var atOnce: Int
        /// Entered steps that wait for their turn.
        var queue = Deque<Int>()
        /// The step that ended last.
        var last: Int = 0
        /// Whether anything in it may still be asked for.
        var isOpen = true

        /// Lets go of everything.
        mutating func close() {
            isOpen = false
            item = .null
            members = []
            waits = []
            isBlocked = []
            queue = Deque<Int>()
        }
    }

    var record: ExecutionRecord
    let workflow: CompiledWorkflow
    let parameters: JSONValue
    /// The execution itself, as a step: what it was begun with.
    var root: StepRecord
    var isRootChanged = true
    /// By ordinal, from 1.
    var steps: [Step] = []
    /// In order of their beginning; the first is that of the execution's own steps.
    var frames: [Frame] = []
    /// Steps whose turn has come and that the execution as a whole holds back.
    var ready = Deque<Int>()
    /// Steps that have ended and whose ends have not been followed.
    var ended = Deque<Int>()
    /// Steps that wait for a task.
    var runningTasks: Int = 0
    /// Steps that wait for an answer.
    var openApprovals: Int = 0
    /// Completed steps that can be undone, in order of completion.
    var undoable: [Int] = []
    var lastEndOrder: Int = 0
    /// Bytes of results of its steps.
    var resultBytes: Int = 0
    /// What counts of all its steps, in parts of the execution.
    var counted: Int64 = 0
    /// Ordinals of steps that this batch changed, in order of the first change.
    var changedSteps: [Int] = []
    var isNoted = false
    /// Results that have been read as values.
    var parsed: [Int: JSONValue] = [:]

    /// The run of a schedule that it was begun for.
    let run: ScheduledRun?

    init(
        record: ExecutionRecord, workflow: CompiledWorkflow, parameters: JSONValue, root: StepRecord,
        run: ScheduledRun?
    ) {
        self.record = record
        self.run = run
        self.workflow = workflow
        self.parameters = parameters
        self.root = root
    }

    /// What has become of it so far.
    var snapshot: ExecutionSnapshot { ExecutionSnapshot(record: record, steps: steps.map(\.record)) }

    /// What expressions see of it.
    var description: JSONValue {
        var object: JSONObject = ["id": .string(record.id.rawValue)]
        if let run {
            object["scheduleId"] = .string(run.schedule.rawValue)
            object["scheduledFor"] = .string(ISO8601.string(milliseconds: run.time.milliseconds))
        }
        return .object(object)
    }

    /// Whether nothing waits for a task or an answer.
    var isQuiet: Bool { runningTasks == 0 && openApprovals == 0 }

    /// The record of an entered step.
    func step(_ ordinal: Int) -> StepRecord { steps[ordinal - 1].record }

    /// The step as the workflow describes it.
    func plan(of ordinal: Int) -> CompiledWorkflow.Step { workflow.steps[steps[ordinal - 1].index] }

    /// Changes the record of a step, which is stored with the batch.
    mutating func update(_ ordinal: Int, _ body: (inout StepRecord) -> Void) {
        body(&steps[ordinal - 1].record)
        noteChange(of: ordinal)
    }

    mutating func noteChange(of ordinal: Int) {
        guard !steps[ordinal - 1].isChanged else { return }
        steps[ordinal - 1].isChanged = true
        changedSteps.append(ordinal)
    }

    /// Adds a frame for a region.
    mutating func makeFrame(region index: Int, owner: Int, round: Int, item: JSONValue = .null, atOnce: Int) -> Int {
        let region: CompiledWorkflow.Region = workflow.regions[index]
        frames.append(
            Frame(
                region: index, owner: owner, round: round, item: item,
                members: Array(repeating: 0, count: region.steps.count), waits: region.waits,
                isBlocked: Array(repeating: false, count: region.isGraph ? region.steps.count : 0),
                open: region.steps.count, atOnce: atOnce))
        let frame: Int = frames.count - 1
        if owner > 0 { steps[owner - 1].inner?.frames.append(frame) }
        return frame
    }

    /// The frame of the execution's own steps.
    static let rootFrame: Int = 0

    /// The frame that the step around a frame is in; `nil` for the outermost one.
    func frame(around frame: Int) -> Int? {
        let owner: Int = frames[frame].owner
        return owner == 0 ? nil : steps[owner - 1].frame
    }

    /// How a step's end counts for what comes after it.
    func isSuccess(_ record: StepRecord) -> Bool {
        guard record.status == .completed else { return false }
        return record.kind != .decision || record.result?.utf8.first == UInt8(ascii: "t")
    }

    /// Steps under way in a frame and inside its steps, in order of entering.
    func activeSteps(in frame: Int) -> [Int] {
        var found: [Int] = []
        var open: [Int] = [frame]
        while let next: Int = open.popLast() {
            for ordinal: Int in frames[next].members where ordinal > 0 {
                guard !steps[ordinal - 1].record.status.isTerminal else { continue }
                found.append(ordinal)
                open += steps[ordinal - 1].inner?.frames ?? []
            }
        }
        return found.sorted()
    }
}

/// What the expressions of one step see.
struct FlowScope: ExpressionScope {
    let execution: LiveExecution
    let frame: Int
    /// The round, where it is not the frame's.
    var round: Int?

    func value(of root: String) -> JSONValue? {
        switch root {
        case "parameters": execution.parameters
        case "item": loopFrame?.item
        case "index": (round ?? index).map { JSONValue($0) }
        case "execution": execution.description
        default: nil
        }
    }

    func value(of member: String, in root: String) -> JSONValue? {
        guard root == "steps" else { return value(of: root)?[member] }
        guard let ordinal: Int = execution.ordinal(of: member, from: frame) else { return nil }
        let step: StepRecord = execution.step(ordinal)
        var object = JSONObject()
        object["status"] = .string(step.status.name)
        object["result"] = execution.parsed[ordinal] ?? step.result?.value() ?? .null
        object["error"] = step.error.map { .string($0) } ?? .null
        object["attempt"] = JSONValue(step.attempt)
        return .object(object)
    }

    /// Which round of the nearest loop it is.
    private var index: Int? {
        loopFrame.map { execution.step($0.owner).index(ofRound: $0.round) }
    }

    /// The nearest round of a loop.
    private var loopFrame: LiveExecution.Frame? {
        var next: Int? = frame
        while let current: Int = next {
            let owner: Int = execution.frames[current].owner
            if owner > 0, execution.steps[owner - 1].record.kind == .loop { return execution.frames[current] }
            next = execution.frame(around: current)
        }
        return nil
    }
}

extension LiveExecution {
    /// The ordinal of a step that can be seen from a frame; `nil` where it has not been entered.
    func ordinal(of id: String, from frame: Int) -> Int? {
        guard let index: Int = workflow.places[id] else { return nil }
        let plan: CompiledWorkflow.Step = workflow.steps[index]
        var next: Int? = frame
        while let current: Int = next {
            if frames[current].region == plan.region, frames[current].isOpen {
                let ordinal: Int = frames[current].members[plan.place]
                return ordinal > 0 ? ordinal : nil
            }
            next = self.frame(around: current)
        }
        return nil
    }

    /// Reads the results once that references name, however many steps ask for them.
    mutating func prepare(_ references: [Expression.Reference], from frame: Int) {
        for reference: Expression.Reference in references where reference.root == "steps" {
            guard let member: String = reference.member, let ordinal: Int = ordinal(of: member, from: frame),
                parsed[ordinal] == nil, let result: JSONText = step(ordinal).result
            else { continue }
            if parsed.count >= 32 { parsed.removeAll() }
            parsed[ordinal] = result.value()
        }
    }
}
