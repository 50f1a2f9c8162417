internal import MAOSCore

/// What a path leads to.
enum GatewayEndpoint: Sendable, Hashable {
    case tasks, task, taskPriority, taskRetry, taskPause, taskResume, taskWaiting, taskOutput
    case agents, agent, agentConfiguration, agentPause, agentResume, agentOutput, agentTerminal
    case deadLetters, deadLetter, deadLetterRequeue, deadLettersRequeue, deadLettersDiscard
    case events, health, metrics, performance
    case schedule(GatewayScheduleEndpoint)
    case resource(GatewayResourceEndpoint)
    case workflow(GatewayWorkflowEndpoint)
    case pool(GatewayPoolEndpoint)
    case budget(GatewayBudgetEndpoint)
    /// On the server's root, open to everybody.
    case liveness, readiness, minimalHealth
    /// On the server's root, in the text form of Prometheus; open to this host.
    case scrape

    /// The permission that a method takes here; `nil` for a method that is not answered.
    func permission(for method: HTTPMethod) -> Permissions? {
        switch (self, method) {
        case (.tasks, .get): .tasksList
        case (.tasks, .post): .tasksCreate
        case (.task, .get), (.taskWaiting, .get), (.taskOutput, .get): .tasksRead
        case (.task, .delete): .tasksCancel
        case (.taskPriority, .patch), (.taskRetry, .post), (.taskPause, .post), (.taskResume, .post): .tasksUpdate
        case (.agents, .get): .agentsList
        case (.agents, .post): .agentsCreate
        case (.agent, .get), (.agentOutput, .get): .agentsRead
        case (.agent, .delete): .agentsTerminate
        case (.agentConfiguration, .patch), (.agentPause, .post), (.agentResume, .post): .agentsUpdate
        case (.agentTerminal, .get): .agentsCommand
        case (.deadLetters, .get): .tasksList
        case (.deadLetter, .get): .tasksRead
        case (.deadLetter, .delete), (.deadLetterRequeue, .post), (.deadLettersRequeue, .post),
            (.deadLettersDiscard, .post):
            .tasksUpdate
        case (.events, .get), (.health, .get): .systemRead
        case (.schedule(let part), _): part.permission(for: method)
        case (.workflow(let part), _): part.permission(for: method)
        case (.budget(let part), _): part.permission(for: method)
        case (.metrics, .get), (.performance, .get), (.scrape, .get): .metricsRead
        case (.resource(let part), _): part.permission(for: method)
        case (.pool(let part), _): part.permission(for: method)
        case (.liveness, .get), (.readiness, .get), (.minimalHealth, .get): []
        default: nil
        }
    }

    /// The value of the field `Allow`.
    var allowed: String {
        switch self {
        case .tasks, .agents: "GET, HEAD, POST"
        case .task, .agent, .deadLetter: "GET, HEAD, DELETE"
        case .taskPriority, .agentConfiguration: "PATCH"
        case .schedule(let part): part.allowed
        case .resource(let part): part.allowed
        case .workflow(let part): part.allowed
        case .pool(let part): part.allowed
        case .budget(let part): part.allowed
        case .taskRetry, .taskPause, .taskResume, .agentPause, .agentResume, .deadLetterRequeue, .deadLettersRequeue,
            .deadLettersDiscard:
            "POST"
        case .metrics, .performance, .scrape, .deadLetters, .taskWaiting, .taskOutput, .agentOutput, .events, .health,
            .liveness, .readiness,
            .minimalHealth:
            "GET, HEAD"
        case .agentTerminal: "GET"
        }
    }
}

/// A request's path, taken apart.
struct GatewayRoute: Sendable {
    enum Place: Sendable, Hashable {
        case endpoint(GatewayEndpoint)
        /// Inside the interface, where a token is asked for first.
        case unknown
        /// Elsewhere on the server.
        case foreign
    }

    private(set) var place = Place.foreign
    private(set) var version: GatewayVersion = .v1
    /// The identifier in the path; empty where there is none.
    private(set) var idBytes: ArraySlice<UInt8> = []

    /// ``idBytes`` as text.
    private(set) var id: String {
        get { String(decoding: idBytes, as: UTF8.self) }
        set { idBytes = Array(newValue.utf8)[...] }
    }

    /// Takes the path of a target apart; what stands behind `?` is not looked at.
    init(_ target: ArraySlice<UInt8>) {
        let bytes: Span<UInt8> = target.span
        let (percent, question) = (UInt8(ascii: "%"), UInt8(ascii: "?"))
        let end: Int = ByteSearch.first(percent, or: question, in: bytes)
        guard end < bytes.count, bytes[end] == percent else {
            read(target, to: end)
            return
        }
        // A slash that was escaped separates nothing, so that no path of ours can hold one.
        if let decoded = try? HTTPTarget(target), !decoded.segments.contains(where: { $0.utf8.contains(0x2F) }) {
            let path = Array(("/" + decoded.segments.joined(separator: "/")).utf8)
            read(path[...], to: path.count)
        } else {
            read(target, to: ByteSearch.first(question, in: bytes))
            if case .endpoint = place { place = .unknown }
        }
    }

