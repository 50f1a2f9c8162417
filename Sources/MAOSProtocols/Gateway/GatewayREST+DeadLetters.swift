internal import MAOSCore

/// Everything below `/dead-letters`: tasks whose attempts are used up.
extension GatewayREST {
    func handleDeadLetters(
        _ endpoint: GatewayEndpoint, _ method: HTTPMethod, _ text: String, _ request: GatewayRequest,
        _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        switch endpoint {
        case .deadLetters: return listDeadLetters(request, context, now)
        case .deadLettersRequeue: return settleDeadLetters(.requeue, request, context, now)
        case .deadLettersDiscard: return settleDeadLetters(.discard, request, context, now)
        default: break
        }
        guard let id = TaskID(text) else { return fail(.notFound("dead letter", id: text), context, now) }
        switch (endpoint, method) {
        case (.deadLetterRequeue, _):
            return requeueDeadLetter(id, request, context, now)
        case (_, .delete):
            return .submit(
                .discardDeadLetter(id), pending(.discardDeadLetter, id.rawValue, context))
        default:
            guard let task: TaskRecord = view.task(id) else {
                return .read(.task(id), pending(.showDeadLetter, id.rawValue, context))
            }
            return showDeadLetter(task, context, now)
        }
    }

    // MARK: Reading

    private func listDeadLetters(
        _ request: GatewayRequest, _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        var query = GatewayQuery(request.head.target)
        var wanted = TaskQuery()
        wanted.isBrief = true
        wanted.isDeadLettersOnly = true
        if let name: String = query.choice("type", among: GatewayVocabulary.knownTaskTypes) {
            wanted.kind = GatewayVocabulary.taskKind(named: name)
        }
        if let name: String = query.choice("priority", among: GatewayVocabulary.priorities) {
            wanted.priority = Priority(name: name)
        }
        wanted.projects = query.projects(of: context.principal)
        let page: Int = query.integer("page", 1...1_000_000_000) ?? 1
        wanted.limit = query.integer("limit", 1...1_000) ?? 50
        wanted.offset = (page - 1) * wanted.limit
        if let failure: GatewayFailure = query.failure { return fail(failure, context, now) }
        // The token of an attempt sees its own task only, and that one runs.
        guard context.principal.task == nil else {
            return respondDeadLetters(TaskPage(tasks: [], total: 0), page: page, limit: wanted.limit, context, now)
        }
        return .read(.tasks(wanted), pending(.listDeadLetters(page: page, limit: wanted.limit), "", context))
    }

    func respondDeadLetters(
        _ result: TaskPage, page: Int, limit: Int, _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        let pagination = GatewayEnvelope.Pagination(page: page, pageSize: limit, totalItems: result.total)
        return respond(.ok, context, now, capacity: 512 + result.tasks.count * 512, pagination: pagination) {
            (writer: inout JSONWriter) in
            writer.beginObject()
            writer.beginArray("deadLetters")
            for task: TaskRecord in result.tasks {
                GatewayProjection.writeDeadLetter(task, hasCauses: false, to: &writer)
            }
            writer.endArray()
            pagination.write(to: &writer)
            writer.endObject()
        }
    }

    func showDeadLetter(_ task: TaskRecord, _ context: GatewayContext, _ now: Instant) -> GatewayAction {
        guard isInReach(task, context), task.state.isDeadLetter else {
            return fail(.notFound("dead letter", id: task.id.rawValue), context, now)
        }
        return respond(.ok, context, now, capacity: 1_024) {
            GatewayProjection.writeDeadLetter(task, hasCauses: true, to: &$0)
        }
    }

    // MARK: Changing one

    private func requeueDeadLetter(
        _ id: TaskID, _ request: GatewayRequest, _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        do throws(GatewayFailure) {
            try checkContentType(request)
            let changes: JSONObject = try GatewayMessages.decodeRequeueDeadLetter(request.body)
            guard !changes.isEmpty else {
                return .submit(
                    .requeueDeadLetter(id, as: nil), pending(.retryTask, id.rawValue, context))
            }
            guard context.principal.permissions.contains(.tasksCreate) else { throw .forbidden(.tasksCreate) }
            guard let task: TaskRecord = view.task(id) else {
                return .read(.task(id), pending(.editDeadLetter(changes), id.rawValue, context))
            }
            return requeue(task, with: changes, context, now)
        } catch {
            return refuse(error, task: id, context, now)
        }
    }

    /// Requeues a task with some members of its creation replaced.
    func requeue(
        _ task: TaskRecord, with changes: JSONObject, _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        guard isInReach(task, context) else { return fail(.notFound("task", id: task.id.rawValue), context, now) }
        do throws(GatewayFailure) {
            var specification: TaskSpecification = task.specification
            // It begins as urgent as it has become.
            specification.priority = task.state.priority
            try GatewayMessages.apply(JSONDocument(.object(changes)), to: &specification)
            return .submit(
                .requeueDeadLetter(task.id, as: specification), pending(.requeueEdited, task.id.rawValue, context))
        } catch {
            return fail(error, context, now)
        }
    }

