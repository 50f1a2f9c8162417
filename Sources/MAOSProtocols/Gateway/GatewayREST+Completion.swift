package import MAOSCore

/// What follows when an action has been carried out.
extension GatewayREST {
    // MARK: Commands

    /// Goes on after ``GatewayAction/submit(_:_:_:)``.
    package func complete(
        _ pending: GatewayPending, with result: Result<Reply, Rejection>, at now: Instant
    ) -> GatewayAction {
        let context: GatewayContext = pending.context
        switch result {
        case .failure(let rejection):
            return fail(GatewayFailure(rejection), context, now)
        case .success(.task(let task)):
            return complete(pending, with: task, now)
        case .success(.agent(let agent)):
            return complete(pending, with: agent, now)
        case .success(.waiting(let task, let reasons)):
            return respond(.ok, context, now) { GatewayProjection.writeWaiting(task, reasons, to: &$0) }
        case .success(.repeated(let id)):
            guard let task: TaskRecord = view.task(id) else {
                return .read(
                    .task(id), GatewayPending(purpose: .repeatCreation, id: id.rawValue, context: context))
            }
            return repeatCreation(of: task, context, now)
        case .success(.repeatedCreation(let made)):
            return showAgain(made, context, now)
        case .success(.outcomes(let outcomes)):
            guard case .settleDeadLetters(let settlement, let remaining) = pending.purpose else {
                return fail(.internalError, context, now)
            }
            return respondSettled(outcomes, settlement, remaining: remaining, context, now)
        case .success(.pool(let pool)):
            return complete(pending, with: pool, now)
        case .success(.allocation(let allocation)):
            return complete(pending, with: allocation, now)
        case .success(.resources(let report)):
            return respond(report, context, now)
        case .success(.quotas(let report)):
            return respond(report, context, now)
        case .success(.limits(let report)):
            guard case .resource(.limits(let page, let limit)) = pending.purpose else {
                return fail(.internalError, context, now)
            }
            return respond(report, page: page, limit: limit, context, now)
        case .success(.budgets(let standings)):
            guard case .budget(let purpose) = pending.purpose else { return fail(.internalError, context, now) }
            return respond(standings, purpose, context, now)
        case .success(.schedule(let schedule)):
            return complete(pending, with: schedule, now)
        case .success(.workflow(let workflow)):
            return complete(pending, with: workflow, now)
        case .success(.execution(let execution)):
            return complete(pending, with: execution, now)
        case .success(.approval(let approval)):
            return complete(pending, with: approval, now)
        case .success(.none), .success(.pools):
            return fail(.internalError, context, now)
        }
    }

    private func complete(_ pending: GatewayPending, with task: TaskRecord, _ now: Instant) -> GatewayAction {
        let context: GatewayContext = pending.context
        switch pending.purpose {
        case .createTask(let isRepeatable):
            return respondCreated(task, task.status, hasEstimate: !isRepeatable, context, now)
        case .cancelTask:
            // What is committed may have come further than the reply.
            let newest: TaskRecord = view.task(task.id) ?? task
            guard !newest.status.isTerminal else { return respondCancelled(newest, context, now) }
            return .awaitEnd(task.id, until: now + configuration.cancellationWait, pending)
        case .requeueEdited:
            return respondRequeued(task, from: pending.id, context, now)
        case .discardDeadLetter:
            return respondDiscarded(task, context, now)
        case .retryTask:
            return respond(.ok, context, now, capacity: 384) { (writer: inout JSONWriter) in
                let hasStarted: Bool = task.state.holdsAgent
                writer.beginObject()
                writer.member("taskId", task.id.rawValue)
                writer.member("attempt", hasStarted ? task.state.attempt : task.state.attempt + 1)
                writer.member("status", GatewayVocabulary.name(of: task.status))
                writer.member("coreStatus", task.status.name)
                writer.endObject()
            }
        default:
            return respondTask(.ok, task, context, now)
        }
    }