    /// Reads a path without escapes.
    private mutating func read(_ target: ArraySlice<UInt8>, to end: Int) {
        let path: Span<UInt8> = target.span.extracting(..<end)
        var walker = PathWalker(end: end)
        guard let first = walker.next(path) else { return }
        guard matches(path, first, "api") else {
            place = GatewayRoute.rootPlace(path, first, isLast: walker.isAtEnd)
            return
        }
        place = .unknown
        guard let versionSegment = walker.next(path) else { return }
        if matches(path, versionSegment, "v2") {
            version = .v2
        } else if !matches(path, versionSegment, "v1") {
            return
        }
        guard let collection = walker.next(path) else { return }
        let isTask: Bool = matches(path, collection, "tasks")
        guard isTask || matches(path, collection, "agents") else {
            if walker.isAtEnd {
                if matches(path, collection, "events") { place = .endpoint(.events) }
                if matches(path, collection, "health") { place = .endpoint(.health) }
            }
            if case .endpoint = place { return }
            var parts: [String] = []
            while let part: Range<Int> = walker.next(path), parts.count < 8 {
                guard !part.isEmpty else { return }
                parts.append(GatewayRoute.text(path.extracting(part)))
            }
            guard walker.isAtEnd, let found = GatewayRoute.place(GatewayRoute.text(path.extracting(collection)), parts)
            else { return }
            (place, id) = (.endpoint(found.endpoint), found.id)
            return
        }
        guard let idSegment = walker.next(path) else {
            place = .endpoint(isTask ? .tasks : .agents)
            return
        }
        guard !idSegment.isEmpty else { return }
        let part: Range<Int>? = walker.next(path)
        if let part {
            guard walker.isAtEnd, let endpoint = GatewayRoute.part(path, part, isTask: isTask) else { return }
            place = .endpoint(endpoint)
        } else {
            place = .endpoint(isTask ? .task : .agent)
        }
        idBytes = target[(target.startIndex + idSegment.lowerBound)..<(target.startIndex + idSegment.upperBound)]
    }

    /// What a path below a collection leads to, of those that are asked for less often.
    private static func place(_ collection: String, _ path: [String]) -> (endpoint: GatewayEndpoint, id: String)? {
        switch collection {
        case "agent-pools": GatewayPoolEndpoint.at(path).map { (.pool($0), $1) }
        case "resources": GatewayResourceEndpoint.at(path).map { (.resource($0), $1) }
        case "schedules": GatewayScheduleEndpoint.at(path).map { (.schedule($0), $1) }
        case "workflows", "executions", "approvals":
            GatewayWorkflowEndpoint.at([collection] + path).map { (.workflow($0), $1) }
        case "limits" where path.isEmpty: (.resource(.limits), "")
        case "budgets": GatewayBudgetEndpoint.at(path).map { (.budget($0), $1) }
        case "dead-letters": placeOfDeadLetters(path)
        case "metrics": placeOfMetrics(path)
        default: nil
        }
    }

    private static func placeOfDeadLetters(_ path: [String]) -> (endpoint: GatewayEndpoint, id: String)? {
        switch path.count {
        case 0: (.deadLetters, "")
        case 1 where path[0] == "requeue": (.deadLettersRequeue, "")
        case 1 where path[0] == "discard": (.deadLettersDiscard, "")
        case 1: (.deadLetter, path[0])
        case 2 where path[1] == "requeue": (.deadLetterRequeue, path[0])
        default: nil
        }
    }

    private static func placeOfMetrics(_ path: [String]) -> (endpoint: GatewayEndpoint, id: String)? {
        if path.isEmpty { return (.metrics, "") }
        return path.count == 2 && path[0] == "performance" ? (.performance, path[1]) : nil
    }

    private static func text(_ bytes: Span<UInt8>) -> String {
        guard let text = try? UTF8Span(validating: bytes) else { return "\u{FFFD}" }
        return String(copying: text)
    }

    private static func rootPlace(_ path: Span<UInt8>, _ segment: Range<Int>, isLast: Bool) -> Place {
        guard isLast else { return .foreign }
        if matches(path, segment, "livez") { return .endpoint(.liveness) }
        if matches(path, segment, "readyz") { return .endpoint(.readiness) }
        if matches(path, segment, "health") { return .endpoint(.minimalHealth) }
        if matches(path, segment, "metrics") { return .endpoint(.scrape) }
        return .foreign
    }

    private static func part(_ path: Span<UInt8>, _ segment: Range<Int>, isTask: Bool) -> GatewayEndpoint? {
        if matches(path, segment, "output") { return isTask ? .taskOutput : .agentOutput }
        if matches(path, segment, "pause") { return isTask ? .taskPause : .agentPause }
        if matches(path, segment, "resume") { return isTask ? .taskResume : .agentResume }
        guard isTask else {
            if matches(path, segment, "terminal") { return .agentTerminal }
            return matches(path, segment, "config") ? .agentConfiguration : nil
        }
        if matches(path, segment, "priority") { return .taskPriority }
        if matches(path, segment, "retry") { return .taskRetry }
        if matches(path, segment, "waiting") { return .taskWaiting }
        return nil
    }
}

/// Gives the parts between the slashes of a path one by one.
private struct PathWalker {
    private let end: Int
    private var position: Int = 0

    init(end: Int) { self.end = end }

    var isAtEnd: Bool { position >= end }

    mutating func next(_ path: Span<UInt8>) -> Range<Int>? {
        guard position < end, path[position] == UInt8(ascii: "/") else { return nil }
        let start: Int = position + 1
        position = ByteSearch.first(UInt8(ascii: "/"), in: path, from: start)
        return start..<position
    }
}

private func matches(_ path: Span<UInt8>, _ segment: Range<Int>, _ word: StaticString) -> Bool {
    segment.count == word.utf8CodeUnitCount && path.extracting(segment).isEqual(to: word)
}
