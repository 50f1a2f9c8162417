internal import MAOSCore

extension GatewayProjection {
    /// Writes `{reasons: [{kind, detail, …}]}`: what a task still waits for, as the engine knows it.
    static func writeWaiting(_ task: TaskRecord, _ reasons: [WaitingReason], to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("taskId", task.id.rawValue)
        writer.member("status", GatewayVocabulary.name(of: task.status))
        writer.member("coreStatus", task.status.name)
        writer.beginArray("reasons")
        for reason: WaitingReason in reasons { write(reason, to: &writer) }
        writer.endArray()
        writer.endObject()
    }

    private static func write(_ reason: WaitingReason, to writer: inout JSONWriter) {
        switch reason {
        case .dependencies(let tasks):
            let detail: String =
                tasks.count == 1
                ? "1 task has to be completed first" : "\(tasks.count) tasks have to be completed first"
            write("dependencies", detail, to: &writer) { $0.member("taskIds", ids: tasks) }
        case .schedule(let until):
            write("schedule", "Its time has not come", to: &writer) {
                $0.member("until", timestamp: until.milliseconds)
            }
        case .backoff(let failures, let until):
            write("backoff", "An attempt failed; the next one waits for its time", to: &writer) {
                $0.member("failures", failures)
                $0.memberIfPresent("until", timestamp: until?.milliseconds)
            }
        case .paused:
            write("paused", "It is paused; resume it", to: &writer)
        case .approval:
            write("approval", "It waits for a person's answer", to: &writer)
        case .starting(let agent):
            write("starting", "Its agent has it; the process has not been confirmed yet", to: &writer) {
                $0.memberIfPresent("agentId", agent?.rawValue)
            }
        case .draining:
            write("draining", "The server is about to stop; it starts after the next start", to: &writer)
        case .noCapableAgent, .agentStarting, .agentsPaused, .noFreeSlot:
            writeAgents(reason, to: &writer)
        case .concurrency, .quota, .rate, .budget, .turn:
            writeLimits(reason, to: &writer)
        }
    }

    private static func writeAgents(_ reason: WaitingReason, to writer: inout JSONWriter) {
        switch reason {
        case .noCapableAgent(let type, let missing, let onDemand):
            write("no_capable_agent", "No agent can take it", to: &writer) {
                $0.memberIfPresent("agentType", type?.name)
                $0.member("capabilities", missing.map(\.name))
                $0.member("onDemand", onDemand)
            }
        case .agentStarting(let agents):
            write("agent_starting", "An agent for it is starting", to: &writer) { $0.member("agents", agents) }
        case .agentsPaused(let agents):
            write("agents_paused", "Every agent that could take it is paused", to: &writer) {
                $0.member("agents", agents)
            }
        case .noFreeSlot(let agents, let since):
            write("agents_busy", "Every agent that could take it has other work", to: &writer) {
                $0.member("agents", agents)
                $0.memberIfPresent("queuedAt", timestamp: since?.milliseconds)
            }
        default:
            break
        }
    }

    private static func writeLimits(_ reason: WaitingReason, to writer: inout JSONWriter) {
        switch reason {
        case .concurrency(let key, let limit, let running):
            let detail: String =
                limit == 1
                ? "Another task with its concurrency key is under way"
                : "\(limit) tasks with its concurrency key are under way"
            write("concurrency", detail, to: &writer) {
                $0.member("concurrencyKey", key)
                $0.member("limit", limit)
                $0.member("taskIds", ids: running)
            }
        case .quota(let key, let limit, let inUse):
            write("quota", "The \(key) has as many tasks under way as it may", to: &writer) {
                $0.member("scope", key.scope.name)
                $0.member("id", key.id)
                $0.member("limit", limit)
                $0.member("inUse", inUse)
            }
        case .rate(let key, let count, let period, let until):
            write(
                "rate_limit", "No more tasks with its concurrency key may start for now", to: &writer
            ) {
                $0.member("concurrencyKey", key)
                $0.member("count", count)
                $0.member("perSeconds", Double(period.count) / 1_000)
                $0.memberIfPresent("until", timestamp: until?.milliseconds)
            }
        case .budget(let project, let part, let needed, let remaining):
            write("budget", "Too little is left of its project's budget", to: &writer) {
                $0.member("project", project)
                $0.member("part", part.name)
                $0.member("needed", part == .cost ? Double(needed) / 1_000_000 : Double(needed))
                $0.member("remaining", part == .cost ? Double(remaining) / 1_000_000 : Double(remaining))
            }
        case .turn(let tasks, let projects):
            write("fair_share", "Other tasks come first", to: &writer) {
                $0.member("tasksAhead", tasks)
                $0.member("projectsAhead", projects)
            }
        default:
            break
        }
    }

    private static func write(
        _ kind: String, _ detail: String, to writer: inout JSONWriter, more: (inout JSONWriter) -> Void = { _ in }
    ) {
        writer.beginObject()
        writer.member("kind", kind)
        writer.member("detail", detail)
        more(&writer)
        writer.endObject()
    }
}
