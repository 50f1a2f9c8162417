internal import MAOSCore

/// Everything below `/tasks`.
extension GatewayREST {
    func handleTasks(
        _ endpoint: GatewayEndpoint, _ method: HTTPMethod, _ text: ArraySlice<UInt8>, _ request: GatewayRequest,
        _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        guard endpoint != .tasks else {
            return method == .post ? createTask(request, context, now) : listTasks(request, context, now)
        }
        guard let id = TaskID(utf8: text.span) else {
            return fail(.notFound("task", id: String(decoding: text, as: UTF8.self)), context, now)
        }
        if endpoint == .task, method == .get { return showTask(id, .showTask, context, now) }
        let text: String = id.rawValue
        switch (endpoint, method) {
        case (.task, .delete):
            return .submit(.cancelTask(id, reason: nil), pending(.cancelTask, text, context))
        case (.taskWaiting, _):
            // What has ended waits for nothing, and is known to the disk only; of the others the engine knows why.
            guard view.isLive(id) else { return showTask(id, .showWaiting, context, now) }
            return .submit(.explainWaiting(id), pending(.showWaiting, id.rawValue, context))
        case (.taskRetry, _):
            return .submit(.retryTask(id), pending(.retryTask, text, context))
        case (.taskPause, _):
            return .submit(.pauseTask(id), pending(.changeTask, text, context))
        case (.taskResume, _):
            return .submit(.resumeTask(id), pending(.changeTask, text, context))
        case (.taskPriority, _):
            return changePriority(of: id, request, context, now)
        default:
            return showTaskOutput(id, request, context, now)
        }
    }

    func pending(_ purpose: GatewayPending.Purpose, _ id: String, _ context: GatewayContext) -> GatewayPending {
        GatewayPending(purpose: purpose, id: id, context: context)
    }

    // MARK: Writing

    private func createTask(_ request: GatewayRequest, _ context: GatewayContext, _ now: Instant) -> GatewayAction {
        do throws(GatewayFailure) {
            try checkContentType(request)
            let specification: TaskSpecification = try GatewayMessages.decodeCreateTask(request.body)
            let key: IdempotencyKey? = try idempotencyKey(of: request)
            return .submit(
                .createTask(specification, id: nil, idempotency: key),
                pending(.createTask(isRepeatable: key != nil), "", context))
        } catch {
            return fail(error, context, now)
        }
    }

    private func changePriority(
        of id: TaskID, _ request: GatewayRequest, _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        do throws(GatewayFailure) {
            try checkContentType(request)
            let change = try GatewayMessages.decodeUpdatePriority(request.body)
            return .submit(
                .changePriority(id, change.priority, reason: change.reason), pending(.changeTask, id.rawValue, context))
        } catch {
            return refuse(error, task: id, context, now)
        }
    }

    /// Refuses a broken request, unless the task that it names does not exist: that comes first.
    func refuse(
        _ failure: GatewayFailure, task id: TaskID, _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        guard let task: TaskRecord = view.task(id) else {
            return .read(.task(id), pending(.refuseUnlessMissing(failure), id.rawValue, context))
        }
        return fail(isInReach(task, context) ? failure : .notFound("task", id: id.rawValue), context, now)
    }

    /// Bodies are JSON; a body without a type is taken for it.
    func checkContentType(_ request: GatewayRequest) throws(GatewayFailure) {
        guard let bytes: ArraySlice<UInt8> = request.head.fields.value(.contentType) else { return }
        guard !bytes.span.isEqual(to: "application/json") else { return }
        let end: Int = ByteSearch.first(UInt8(ascii: ";"), in: bytes.span)
        let type: Span<UInt8> = bytes.span.extracting(0..<end)
        let trimmed: Range<Int> = HTTPCharacter.trimmed(type, 0..<type.count)
        guard HTTPCharacter.equal(type.extracting(trimmed), "application/json") else {
            throw .unsupportedMediaType(String(decoding: bytes, as: UTF8.self))
        }
    }

    // MARK: Reading

    func isInReach(_ task: TaskRecord, _ context: GatewayContext) -> Bool {
        context.principal.reaches(task: task.id, project: task.specification.project)
    }