    private func complete(_ pending: GatewayPending, with agent: AgentRecord, _ now: Instant) -> GatewayAction {
        let context: GatewayContext = pending.context
        switch pending.purpose {
        case .spawnAgent:
            return respond(.created, context, now) { projection.writeSpawned(agent, to: &$0) }
        case .terminateAgent:
            return respond(.ok, context, now, capacity: 384) { (writer: inout JSONWriter) in
                writer.beginObject()
                writer.member("agentId", agent.id.rawValue)
                writer.member("status", GatewayVocabulary.name(of: agent.state))
                writer.member("coreStatus", agent.status.name)
                writer.endObject()
            }
        default:
            return respondAgent(agent, context, now)
        }
    }

    /// The first answer again: the status is the one that the task had when it was created.
    private func repeatCreation(of task: TaskRecord, _ context: GatewayContext, _ now: Instant) -> GatewayAction {
        // One whose dependency had failed, or whose deadline had passed, was over when it was created.
        let wasOver: Bool =
            task.status.isTerminal && task.state.attempt == 0 && task.state.finishedAt == task.createdAt
        return respondCreated(task, wasOver ? task.status : .pending, hasEstimate: false, context, now)
    }

    /// What an earlier request with the same key made, as it is now, in the answer of a creation.
    private func showAgain(_ made: Creation, _ context: GatewayContext, _ now: Instant) -> GatewayAction {
        switch made {
        case .task: fail(.internalError, context, now)
        case .execution(let id):
            .read(
                .entity(.execution, id: id.rawValue),
                pending(.workflow(.showExecution(.created, of: nil)), id.rawValue, context))
        case .schedule(let id):
            .read(.entity(.schedule, id: id.rawValue), pending(.schedule(.create), id.rawValue, context))
        case .pool(let id):
            .read(.entity(.pool, id: id.rawValue), pending(.pool(.create), id.rawValue, context))
        }
    }

    // MARK: Ends

    /// Goes on after ``GatewayAction/awaitEnd(_:until:_:)``.
    ///
    /// - Parameters:
    ///   - pending: The request.
    ///   - ended: Whether the task has ended; false when the time is up.
    ///   - now: The answer's time.
    /// - Returns: What to do next.
    package func complete(_ pending: GatewayPending, ended: Bool, at now: Instant) -> GatewayAction {
        let context: GatewayContext = pending.context
        guard let task: TaskRecord = view.task(TaskID(unchecked: pending.id)) else {
            return .read(.task(TaskID(unchecked: pending.id)), pending)
        }
        return task.status.isTerminal
            ? respondCancelled(task, context, now) : respondCancelling(task, context, now)
    }

    /// The task has ended; mostly by the cancellation, but it may have been quicker.
    private func respondCancelled(_ task: TaskRecord, _ context: GatewayContext, _ now: Instant) -> GatewayAction {
        guard task.status == .cancelled else {
            return fail(
                GatewayFailure(
                    .conflict, "Task \(task.id.rawValue) has already ended: \(task.status.name)",
                    details: .members(["reason": .string(task.status.name)])), context, now)
        }
        return respond(.ok, context, now, capacity: 384) { (writer: inout JSONWriter) in
            writer.beginObject()
            writer.member("taskId", task.id.rawValue)
            writer.member("status", GatewayVocabulary.name(of: task.status))
            writer.endObject()
        }
    }

    private func respondCancelling(_ task: TaskRecord, _ context: GatewayContext, _ now: Instant) -> GatewayAction {
        respond(.accepted, context, now, capacity: 384) { (writer: inout JSONWriter) in
            writer.beginObject()
            writer.member("taskId", task.id.rawValue)
            writer.member("status", GatewayVocabulary.name(of: task.status))
            writer.member("coreStatus", task.status.name)
            writer.memberIfPresent("currentStep", task.state.step)
            writer.member("cancelRequested", true)
            writer.endObject()
        }
    }

    // MARK: Reads

    /// Goes on after ``GatewayAction/read(_:_:)``.
    package func complete(
        _ pending: GatewayPending, with result: Result<StoreReadResult, JournalError>, at now: Instant
    ) -> GatewayAction {
        switch result {
        case .failure(let error): fail(GatewayFailure(error), pending.context, now)
        case .success(.task(let task)): complete(pending, found: task, now)
        case .success(.agent(let agent)): complete(pending, found: agent, now)
        case .success(let result): completeList(pending, with: result, now)
        }
    }

