internal import MAOSCore

/// The beginning of a character that a terminal has printed, until the rest of it comes.
struct DashboardRest: Sendable {
    /// The entry that it ended.
    var sequence: UInt64
    var bytes: [UInt8]
}

/// What becomes of events, output and readings on the dashboard's wire.
enum DashboardProjection {
    /// The kind of the tasks that commands become.
    static let commandKind: TaskKind? = TaskKind("command")

    /// A message about an agent that can be derived again.
    struct Derived {
        var type: String
        var agent: AgentID
        /// Tells messages of the same event apart.
        var part: UInt32
        var text: DashboardText
    }

    // MARK: Agents

    /// What an event of an agent's is on the wire; empty for what dashboards are not told.
    static func messages(of event: Event, _ change: AgentEvent, _ agent: DashboardAgent?) -> [Derived] {
        switch change.kind {
        case .configured: return []
        case .workChanged where change.state.status != .initializing: return []
        case .spawned, .ready, .workChanged, .paused, .resumed, .stopping, .terminated:
            return [status(of: event, change, agent)]
        case .crashed:
            let failure = DashboardFailure(.agentCrashed, change.state.error ?? "The process has ended")
            return [status(of: event, change, agent), error(of: event, change.id, failure, part: 1)]
        }
    }

    private static func status(of event: Event, _ change: AgentEvent, _ agent: DashboardAgent?) -> Derived {
        let position = DashboardPosition(source: .event, sequence: event.sequence)
        let text = DashboardText(
            "agent:status", id: DashboardMessageID.text(of: position, part: 0), at: event.time, agent: change.id
        ) { (writer: inout JSONWriter) in
            writer.member("agentId", change.id.rawValue)
            writer.member("status", DashboardAgent.status(change.state.status))
            writer.beginObject("details")
            if let pid: Int32 = change.state.process?.pid { writer.member("pid", Int(pid)) }
            if let start: Instant = agent?.startedAt { writer.member("uptime", max(0, (event.time - start).count)) }
            writer.member("lastActivity", change.state.updatedAt.milliseconds)
            writer.endObject()
        }
        return Derived(type: "agent:status", agent: change.id, part: 0, text: text)
    }

    /// A failure of an agent, or of a command of its.
    static func error(
        of event: Event, _ agent: AgentID, _ failure: DashboardFailure, part: UInt32, task: TaskID? = nil,
        correlation: String? = nil
    ) -> Derived {
        let position = DashboardPosition(source: .event, sequence: event.sequence)
        let id: String = DashboardMessageID.text(of: position, part: part)
        let text: DashboardText = error(
            agent, failure, id: id, at: event.time, task: task, correlation: correlation)
        return Derived(type: "agent:error", agent: agent, part: part, text: text)
    }

    static func error(
        _ agent: AgentID, _ failure: DashboardFailure, id: String, at time: Instant, task: TaskID? = nil,
        correlation: String? = nil
    ) -> DashboardText {
        DashboardText("agent:error", id: id, at: time, agent: agent, correlation: correlation) {
            (writer: inout JSONWriter) in
            writer.member("agentId", agent.rawValue)
            writer.beginObject("error")
            writer.member("code", failure.code.name)
            writer.member("number", failure.code.rawValue)
            writer.member("message", failure.message)
            writer.endObject()
            if let task { writer.member("taskId", task.rawValue) }
        }
    }

    /// What a failed command is on the wire; `nil` for other events of tasks.
    static func message(of event: Event, _ change: TaskEvent, correlation: String? = nil) -> Derived? {
        guard change.kind == .failed, change.taskKind == commandKind, let agent: AgentID = change.agent,
            let failure: TaskFailure = change.state.error
        else { return nil }
        return error(of: event, agent, DashboardFailure(failure), part: 0, task: change.id, correlation: correlation)
    }

    /// The confirmation that an agent's process has started.
    static func created(
        _ agent: DashboardAgent, pid: Int32, of event: Event, correlation: String?
    ) -> DashboardText {
        let position = DashboardPosition(source: .event, sequence: event.sequence)
        return DashboardText(
            "agent:created", id: DashboardMessageID.text(of: position, part: 2), at: event.time, agent: agent.id,
            correlation: correlation
        ) { (writer: inout JSONWriter) in
            writer.member("agentId", agent.id.rawValue)
            writer.member("name", agent.name)
            writer.member("pid", Int(pid))
            writer.member("startTime", event.time.milliseconds)
        }
    }

    /// That confirmation on its way to whoever asked.
    static func creation(_ text: DashboardText, of event: Event) -> DashboardConnection.Message {
        let position = DashboardPosition(source: .event, sequence: event.sequence)
        return DashboardConnection.Message(
            bytes: text.bytes, sent: DashboardSession.Sent(position: position, part: 2))
    }

    // MARK: Output

    /// The stream's name: a terminal has one stream only, which counts as the standard output.
    static func name(of stream: OutputStream) -> String { stream == .stderr ? "stderr" : "stdout" }

    /// An entry of an agent's log; bytes that are no UTF-8 are replaced.
    static func output(_ entry: OutputEntry, of agent: AgentID) -> DashboardText {
        let position = DashboardPosition(source: .output(agent), sequence: entry.sequence)
        return DashboardText(
            "agent:output", id: DashboardMessageID.text(of: position, part: 0), at: entry.time, agent: agent,
            capacity: entry.data.count + entry.data.count / 8 + 320
        ) { (writer: inout JSONWriter) in
            writer.member("agentId", agent.rawValue)
            writer.member("stream", name(of: entry.stream))
            writer.key("data")
            writer.string(utf8: entry.data[...])
            writer.member("timestamp", entry.time.milliseconds)
            writer.member("sequence", entry.sequence)
        }
    }