    private func showTask(
        _ id: TaskID, _ purpose: GatewayPending.Purpose, _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        guard let task: TaskRecord = view.task(id) else {
            return .read(.task(id), pending(purpose, id.rawValue, context))
        }
        return show(task, purpose, context, now)
    }

    /// Answers with what is wanted of a task that has been found.
    func show(
        _ task: TaskRecord, _ purpose: GatewayPending.Purpose, _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        guard isInReach(task, context) else { return fail(.notFound("task", id: task.id.rawValue), context, now) }
        if case .showWaiting = purpose {
            return respond(.ok, context, now) { GatewayProjection.writeWaiting(task, [], to: &$0) }
        }
        return respondTask(.ok, task, context, now)
    }

    /// Answers with a whole task.
    func respondTask(
        _ status: HTTPStatus, _ task: TaskRecord, _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        let specification: TaskSpecification = task.specification
        let capacity: Int =
            832 + specification.description.utf8.count + (task.state.result?.utf8.count ?? 0)
            + specification.dependencies.count * 40
        var builder = GatewayTextBuilder(reservingCapacity: capacity)
        builder.beginEnvelope()
        projection.write(task, at: now, to: &builder)
        builder.endEnvelope(context, at: now)
        return .respond(GatewayResponse(status: status, requestID: context.requestID, body: builder.bytes))
    }

    /// Answers a creation.
    ///
    /// - Parameters:
    ///   - task: The task.
    ///   - status: Its status right after its creation.
    ///   - hasEstimate: Whether to tell how long such tasks take, where that is known.
    ///   - context: The request.
    ///   - now: The answer's time.
    /// - Returns: The answer.
    func respondCreated(
        _ task: TaskRecord, _ status: TaskStatus, hasEstimate: Bool, _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        var builder = GatewayTextBuilder(reservingCapacity: 320)
        builder.beginEnvelope()
        projection.writeCreated(task, status: status, hasEstimate: hasEstimate, to: &builder)
        builder.endEnvelope(context, at: now)
        return .respond(GatewayResponse(status: .created, requestID: context.requestID, body: builder.bytes))
    }

    private func listTasks(_ request: GatewayRequest, _ context: GatewayContext, _ now: Instant) -> GatewayAction {
        var query = GatewayQuery(request.head.target)
        var wanted = TaskQuery()
        wanted.isBrief = true
        if let name: String = query.choice("status", among: GatewayVocabulary.taskStatuses) {
            wanted.statuses = GatewayVocabulary.taskStatuses(named: name) ?? []
        }
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
        if let only: TaskID = context.principal.task {
            guard let task: TaskRecord = view.task(only) else {
                return .read(.task(only), pending(.listTask(wanted, page: page), only.rawValue, context))
            }
            return listTask(task, wanted, page: page, context, now)
        }
        return .read(.tasks(wanted), pending(.listTasks(page: page, limit: wanted.limit), "", context))
    }

    /// The list of a token that may see one task only.
    func listTask(
        _ task: TaskRecord?, _ query: TaskQuery, page: Int, _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        var found: [TaskRecord] = []
        if let task, isInReach(task, context), query.statuses.isEmpty || query.statuses.contains(task.status),
            query.kind == nil || query.kind == task.specification.kind,
            query.priority == nil || query.priority == task.state.priority
        {
            found = [task]
        }
        let result = TaskPage(tasks: page == 1 ? found : [], total: found.count)
        return respond(result, page: page, limit: query.limit, context, now)
    }

    func respond(
        _ result: TaskPage, page: Int, limit: Int, _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        let pagination = GatewayEnvelope.Pagination(page: page, pageSize: limit, totalItems: result.total)
        return respond(.ok, context, now, capacity: 512 + result.tasks.count * 512, pagination: pagination) {
            (writer: inout JSONWriter) in
            writer.beginObject()
            writer.beginArray("tasks")
            for task: TaskRecord in result.tasks { GatewayProjection.writeSummary(task, to: &writer) }
            writer.endArray()
            pagination.write(to: &writer)
            writer.endObject()
        }
    }
}
