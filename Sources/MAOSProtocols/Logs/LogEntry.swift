package import MAOSCore

/// How much a log entry matters.
package enum LogLevel: String, Sendable, CaseIterable {
    case debug
    case info
    case warn
    case error
    case fatal
}

/// Something that was said: by a task's process, by the orchestrator about a task, or by the server.
package struct LogEntry: Sendable, Hashable {
    /// When it was said.
    package var time: Instant
    /// How much it matters.
    package var level: LogLevel
    /// What was said; one line.
    package var message: String
    /// The task or agent that it is about; `maos-server` where it is about neither.
    package var agent: String
    /// Where it comes from: `FILE:NUMBER`.
    package var source: String
    /// What else belongs to it.
    package var details: JSONObject
    /// The task that it is about.
    package var task: TaskID?

    /// Puts an entry together.
    package init(
        time: Instant, level: LogLevel, message: String, agent: String, source: String, details: JSONObject = [:],
        task: TaskID? = nil
    ) {
        self.time = time
        self.level = level
        self.message = message
        self.agent = agent
        self.source = source
        self.details = details
        self.task = task
    }

    /// What of its source stands before the last colon.
    package var sourceFile: Substring {
        guard let colon: String.Index = source.lastIndex(of: ":") else { return source[...] }
        return source[..<colon]
    }

    /// What the output of a task says at the level of its stream.
    package static func level(of stream: OutputStream) -> LogLevel {
        stream == .stderr ? .warn : .info
    }

    /// The lines of stored output, in order; without their ends, and without empty ones.
    package static func lines(of output: OutputEntry) -> [LogEntry] {
        guard case .task(let task) = output.owner else { return [] }
        let source: String = "\(output.stream.name):\(output.sequence)"
        let details: JSONObject = [
            "stream": .string(output.stream.name), "sequence": .integer(Int64(clamping: output.sequence)),
        ]
        var lines: [LogEntry] = []
        for line: ArraySlice<UInt8> in output.data.split(separator: 0x0A) {
            let text: ArraySlice<UInt8> = line.last == 0x0D ? line.dropLast() : line
            if text.isEmpty { continue }
            lines.append(
                LogEntry(
                    time: output.time, level: level(of: output.stream),
                    message: String(decoding: text, as: UTF8.self), agent: task.rawValue, source: source,
                    details: details, task: task))
        }
        return lines
    }

    /// What there is to say about an event; `nil` for what is not worth an entry.
    package init?(_ event: Event) {
        guard case .task(let task) = event.body else { return nil }
        let level: LogLevel
        let message: String
        var details: [(String, JSONValue)] = [("event", .string(event.type))]
        switch task.kind {
        case .started: (level, message) = (.info, "Task started")
        case .completed:
            (level, message) = (.info, "Task completed successfully")
            if let started: Instant = task.state.startedAt {
                details.append(("execution_time", .integer((event.time - started).count)))
            }
        case .failed: (level, message) = (.error, task.state.error?.message ?? "Task failed")
        case .retryScheduled: (level, message) = (.warn, task.state.error?.message ?? "Attempt failed")
        case .cancelled: (level, message) = (.warn, "Task cancelled")
        default: return nil
        }
        if let error: TaskFailure = task.state.error, task.kind != .completed {
            details.append(("error_code", .string(error.code.name)))
        }
        if task.state.attempt > 0 { details.append(("attempt", JSONValue(task.state.attempt))) }
        self.init(
            time: event.time, level: level, message: message, agent: task.id.rawValue,
            source: "orchestrator:\(event.sequence)", details: JSONObject(details), task: task.id)
    }
}
