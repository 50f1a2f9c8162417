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

    /// How many entries output makes.
    static func lineCount(of data: [UInt8]) -> Int {
        var count: Int = 0
        var length: Int = 0
        let span: Span<UInt8> = data.span
        for index in span.indices {
            guard span[index] == 0x0A else {
                length &+= 1
                continue
            }
            if length > 1 || (length == 1 && span[index &- 1] != 0x0D) { count &+= 1 }
            length = 0
        }
        if length > 1 || (length == 1 && span[span.count &- 1] != 0x0D) { count &+= 1 }
        return count
    }

    /// What there is to say about what happened to a task.
    init(_ happening: TaskHappening) {
        let message: String
        var details: [(String, JSONValue)] = [("event", .string(happening.kind.name))]
        switch happening.kind {
        case .started: message = "Task started"
        case .completed: message = "Task completed successfully"
        case .cancelled: message = "Task cancelled"
        case .retryScheduled: message = happening.error?.message ?? "Attempt failed"
        default: message = happening.error?.message ?? "Task failed"
        }
        if happening.kind == .completed, let duration: Milliseconds = happening.duration {
            details.append(("execution_time", .integer(duration.count)))
        }
        if let error: TaskFailure = happening.error, happening.kind != .completed {
            details.append(("error_code", .string(error.code.name)))
        }
        if happening.attempt > 0 { details.append(("attempt", JSONValue(happening.attempt))) }
        self.init(
            time: happening.time, level: happening.level, message: message, agent: happening.task.rawValue,
            source: "orchestrator:\(happening.sequence)", details: JSONObject(details), task: happening.task)
    }
}

/// Of an event about a task what a log entry takes, without its text and without what the task produced.
struct TaskHappening: Sendable {
    var kind: TaskEvent.Kind
    var task: TaskID
    var sequence: UInt64
    var time: Instant
    var attempt: Int
    var duration: Milliseconds?
    var error: TaskFailure?

    /// `nil` for what is not worth an entry.
    init?(_ event: Event) {
        guard case .task(let task) = event.body else { return nil }
        switch task.kind {
        case .started, .completed, .failed, .retryScheduled, .cancelled: kind = task.kind
        default: return nil
        }
        self.task = task.id
        sequence = event.sequence
        time = event.time
        attempt = task.state.attempt
        duration = task.state.startedAt.map { event.time - $0 }
        error = task.state.error
    }

    var level: LogLevel {
        switch kind {
        case .started, .completed: .info
        case .failed: .error
        default: .warn
        }
    }
}
