internal import MAOSCore

/// What clients ask about the server and its machine.
extension OpenCodeDialect {
    // MARK: Everything at once

    /// Tasks that a look at everything shows: those that have not ended, and those made last that have.
    private static let liveTasks: Int = 500
    private static let endedTasks: Int = 100

    func beginStatus(_ session: OpenCodeSession) {
        let live: [TaskStatus] = TaskStatus.allCases.filter { !$0.isTerminal }
        readStatus(live, limit: OpenCodeDialect.liveTasks, session, .status(live: nil))
    }

    private func readStatus(
        _ statuses: [TaskStatus], limit: Int, _ session: OpenCodeSession, _ step: OpenCodeSession.Step
    ) {
        var query = TaskQuery()
        query.statuses = statuses
        query.projects = session.caller?.principal.projects ?? []
        query.limit = limit
        query.isBrief = true
        put(.perform(.read(.tasks(query)), wait(session, for: step)))
    }

    func goOnStatus(live: [TaskRecord]?, _ page: TaskPage, _ session: OpenCodeSession, at now: Instant) {
        guard let live else {
            return readStatus(
                [.completed, .failed, .cancelled], limit: OpenCodeDialect.endedTasks, session,
                .status(live: page.tasks))
        }
        let host: OpenCodeHost = host
        let tasks: [TaskRecord] = (live + page.tasks).sorted { $0.number > $1.number }
        let id: JSONValue? = requestID(of: session)
        let message: [UInt8] = OpenCodeProjection.message("full_status", requestID: id, at: now) {
            (writer: inout JSONWriter) in
            writer.beginObject("data")
            writer.beginArray("agents")
            for agent: AgentRecord in view.agents() { write(agent, in: host, to: &writer) }
            writer.endArray()
            OpenCodeProjection.write(tasks, to: &writer)
            writer.key("system_resources")
            OpenCodeProjection.writeResources(host, at: now, to: &writer)
            writer.beginArray("claude_processes")
            if session.caller?.principal.permissions.contains(.processesRead) ?? false {
                for process: ProcessReading in host.ofInterest {
                    OpenCodeProjection.write(process, nil, in: host, at: now, to: &writer)
                }
            }
            writer.endArray()
            writer.endObject()
        }
        answer(session, message, at: now)
    }

    private func write(_ agent: AgentRecord, in host: OpenCodeHost, to writer: inout JSONWriter) {
        let task: TaskRecord? = agent.state.currentTasks.first.flatMap { view.task($0) }
        OpenCodeProjection.write(
            agent, task: task, usage: surroundings.host?.usage(of: agent.id), in: host, to: &writer)
    }

    // MARK: The machine

    func showResources(_ session: OpenCodeSession, at now: Instant) {
        let id: JSONValue? = requestID(of: session)
        answer(session, OpenCodeProjection.systemResources(host, requestID: id, at: now), at: now)
    }

    func showClaudeProcesses(_ session: OpenCodeSession, at now: Instant) {
        let id: JSONValue? = requestID(of: session)
        answer(session, OpenCodeProjection.claudeProcesses(host, requestID: id, at: now), at: now)
    }

    func showProcesses(_ list: OpenCodeProcessList, _ session: OpenCodeSession, at now: Instant) {
        let host: OpenCodeHost = host
        if list.includesSystem, list.filter.workingDirectory != nil {
            // Scans leave the folders of strangers out.
            var anywhere: OpenCodeProcessList = list
            anywhere.filter.workingDirectory = nil
            let found: [ProcessReading] = host.scan.processes.filter { anywhere.filter.matches($0, host) }
            return put(
                .perform(.host(.inspect(found.map(\.identity))), wait(session, for: .folders(list, host))))
        }
        let page: OpenCodeProjection.ProcessPage = OpenCodeProjection.page(list, in: host)
        let identities: [ProcessIdentity] = page.processes.map(\.identity)
        put(.perform(.host(.inspect(identities)), wait(session, for: .processes(page, host))))
    }

