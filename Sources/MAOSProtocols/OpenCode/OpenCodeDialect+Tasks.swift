internal import MAOSCore

/// What clients ask of tasks.
extension OpenCodeDialect {
    /// How long the end of a running task is waited for.
    private static let endPatience: Milliseconds = .seconds(5)
    /// Tasks that a refusal names as those that could have been meant.
    private static let suggestions: Int = 20

    func requestID(of session: OpenCodeSession) -> JSONValue? { session.current?.requestID }

    // MARK: Making tasks

    func create(
        _ task: OpenCodeTask, isScheduled: Bool, _ session: OpenCodeSession, _ principal: Principal, at now: Instant
    ) {
        let token: SocketToken = wait(session, for: .create(task, isScheduled: isScheduled))
        put(.submit(.createTask(task.specification, id: task.id, idempotency: nil), principal, token))
    }

    func created(
        _ task: OpenCodeTask, isScheduled: Bool, _ result: Result<Reply, Rejection>, _ session: OpenCodeSession,
        at now: Instant
    ) {
        switch result {
        case .success(.task(let record)):
            let id: JSONValue? = requestID(of: session)
            let message: [UInt8] =
                isScheduled
                ? OpenCodeProjection.taskScheduled(record, recurring: task.recurring, requestID: id, at: now)
                : OpenCodeProjection.taskStarted(record, requestID: id, at: now)
            answer(session, message, at: now)
        case .success:
            refuse(session, OpenCodeFailure(.serviceUnavailable, "The task was not made"), at: now)
        case .failure(let rejection):
            let failure = OpenCodeFailure(
                rejection, task: task.id.rawValue, isReady: surroundings.environment.isReady)
            guard failure.code == .taskDependencyError, let principal: Principal = session.caller?.principal else {
                return refuse(session, failure, at: now)
            }
            var query = TaskQuery()
            query.projects = principal.projects
            query.limit = OpenCodeDialect.suggestions
            query.isBrief = true
            put(.perform(.read(.tasks(query)), wait(session, for: .suggestion(failure))))
        }
    }

    /// Refuses for a dependency that is none, and names some that could be.
    func suggest(_ page: TaskPage, for failure: OpenCodeFailure, _ session: OpenCodeSession, at now: Instant) {
        var failure: OpenCodeFailure = failure
        if let name: String = failure.details["dependency_id"]?.stringValue,
            !page.tasks.contains(where: { $0.id.rawValue == name })
        {
            failure.message = "Task dependency '\(name)' does not exist"
        }
        let names: [JSONValue] = page.tasks.map { .string($0.id.rawValue) }
        failure.details = JSONObject(
            failure.details.map { ($0.key, $0.value) } + [("available_tasks", .array(names))])
        refuse(session, failure, at: now)
    }

    // MARK: Changing tasks

    func change(
        _ command: Command, _ step: OpenCodeSession.Step, _ session: OpenCodeSession, _ principal: Principal,
        at now: Instant
    ) {
        put(.submit(command, principal, wait(session, for: step)))
    }

    func cancelled(
        _ id: TaskID, _ result: Result<Reply, Rejection>, _ session: OpenCodeSession, at now: Instant
    ) {
        guard let task: TaskRecord = changed(id, result, session, at: now) else { return }
        // Its end may have been told before this answer came.
        let newest: TaskRecord = view.task(id) ?? task
        guard !newest.status.isTerminal else { return finish(newest, session, at: now) }
        _ = wait(session, for: .end(newest, until: now + OpenCodeDialect.endPatience))
        endings[id, default: []].append(session.peer)
    }

    /// Says how a cancellation went; a task that completed first was not cancelled.
    func finish(_ task: TaskRecord, _ session: OpenCodeSession, at now: Instant) {
        endings[task.id]?.removeAll { $0 == session.peer }
        if endings[task.id]?.isEmpty == true { endings[task.id] = nil }
        guard task.status != .completed, task.status != .failed else {
            let name: String = OpenCodeVocabulary.name(of: task.status)
            return refuse(
                session,
                OpenCodeFailure(
                    .invalidFieldValue, "Task \(task.id) has already ended: \(name)",
                    ["field": "task_id", "value": .string(task.id.rawValue), "expected": "a task that has not ended"]),
                at: now)
        }
        answer(session, OpenCodeProjection.taskCancelled(task, requestID: requestID(of: session), at: now), at: now)
    }

    /// Tells those who wait for the end of a task.
    func ended(_ id: TaskID, at now: Instant) {
        guard let peers: [PeerID] = endings.removeValue(forKey: id) else { return }
        for peer: PeerID in peers {
            guard let session: OpenCodeSession = session(peer), case .end(let old, _)? = session.current?.step,
                old.id == id
            else { continue }
            finish(view.task(id) ?? old, session, at: now)
            advance(session, at: now)
        }
    }

    func retried(
        _ id: TaskID, _ result: Result<Reply, Rejection>, _ session: OpenCodeSession, at now: Instant
    ) {
        guard let task: TaskRecord = changed(id, result, session, at: now) else { return }
        answer(session, OpenCodeProjection.taskRetried(task, requestID: requestID(of: session), at: now), at: now)
    }

    /// The task that was to be changed; a client whose command failed is told why.
    private func changed(
        _ id: TaskID, _ result: Result<Reply, Rejection>, _ session: OpenCodeSession, at now: Instant
    ) -> TaskRecord? {
        switch result {
        case .success(.task(let task)):
            return task
        case .success:
            refuse(session, .taskNotFound(id.rawValue), at: now)
        case .failure(let rejection):
            refuse(
                session,
                OpenCodeFailure(rejection, task: id.rawValue, isReady: surroundings.environment.isReady), at: now)
        }
        return nil
    }

    // MARK: Looking at tasks

    func showTask(_ id: TaskID, _ session: OpenCodeSession, _ principal: Principal, at now: Instant) {
        if let task: TaskRecord = view.task(id) { return show(task, id: id, session, at: now) }
        put(.perform(.read(.task(id)), wait(session, for: .task(id))))
    }

    func show(_ task: TaskRecord?, id: TaskID, _ session: OpenCodeSession, at now: Instant) {
        guard let task, let principal: Principal = session.caller?.principal,
            principal.reaches(task: id, project: task.specification.project)
        else { return refuse(session, .taskNotFound(id.rawValue), at: now) }
        answer(session, OpenCodeProjection.taskStatus(task, requestID: requestID(of: session), at: now), at: now)
    }

    func search(_ list: OpenCodeTaskList, _ session: OpenCodeSession, _ principal: Principal, at now: Instant) {
        guard list.order == OpenCodeTaskOrder() || list.offset <= OpenCodeTaskSearch.offsetLimit else {
            return refuse(
                session,
                .invalid(
                    .invalidFieldValue, "offset", "is too large for this order", JSONValue(list.offset),
                    expected: "0 to \(OpenCodeTaskSearch.offsetLimit) unless the newest come first"), at: now)
        }
        go(on: OpenCodeTaskSearch(list, projects: principal.projects), session, at: now)
    }

    func go(on search: OpenCodeTaskSearch, _ session: OpenCodeSession, at now: Instant) {
        guard let read: StoreRead = search.next else {
            let id: JSONValue? = requestID(of: session)
            return answer(
                session, OpenCodeProjection.taskList(search.page, search.list, requestID: id, at: now), at: now)
        }
        put(.perform(.read(read), wait(session, for: .search(search))))
    }
}
