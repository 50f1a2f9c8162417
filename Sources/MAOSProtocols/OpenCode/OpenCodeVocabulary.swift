internal import MAOSCore

/// The dialect's words for the core's values, both ways.
enum OpenCodeVocabulary {
    // MARK: Tasks

    /// The seven statuses that clients see.
    static let taskStatuses: [String] = [
        "pending", "running", "completed", "failed", "cancelled", "paused", "queued",
    ]

    static func name(of status: TaskStatus) -> String {
        switch status {
        case .pending, .scheduled: "pending"
        case .queued, .assigned, .retrying: "queued"
        case .running: "running"
        case .paused, .awaitingApproval: "paused"
        case .completed: "completed"
        case .failed: "failed"
        case .cancelled: "cancelled"
        }
    }

    /// Every core status that clients see under one of these names.
    static func statuses(named names: [String]) -> [TaskStatus] {
        TaskStatus.allCases.filter { names.contains(name(of: $0)) }
    }

    /// How the process behind a task fares.
    static func runtimeStatus(of status: TaskStatus) -> String {
        switch status {
        case .pending, .scheduled, .queued, .assigned, .retrying: "pending"
        case .running: "running"
        case .paused, .awaitingApproval, .cancelled: "stopped"
        case .completed: "completed"
        case .failed: "error"
        }
    }

    /// The types of task that clients may create.
    static let taskTypes: [String] = [
        "testing", "documentation", "analysis", "deployment", "maintenance", "security", "refactoring", "feature",
        "bugfix", "research",
    ]

    /// What clients see of a kind; several kinds share a type, and go by their own name in `metadata.core_type`.
    static func name(of kind: TaskKind) -> String {
        switch kind {
        case .code: "feature"
        case .review: "analysis"
        default: taskTypes.contains(kind.rawValue) ? kind.rawValue : "analysis"
        }
    }

    static let priorities: [String] = Priority.allCases.map(\.name)

    /// 0…100 without fractions, and 100 for what has completed only.
    static func percent(_ state: TaskState) -> Int {
        if state.status == .completed { return 100 }
        return min(99, state.progress.wholePercent)
    }

    // MARK: Agents

    static func name(of status: AgentStatus) -> String {
        switch status {
        case .initializing: "starting"
        case .ready, .idle: "idle"
        case .busy: "running"
        case .paused: "paused"
        case .stopping: "stopping"
        case .error: "error"
        case .terminated: "stopped"
        }
    }

    // MARK: Processes

    static let processTypes: [String] = ProcessProgram.allCases.map(\.rawValue)
    static let processStatuses: [String] = ProcessState.allCases.map(\.rawValue)
    static let signals: [String] = ProcessSignal.allCases.map(\.rawValue)

    // MARK: Logs

    static let logLevels: [String] = LogLevel.allCases.map(\.rawValue)

    // MARK: Health

    static func name(of status: HealthStatus) -> String {
        switch status {
        case .healthy, .unknown: "healthy"
        case .degraded: "degraded"
        case .unhealthy: "unhealthy"
        }
    }
}

/// Times as clients write them.
enum OpenCodeTime {
    /// Reads a date and time with `Z` or an offset at its end, as ISO 8601 has it; `nil` for any other text.
    static func parse(_ text: String) -> Instant? {
        if let milliseconds: Int64 = ISO8601.parse(text) { return Instant(milliseconds: milliseconds) }
        // `±HH:MM`
        let bytes: [UInt8] = Array(text.utf8)
        guard bytes.count >= 25, bytes.count <= 64 else { return nil }
        let sign: UInt8 = bytes[bytes.count - 6]
        guard sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"), bytes[bytes.count - 3] == UInt8(ascii: ":"),
            let hours: Int = number(bytes[bytes.count - 5], bytes[bytes.count - 4]), hours < 24,
            let minutes: Int = number(bytes[bytes.count - 2], bytes[bytes.count - 1]), minutes < 60
        else { return nil }
        let local = String(decoding: bytes.dropLast(6), as: UTF8.self) + "Z"
        guard let milliseconds: Int64 = ISO8601.parse(local) else { return nil }
        let offset = Int64(hours * 60 + minutes) * 60_000
        return Instant(milliseconds: sign == UInt8(ascii: "+") ? milliseconds - offset : milliseconds + offset)
    }

    private static func number(_ tens: UInt8, _ ones: UInt8) -> Int? {
        guard (0x30...0x39).contains(tens), (0x30...0x39).contains(ones) else { return nil }
        return Int(tens - 0x30) * 10 + Int(ones - 0x30)
    }
}

extension TextFormat {
    /// A date and time with its offset from UTC.
    static let openCodeTimestamp = TextFormat(
        expected: "an ISO 8601 date and time such as 2030-01-01T00:00:00Z", example: "2030-01-01T00:00:00Z",
        schemaName: "date-time"
    ) { OpenCodeTime.parse($0) != nil }

    /// The name of a task.
    static let openCodeTaskID = TextFormat(
        expected: "^[a-zA-Z0-9_-]{1,100}$", pattern: "^[a-zA-Z0-9_-]{1,100}$"
    ) { TaskID($0) != nil }

    /// A pattern for names of files.
    static let filesPattern = TextFormat(
        expected: "a glob pattern such as **/*.test.js", example: "**/*.test.js"
    ) { GlobSyntax.isValid($0) }

    /// A length of time such as `1h`.
    static let metricsRange = TextFormat(
        expected: "a number and s, m, h or d, such as 1h, at most 30d", example: "1h",
        pattern: "^[1-9][0-9]{0,6}[smhd]$"
    ) { OpenCodeMessages.rangeLength($0) != nil }
}

/// Whether a text is a pattern for names of files.
enum GlobSyntax {
    /// Sets must be closed and not run backwards, braces must match, no zero bytes.
    static func isValid(_ pattern: String) -> Bool {
        var braces: Int = 0
        var rest: Substring.UnicodeScalarView = pattern[...].unicodeScalars
        while let scalar: Unicode.Scalar = rest.popFirst() {
            switch scalar {
            case "\0": return false
            case "\\": if rest.popFirst() == nil { return false }
            case "{": braces += 1
            case "}":
                braces -= 1
                if braces < 0 { return false }
            case "[": if !passSet(&rest) { return false }
            default: break
            }
        }
        return braces == 0
    }

    private static func passSet(_ rest: inout Substring.UnicodeScalarView) -> Bool {
        if rest.first == "!" || rest.first == "^" { rest.removeFirst() }
        var isFirst = true
        while let low: Unicode.Scalar = rest.popFirst() {
            if low == "]", !isFirst { return true }
            isFirst = false
            if low == "\\", rest.popFirst() == nil { return false }
            guard rest.first == "-", let high: Unicode.Scalar = rest.dropFirst().first, high != "]" else { continue }
            guard low <= high else { return false }
            rest.removeFirst(2)
        }
        return false
    }
}