    private func complete(_ pending: GatewayPending, found task: TaskRecord?, _ now: Instant) -> GatewayAction {
        let context: GatewayContext = pending.context
        if case .listTask(let query, let page) = pending.purpose {
            return listTask(task, query, page: page, context, now)
        }
        guard let task, isInReach(task, context) else {
            return fail(.notFound("task", id: pending.id), context, now)
        }
        switch pending.purpose {
        case .repeatCreation: return repeatCreation(of: task, context, now)
        case .refuseUnlessMissing(let failure): return fail(failure, context, now)
        case .findTaskOutput(let wanted): return showOutput(of: task, wanted, context, now)
        case .cancelTask: return respondCancelled(task, context, now)
        case .showDeadLetter: return showDeadLetter(task, context, now)
        case .editDeadLetter(let changes): return requeue(task, with: changes, context, now)
        default: return show(task, pending.purpose, context, now)
        }
    }

    private func complete(_ pending: GatewayPending, found agent: AgentRecord?, _ now: Instant) -> GatewayAction {
        let context: GatewayContext = pending.context
        guard let agent else { return fail(.notFound("agent", id: pending.id), context, now) }
        switch pending.purpose {
        case .refuseAgentUnlessMissing(let failure): return fail(failure, context, now)
        case .findAgentOutput(let wanted):
            return showOutput(.agent(agent.id), wanted, isEnded: agent.status == .terminated, context)
        default: return respondAgent(agent, context, now)
        }
    }

    private func completeList(
        _ pending: GatewayPending, with result: StoreReadResult, _ now: Instant
    ) -> GatewayAction {
        let context: GatewayContext = pending.context
        switch (pending.purpose, result) {
        case (.pool, .entity(let row)):
            return completePool(pending, found: row, now)
        case (.pool(.list(let page, let limit)), .entities(let found)):
            return respondPools(found, page: page, limit: limit, context, now)
        case (.resource, .entity(let row)):
            return completeAllocation(pending, found: row, now)
        case (.resource(.list(let page, let limit)), .entities(let found)):
            return respondAllocations(found, page: page, limit: limit, context, now)
        case (.workflow(let purpose), _):
            return completeWorkflow(pending, purpose, with: result, now)
        case (.schedule, .entity(let row)):
            return completeSchedule(pending, found: row, now)
        case (.schedule(.list(let page, let limit)), .entities(let found)):
            return respondSchedules(found, page: page, limit: limit, context, now)
        case (.listTasks(let page, let limit), .tasks(let found)):
            return respond(found, page: page, limit: limit, context, now)
        case (.listDeadLetters(let page, let limit), .tasks(let found)):
            return respondDeadLetters(found, page: page, limit: limit, context, now)
        case (.settleFound(let settlement), .tasks(let found)):
            return settle(found.tasks.map(\.id), found: found.total, settlement, context)
        case (.listTerminatedAgents(let page, let limit), .agents(let agents)):
            return respondTerminated(agents, page: page, limit: limit, context, now)
        case (.listEvents, .events(let page)):
            return respond(page, context, now)
        case (.showOutput(let isEnded), .output(let page)):
            let size: Int = page.entries.reduce(512) { $0 + $1.data.count + 128 }
            return respond(.ok, context, now, capacity: size) {
                GatewayProjection.write(page, isEnded: isEnded, to: &$0)
            }
        default:
            return fail(.internalError, context, now)
        }
    }

    /// Terminated agents are not counted: their number only grows, and nobody needs it.
    private func respondTerminated(
        _ found: [AgentRecord], page: Int, limit: Int, _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        let shown: ArraySlice<AgentRecord> = found.prefix(limit)
        let total: Int = (page - 1) * limit + found.count
        let pagination = GatewayEnvelope.Pagination(page: page, pageSize: limit, totalItems: total)
        return respond(.ok, context, now, capacity: 512 + shown.count * 384, pagination: pagination) {
            (writer: inout JSONWriter) in
            writer.beginObject()
            writer.beginArray("agents")
            for agent: AgentRecord in shown { projection.writeSummary(agent, for: context.principal, to: &writer) }
            writer.endArray()
            writer.beginObject("summary")
            writer.member("total", total)
            for name: String in ["active", "idle", "busy", "error"] { writer.member(name, 0) }
            writer.endObject()
            pagination.write(to: &writer)
            writer.endObject()
        }
    }
}
