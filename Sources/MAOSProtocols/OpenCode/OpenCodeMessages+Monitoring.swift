internal import MAOSCore

/// Which processes a client wants to see.
package struct OpenCodeProcessList: Sendable {
    /// The members that lists can be sorted by.
    package enum Field: String, Sendable, CaseIterable {
        case cpuPercent = "cpu_percent"
        case memoryPercent = "memory_percent"
        case memoryRSS = "memory_rss"
        case pid
        case name
        case createTime = "create_time"
        case startTime = "start_time"
        case runtimeSeconds = "runtime_seconds"
        case threads
    }

    /// What processes have to be like.
    package var filter = OpenCodeProcessFilter()
    /// What they are sorted by; by their number where nothing is said.
    package var field: Field?
    /// Whether the least come first.
    package var isAscending = false
    /// How many, 1…1000.
    package var limit: Int = 100
    /// How many of the first are left out.
    package var offset: Int = 0
    /// Whether processes count that are none of the programs that clients ask for, and were not started here.
    package var includesSystem = false

    /// All processes of interest.
    package init() {}
}

/// Which log entries a client wants to see.
package struct OpenCodeLogRequest: Sendable {
    /// What entries have to be like.
    package var query = LogQuery()
    /// Whether those that come later are wanted, too; `nil` where nothing is said.
    package var follow: Bool?
}

extension OpenCodeMessages {
    static let processFilter = MessageSchema(
        "ProcessFilter", isClosed: true,
        [
            .optional("type", choice(OpenCodeVocabulary.processTypes), "Any of these."),
            .optional("status", choice(OpenCodeVocabulary.processStatuses), "Any of these."),
            .optional("cpu_percent_min", percentage, "At least."),
            .optional("cpu_percent_max", percentage, "At most."),
            .optional("memory_percent_min", percentage, "At least."),
            .optional("memory_percent_max", percentage, "At most."),
            .optional("name_contains", needle, "Text that its name holds, in any case."),
            .optional("cmdline_contains", needle, "Text that its command line holds, in any case."),
            .optional("working_dir", .string(1...4_096), "It works in this folder."),
            .optional("created_after", timestamp, "It was started later than this."),
        ])

    private static let processSort = MessageSchema(
        "ProcessSort", isClosed: true,
        [
            .optional("field", .enumeration(OpenCodeProcessList.Field.allCases.map(\.rawValue)), "What counts."),
            .optional("order", order, "desc by default."),
        ])

    static let requestProcessList = MessageSchema(
        "RequestProcessList",
        [
            .optional("filter", .object(processFilter), "What processes have to be like; all of it."),
            .optional("sort", .object(processSort), "What comes first."),
            .optional("limit", .integer(1...1_000), "How many; 100 by default."),
            .optional("offset", .integer(0...Int.max), "How many are left out at first."),
            .optional(
                "include_system_processes", .boolean,
                "Whether others than OpenCode, Claude and what was started here are listed; false by default."),
        ])

    static func decodeProcessList(_ message: JSONObject) throws(OpenCodeFailure) -> OpenCodeProcessList {
        try requireKnown(message["filter"], processFilter, at: "filter")
        try requireKnown(message["sort"], processSort, at: "sort")
        var list = OpenCodeProcessList()
        list.limit = message["limit"]?.intValue ?? list.limit
        list.offset = message["offset"]?.intValue ?? 0
        list.includesSystem = message["include_system_processes"]?.boolValue ?? false
        if let sort: JSONValue = message["sort"] {
            list.field = sort["field"]?.stringValue.flatMap { OpenCodeProcessList.Field(rawValue: $0) } ?? .cpuPercent
            list.isAscending = sort["order"]?.stringValue == "asc"
        }
        guard let filter: JSONValue = message["filter"] else { return list }
        list.filter.programs = words(filter["type"]).compactMap { ProcessProgram(rawValue: $0) }
        list.filter.states = words(filter["status"]).compactMap { ProcessState(rawValue: $0) }
        list.filter.leastCPU = filter["cpu_percent_min"]?.doubleValue
        list.filter.mostCPU = filter["cpu_percent_max"]?.doubleValue
        list.filter.leastMemory = filter["memory_percent_min"]?.doubleValue
        list.filter.mostMemory = filter["memory_percent_max"]?.doubleValue
        list.filter.nameContains = filter["name_contains"]?.stringValue?.lowercased()
        list.filter.commandContains = filter["cmdline_contains"]?.stringValue?.lowercased()
        list.filter.workingDirectory = filter["working_dir"]?.stringValue
        list.filter.createdAfter = time(filter["created_after"])
        try requireOrdered(list.filter.leastCPU, list.filter.mostCPU, "cpu_percent_min", "cpu_percent_max")
        try requireOrdered(
            list.filter.leastMemory, list.filter.mostMemory, "memory_percent_min", "memory_percent_max")
        return list
    }