    /// What a terminal printed, without the beginning of a character whose other bytes are still to come; with what was kept back
    /// before.
    ///
    /// Other streams are cut between characters where they are read.
    static func whole(_ entry: OutputEntry, _ rest: inout DashboardRest?) -> OutputEntry {
        guard entry.stream == .terminal else { return entry }
        var whole: OutputEntry = entry
        if let rest, rest.sequence + 1 == entry.sequence { whole.data = rest.bytes + entry.data }
        let cut: Int = unfinished(whole.data)
        rest = DashboardRest(sequence: entry.sequence, bytes: Array(whole.data.suffix(cut)))
        whole.data.removeLast(cut)
        return whole
    }

    /// How many bytes at the end begin a character whose others are missing (RFC 3629 §3); 0 … 3.
    private static func unfinished(_ bytes: [UInt8]) -> Int {
        for back in 1...3 where back <= bytes.count {
            switch bytes[bytes.count - back] {
            case 0x80...0xBF: continue
            case 0xC2...0xDF: return back < 2 ? back : 0
            case 0xE0...0xEF: return back < 3 ? back : 0
            case 0xF0...0xF4: return back < 4 ? back : 0
            default: return 0
            }
        }
        return 0
    }

    /// A line of output as a log entry.
    static func logEntry(
        _ line: ArraySlice<UInt8>, part: UInt32, _ entry: OutputEntry, of agent: AgentID
    ) -> DashboardText {
        let position = DashboardPosition(source: .output(agent), sequence: entry.sequence)
        return DashboardText(
            "log:entry", id: DashboardMessageID.text(of: position, part: part), at: entry.time, agent: agent,
            capacity: line.count + 360, namesSubscription: true
        ) { (writer: inout JSONWriter) in
            writer.member("agentId", agent.rawValue)
            writer.member("level", level(of: entry.stream))
            writer.key("message")
            writer.string(utf8: line.last == UInt8(ascii: "\r") ? line.dropLast() : line)
            writer.member("source", name(of: entry.stream))
            writer.member("timestamp", entry.time.milliseconds)
        }
    }

    /// The level of a line, by where it was printed.
    static func level(of stream: OutputStream) -> String { stream == .stderr ? "warn" : "info" }

    // MARK: The system

    /// What an event is as an alert; `nil` where nobody need be alarmed.
    static func alert(of event: Event) -> DashboardText? {
        let position = DashboardPosition(source: .event, sequence: event.sequence)
        let id: String = DashboardMessageID.text(of: position, part: 3)
        switch event.body {
        case .agent(let change) where change.kind == .crashed:
            return alert(
                level: "error", category: "agent",
                "Agent \(change.name) has crashed: \(change.state.error ?? "its process has ended")", id: id,
                at: event.time, agent: change.id)
        case .system(let fact)
        where fact.type == "resource_alert" || fact.type == "security_alert"
            || fact.type == "performance_alert":
            let details: JSONValue = fact.data.value()
            let said: String? = details["level"]?.stringValue ?? details["severity"]?.stringValue
            let level: String =
                said.flatMap { ["info", "warning", "error", "critical"].contains($0) ? $0 : nil } ?? "warning"
            let category = String(fact.type.dropLast("_alert".count))
            let message: String = details["message"]?.stringValue ?? "There is a \(category) alert"
            return alert(level: level, category: category, message, id: id, at: event.time, details: fact.data)
        default:
            return nil
        }
    }

    static func alert(
        level: String, category: String, _ message: String, id: String, at time: Instant, agent: AgentID? = nil,
        details: JSONText? = nil
    ) -> DashboardText {
        DashboardText("system:alert", id: id, at: time, agent: agent) { (writer: inout JSONWriter) in
            writer.member("level", level)
            writer.member("category", category)
            writer.member("message", message)
            writer.memberIfPresent("details", details)
        }
    }

    /// The readings of the host, and those of agents.
    static func metrics(
        _ host: HostReading, _ agents: [(id: AgentID, usage: ProcessUsage)], id: String, at now: Instant,
        about agent: AgentID?
    ) -> DashboardText {
        DashboardText("metrics:update", id: id, at: now, agent: agent, capacity: 768) { (writer: inout JSONWriter) in
            writer.beginObject("system")
            writer.beginObject("cpu")
            writer.member("usage", rounded(host.processor.percent ?? 0))
            writer.member("cores", host.processor.count)
            writer.memberIfPresent("temperature", host.processor.temperature)
            writer.endObject()
            writer.beginObject("memory")
            writer.member("total", host.memory?.total ?? 0)
            writer.member("used", host.memory?.used ?? 0)
            writer.member("available", host.memory?.available ?? 0)
            writer.member("percent", rounded(host.memory?.percent ?? 0))
            writer.endObject()
            writer.beginObject("disk")
            writer.member("total", host.disk?.total ?? 0)
            writer.member("used", host.disk?.used ?? 0)
            writer.member("percent", rounded(host.disk?.percent ?? 0))
            writer.endObject()
            writer.beginObject("network")
            writer.member("bytesIn", host.network?.received.bytes ?? 0)
            writer.member("bytesOut", host.network?.sent.bytes ?? 0)
            writer.member("packetsIn", host.network?.received.packets ?? 0)
            writer.member("packetsOut", host.network?.sent.packets ?? 0)
            writer.endObject()
            writer.endObject()
            writer.beginArray("agents")
            for (id, usage) in agents {
                writer.beginObject()
                writer.member("agentId", id.rawValue)
                writer.member("cpu", rounded(usage.cpuPercent))
                writer.member("memory", usage.residentBytes)
                writer.member("threads", usage.threads)
                writer.endObject()
            }
            writer.endArray()
        }
    }

    private static func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }
}