    /// Answers with the task that was made of a dead letter.
    func respondRequeued(
        _ task: TaskRecord, from id: String, _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        respond(.created, context, now, capacity: 384) { (writer: inout JSONWriter) in
            writer.beginObject()
            writer.member("taskId", task.id.rawValue)
            writer.member("requeuedFrom", id)
            writer.member("status", GatewayVocabulary.name(of: task.status))
            writer.member("coreStatus", task.status.name)
            writer.endObject()
        }
    }

    func respondDiscarded(_ task: TaskRecord, _ context: GatewayContext, _ now: Instant) -> GatewayAction {
        respond(.ok, context, now, capacity: 384) { (writer: inout JSONWriter) in
            writer.beginObject()
            writer.member("taskId", task.id.rawValue)
            writer.member("status", GatewayVocabulary.name(of: task.status))
            writer.member("coreStatus", task.status.name)
            writer.member("discarded", true)
            writer.endObject()
        }
    }

    // MARK: Changing several

    private func settleDeadLetters(
        _ settlement: DeadLetterSettlement, _ request: GatewayRequest, _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        do throws(GatewayFailure) {
            guard context.principal.task == nil else { throw .forbidden(.tasksUpdate) }
            try checkContentType(request)
            switch try GatewayMessages.decodeDeadLetterSelection(request.body) {
            case .tasks(let ids):
                return settle(ids, found: ids.count, settlement, context)
            case .found(var query):
                let reach: [String] = context.principal.projects
                if query.projects.isEmpty { query.projects = reach }
                guard query.projects.allSatisfy({ context.principal.reaches(project: $0) }) else {
                    return settle([], found: 0, settlement, context)
                }
                return .read(.tasks(query), pending(.settleFound(settlement), "", context))
            }
        } catch {
            return fail(error, context, now)
        }
    }

    func settle(
        _ ids: [TaskID], found: Int, _ settlement: DeadLetterSettlement, _ context: GatewayContext
    ) -> GatewayAction {
        .submit(
            .settleDeadLetters(ids, settlement),
            pending(.settleDeadLetters(settlement, remaining: max(0, found - ids.count)), "", context))
    }

    func respondSettled(
        _ outcomes: [TaskOutcome], _ settlement: DeadLetterSettlement, remaining: Int, _ context: GatewayContext,
        _ now: Instant
    ) -> GatewayAction {
        respond(.ok, context, now, capacity: 512 + outcomes.count * 128) { (writer: inout JSONWriter) in
            let done: String = settlement == .requeue ? "requeued" : "discarded"
            let succeeded: Int = outcomes.count { (outcome: TaskOutcome) in
                if case .success = outcome.result { true } else { false }
            }
            writer.beginObject()
            writer.member(done, succeeded)
            writer.member("failed", outcomes.count - succeeded)
            writer.member("remaining", remaining)
            writer.beginArray("outcomes")
            for outcome: TaskOutcome in outcomes {
                writer.beginObject()
                writer.member("taskId", outcome.id.rawValue)
                switch outcome.result {
                case .success(let task):
                    writer.member("outcome", done)
                    writer.member("status", GatewayVocabulary.name(of: task.status))
                    writer.member("coreStatus", task.status.name)
                case .failure(let rejection):
                    writer.member("outcome", "failed")
                    writer.key("error")
                    GatewayFailure(rejection).write(to: &writer)
                }
                writer.endObject()
            }
            writer.endArray()
            writer.endObject()
        }
    }
}

extension GatewayProjection {
    /// Writes a `DeadLetter`; with its causes where it is shown alone.
    static func writeDeadLetter(_ task: TaskRecord, hasCauses: Bool, to writer: inout JSONWriter) {
        let state: TaskState = task.state
        writer.beginObject()
        writer.member("taskId", task.id.rawValue)
        writer.member("type", GatewayVocabulary.name(of: task.specification.kind))
        writer.member("description", task.specification.description)
        writer.member("priority", state.priority.name)
        writer.memberIfPresent("project", task.specification.project)
        writer.member("owner", task.owner)
        writer.member("attempts", state.attempt)
        writer.member("failures", state.failures)
        writer.member("interruptions", state.interruptions)
        writer.memberIfPresent("error", state.error?.message)
        writer.memberIfPresent("errorCode", state.error?.code.name)
        writer.memberIfPresent("agentId", state.agent?.rawValue)
        writer.member("createdAt", timestamp: task.createdAt.milliseconds)
        writer.memberIfPresent("failedAt", timestamp: state.finishedAt?.milliseconds)
        if hasCauses {
            writer.member("maxAttempts", task.specification.retryPolicy.maximumAttempts)
            writer.beginArray("causes")
            for cause: AttemptFailure in state.causes { write(cause, to: &writer) }
            writer.endArray()
        }
        writer.endObject()
    }

    private static func write(_ cause: AttemptFailure, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("attempt", cause.attempt)
        writer.member("error", cause.failure.message)
        writer.member("errorCode", cause.failure.code.name)
        writer.member("timestamp", timestamp: cause.time.milliseconds)
        writer.memberIfPresent("agentId", cause.agent?.rawValue)
        writer.endObject()
    }
}