    private static func requireOrdered(
        _ least: Double?, _ most: Double?, _ lower: String, _ upper: String
    ) throws(OpenCodeFailure) {
        guard let least, let most, least > most else { return }
        throw .invalid(
            .filterValidationError, "filter.\(lower)", "must not be above \(upper)", JSONValue(least),
            expected: "at most \(upper)")
    }

    // MARK: Logs

    private static let timeRange = MessageSchema(
        "TimeRange", isClosed: true,
        [.optional("start", timestamp, "Not earlier."), .optional("end", timestamp, "Not later.")])

    static let logFilter = MessageSchema(
        "LogFilter", isClosed: true,
        [
            .optional("level", choice(OpenCodeVocabulary.logLevels), "Any of these."),
            .optional(
                "agent", .either([.array(of: .string(1...200), count: 0...100), .string(1...200)]),
                "The task or agent that it comes from: any of these."),
            .optional("time_range", .object(timeRange), "When it was written."),
            .optional("message_contains", needle, "Text that its message holds, in any case."),
            .optional("details_contains", needle, "Text that its details hold, in any case."),
            .optional("source_file", .string(1...4_096), "What its source names before the colon."),
            .optional("since", timestamp, "Not earlier."),
            .optional("follow", .boolean, "Whether those that come later are sent as log_entry."),
        ])

    private static let logSort = MessageSchema(
        "LogSort", isClosed: true,
        [
            .optional("field", .enumeration(["time"]), "What counts."),
            .optional("order", order, "desc by default."),
        ])

    static let requestLogEntries = MessageSchema(
        "RequestLogEntries",
        [
            .optional("limit", .integer(1...1_000), "How many; 100 by default."),
            .optional("filter", .object(logFilter), "What entries have to be like; all of it."),
            .optional("sort", .object(logSort), "What comes first."),
            .optional("cursor", .string(1...200), "Where to go on: next_cursor of the answer before."),
        ])

    static func decodeLogRequest(_ message: JSONObject) throws(OpenCodeFailure) -> OpenCodeLogRequest {
        try requireKnown(message["filter"], logFilter, at: "filter")
        try requireKnown(message["filter"]?["time_range"], timeRange, at: "filter.time_range")
        try requireKnown(message["sort"], logSort, at: "sort")
        var request = OpenCodeLogRequest()
        request.query.limit = message["limit"]?.intValue ?? 100
        request.query.isAscending = message["sort"]?["order"]?.stringValue == "asc"
        if let text: String = message["cursor"]?.stringValue {
            guard let cursor = LogCursor(text) else {
                throw .invalid(
                    .invalidFieldValue, "cursor", "is not one that was given", .string(text),
                    expected: "next_cursor of an earlier answer")
            }
            request.query.cursor = cursor
        }
        guard let filter: JSONValue = message["filter"] else { return request }
        request.follow = filter["follow"]?.boolValue
        request.query.filter = try decode(logFilter: filter)
        return request
    }

    private static func decode(logFilter filter: JSONValue) throws(OpenCodeFailure) -> LogFilter {
        var wanted = LogFilter()
        wanted.levels = Set(words(filter["level"]).compactMap { LogLevel(rawValue: $0) })
        wanted.agents = words(filter["agent"])
        wanted.messageContains = filter["message_contains"]?.stringValue?.lowercased()
        wanted.detailsContains = filter["details_contains"]?.stringValue?.lowercased()
        wanted.sourceFile = filter["source_file"]?.stringValue
        wanted.start = [time(filter["since"]), time(filter["time_range"]?["start"])].compactMap { $0 }.max()
        wanted.end = time(filter["time_range"]?["end"])
        if let start: Instant = time(filter["time_range"]?["start"]), let end: Instant = wanted.end, start > end {
            throw .invalid(
                .filterValidationError, "filter.time_range", "start must not be after end", nil,
                expected: "start at most end")
        }
        return wanted
    }
}
