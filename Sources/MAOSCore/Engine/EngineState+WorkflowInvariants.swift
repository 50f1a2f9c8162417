/// What is true of workflows and their executions between any two batches.
extension EngineState {
    /// Looks at all that is live; O(n) in the steps that live executions have entered.
    func checkWorkflows(
        _ timers: [TimerReason: [Instant]], _ configuration: EngineConfiguration
    ) throws(BrokenInvariant) {
        let limits: EngineLimits = configuration.limits
        try checkExecutionAccounts(timers)
        try hold(flows.workflows.liveCount <= limits.workflows, "workflows keep to their limit", "")
        try hold(flows.executions.count <= limits.executions, "executions keep to their limit", "")
        try hold(flows.taskEnds.isEmpty, "the end of a step's task is followed at once", "")
        try hold(flows.progressed.isEmpty, "what a step's task has reached is counted at once", "")
        var uses: [WorkflowPartID: Int] = [:]
        var tasksOfSteps: Set<TaskID> = []
        var approvals: Set<ApprovalID> = []
        for (id, live) in flows.executions {
            try hold(live.record.id == id, "an execution stands under its own id", "\(id)")
            uses[WorkflowPartID(live.record.workflow, version: live.record.version), default: 0] += 1
            try check(live, timers)
            try checkProgress(of: live)
            try checkWork(of: live, &tasksOfSteps, &approvals)
            for frame: Int in live.frames.indices { try check(frame, of: live) }
        }
        try hold(uses == flows.uses, "uses of a version are those by live executions", "\(flows.uses)")
        for part: WorkflowPartID in uses.keys {
            let isKept: Bool = flows.versions[part].map { $0.endedAt == nil } ?? false
            try hold(isKept, "a version is kept while an execution uses it", "\(part)")
        }
        try hold(
            approvals.count == flows.approvals.liveCount, "an open question is asked by a step",
            "\(flows.approvals.liveCount)")
        for id: ApprovalID in approvals {
            guard let due: Instant = flows.approvals[id]?.timeoutAt, due > now else { continue }
            try hold(timers[.approvalTimeout(id)] == [due], "a timer waits for each question", "\(id)")
        }
    }

    private func check(_ live: LiveExecution, _ timers: [TimerReason: [Instant]]) throws(BrokenInvariant) {
        let record: ExecutionRecord = live.record
        try hold(!record.status.isTerminal && record.endedAt == nil, "only live executions are kept", "\(record.id)")
        try hold(live.ended.isEmpty, "the end of a step is followed at once", "\(record.id)")
        if let deadline: Instant = record.deadline, deadline > now {
            let due: [Instant] = timers[.executionTimeout(record.id)] ?? []
            try hold(due.contains(deadline), "a timer waits for each execution that may take too long", "\(record.id)")
        }
        try hold(
            !live.isQuiet || record.status == .paused, "an execution that goes on waits for a task or an answer",
            "\(record.id)")
        if let next: Int = live.ready.first, live.step(next).status == .pending {
            let isHeldBack: Bool =
                record.status == .paused || record.phase == .stopping || live.runningTasks >= live.workflow.atOnce
                || flows.accounts[record.id]?.hasRoom(at: now) == false
            try hold(
                isHeldBack, "a step whose turn has come starts unless a limit holds it back", "\(record.id)#\(next)")
        }
        try hold(
            live.runningTasks <= live.workflow.atOnce, "an execution has no more tasks at a time than it may",
            "\(record.id): \(live.runningTasks)")
    }

    /// Each running step of a task has its task, or its question, and no two have the same.
    private func checkWork(
        of live: LiveExecution, _ tasksOfSteps: inout Set<TaskID>, _ approvals: inout Set<ApprovalID>
    ) throws(BrokenInvariant) {
        var running: Int = 0
        var asking: Int = 0
        for (place, entered) in live.steps.enumerated() {
            let step: StepRecord = entered.record
            try hold(step.ordinal == place + 1, "steps are numbered in order of entering", "\(step.execution)#\(place)")
            let name: String = "\(step.execution)#\(step.ordinal)"
            try hold(step.scope < step.ordinal, "a step is entered after the one around it", name)
            try hold(step.status.isTerminal == (step.endedAt != nil), "a step that has ended says when", name)
            guard step.kind == .task, step.status == .running else { continue }
            if let approval: ApprovalID = step.approval, flows.approvals[approval]?.status == .pending {
                asking += 1
                try hold(approvals.insert(approval).inserted, "a question is asked by one step", name)
            } else {
                running += 1
                try hold(step.task.map { tasks[$0] != nil } ?? false, "a running step has a live task", name)
                guard let task: TaskID = step.task else { continue }
                try hold(tasksOfSteps.insert(task).inserted, "a task belongs to one step", name)
                let origin: WorkflowTaskOrigin? = tasks[task]?.record.specification.workflow
                try hold(
                    origin?.execution == step.execution && origin?.ordinal == step.ordinal, "a task knows its step",
                    name)
            }
        }
        try hold(live.runningTasks == running, "running steps are counted", "\(live.record.id): \(live.runningTasks)")
        try hold(live.openApprovals == asking, "open questions are counted", "\(live.record.id): \(live.openApprovals)")
    }

    /// In steps side by side, each waits for what has not ended, and no more are active than may be.
    private func check(_ index: Int, of live: LiveExecution) throws(BrokenInvariant) {
        let frame: LiveExecution.Frame = live.frames[index]
        guard frame.isOpen, live.record.phase == .normal, !isBeingStopped(index, of: live) else { return }
        let name: String = "\(live.record.id), frame \(index)"
        let region: CompiledWorkflow.Region = live.workflow.regions[frame.region]
        let members: [Int] = frame.members.filter { $0 > 0 }
        let underWay: [Int] = members.filter { !live.step($0).status.isTerminal }
        if frame.owner > 0, live.step(frame.owner).status.isTerminal {
            return try hold(underWay.isEmpty, "nothing goes on in a step that has ended", name)
        }
        let waiting: Int = underWay.count { (ordinal: Int) in
            (0..<frame.queue.count).contains { frame.queue[$0] == ordinal }
        }
        try hold(
            frame.active == underWay.count - waiting, "steps that have their turn are counted",
            "\(name): \(frame.active)")
        try hold(frame.active <= frame.atOnce, "no more steps have their turn than may", name)
        try hold(waiting == 0 || frame.active == frame.atOnce, "a step waits for its turn while others have it", name)
        guard region.isGraph else {
            return try hold(underWay.count <= 1, "steps in a sequence come one after the other", name)
        }
        var waits: [Int] = region.waits
        for (place, ordinal) in frame.members.enumerated() where ordinal > 0 && live.step(ordinal).status.isTerminal {
            for edge: CompiledWorkflow.Edge in region.successors[place] { waits[edge.place] -= 1 }
        }
        try hold(frame.waits == waits, "a step counts the others that it waits for", name)
        let isDone: Bool = underWay.isEmpty && !members.isEmpty
        for (place, ordinal) in frame.members.enumerated() where ordinal == 0 {
            try hold(waits[place] > 0 && !isDone, "a step that waits for nothing is entered or passed by", name)
        }
    }

    private func isBeingStopped(_ frame: Int, of live: LiveExecution) -> Bool {
        var next: Int? = frame
        while let current: Int = next {
            let owner: Int = live.frames[current].owner
            if owner > 0, live.steps[owner - 1].inner?.stopping != nil { return true }
            next = live.frame(around: current)
        }
        return false
    }
}