    func show(
        _ page: OpenCodeProjection.ProcessPage, in host: OpenCodeHost, _ answer: HostAnswer, _ session: OpenCodeSession,
        at now: Instant
    ) {
        var details: [ProcessIdentity: ProcessDetails] = [:]
        if case .inspected(let found) = answer { details = found }
        let id: JSONValue? = requestID(of: session)
        self.answer(
            session, OpenCodeProjection.processList(page, details: details, in: host, requestID: id, at: now), at: now)
    }

    func showProcesses(
        _ list: OpenCodeProcessList, in host: OpenCodeHost, _ answer: HostAnswer, _ session: OpenCodeSession,
        at now: Instant
    ) {
        var host: OpenCodeHost = host
        if case .inspected(let found) = answer { host.locate(found) }
        show(OpenCodeProjection.page(list, in: host), in: host, answer, session, at: now)
    }

    func kill(_ pid: Int32, _ signal: ProcessSignal, _ session: OpenCodeSession, at now: Instant) {
        guard pid > 1 else { return refuse(session, .notOurs(pid), at: now) }
        guard let process: ProcessReading = surroundings.host?.scan.process(pid), process.state != .dead else {
            return refuse(session, .noProcess(pid), at: now)
        }
        let allowsForeign: Bool = shared.configuration.killsForeign
        put(
            .perform(
                .host(.signal(process.identity, signal, allowsForeign: allowsForeign)),
                wait(session, for: .kill(pid, signal))))
    }

    func killed(
        _ pid: Int32, _ signal: ProcessSignal, _ answer: HostAnswer, _ session: OpenCodeSession, at now: Instant
    ) {
        let reason: String
        switch answer {
        case .signalled(.ended):
            let id: JSONValue? = requestID(of: session)
            return self.answer(
                session, OpenCodeProjection.processKilled(pid, signal, requestID: id, at: now), at: now)
        case .signalled(.notFound), .noSuchProcess: return refuse(session, .noProcess(pid), at: now)
        case .signalled(.forbidden): return refuse(session, .notOurs(pid), at: now)
        case .signalled(.refused(let text)), .failed(let text): reason = text
        case .signalled(.stillRunning): reason = "it still runs 5 seconds after \(signal.rawValue)"
        case .done, .busy, .inspected: reason = "nothing is known of the outcome"
        }
        refuse(
            session,
            OpenCodeFailure(
                .processKillFailed, "Failed to kill process \(pid): \(reason)",
                ["pid": JSONValue(Int(pid)), "signal": .string(signal.rawValue)]), at: now)
    }

    // MARK: The server

    func showHealth(_ session: OpenCodeSession, at now: Instant) {
        let environment: any DialectEnvironment = surroundings.environment
        let id: JSONValue? = requestID(of: session)
        let message: [UInt8] = OpenCodeProjection.systemHealth(
            environment.components(at: now), startedAt: environment.startedAt, requestID: id, at: now)
        answer(session, message, at: now)
    }

    func showMetrics(_ text: String, _ range: Milliseconds, _ session: OpenCodeSession, at now: Instant) {
        var usage: [(name: OpenCodeLimitName, current: Int, limit: Int)] = []
        if let limits: OpenCodeLimits = limits(of: session) {
            usage = session.usage(limits, at: now)
            usage.append(
                (
                    .globalMessagesPerMinute, shared.messageCount(limits, at: now),
                    limits[.globalMessagesPerMinute]
                ))
        }
        let message: [UInt8] = OpenCodeProjection.apiMetrics(
            shared.usage(within: range, at: now), range: text, length: range, since: surroundings.environment.startedAt,
            connections: shared.connections(at: now), limits: usage, requestID: requestID(of: session), at: now)
        answer(session, message, at: now)
    }
}

extension OpenCodeFailure {
    fileprivate static func noProcess(_ pid: Int32) -> OpenCodeFailure {
        OpenCodeFailure(.processNotFound, "Process with ID \(pid) not found", ["pid": JSONValue(Int(pid))])
    }

    fileprivate static func notOurs(_ pid: Int32) -> OpenCodeFailure {
        OpenCodeFailure(
            .processPermissionDenied, "Process \(pid) may not be signalled: it was not started by this server",
            ["pid": JSONValue(Int(pid))])
    }
}
