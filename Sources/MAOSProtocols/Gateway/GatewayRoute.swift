internal import MAOSCore

/// What a path leads to.
enum GatewayEndpoint: Sendable, Hashable {
    case tasks, task, taskPriority, taskRetry, taskPause, taskResume, taskWaiting, taskOutput
    case agents, agent, agentConfiguration, agentPause, agentResume, agentOutput
    case events, health
    /// On the server's root, open to everybody.
    case liveness, readiness, minimalHealth

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
        case (.events, .get), (.health, .get): .systemRead
        case (.liveness, .get), (.readiness, .get), (.minimalHealth, .get): []
        default: nil
        }
    }

    /// The value of the field `Allow`.
    var allowed: String {
        switch self {
        case .tasks, .agents: "GET, HEAD, POST"
        case .task, .agent: "GET, HEAD, DELETE"
        case .taskPriority, .agentConfiguration: "PATCH"
        case .taskRetry, .taskPause, .taskResume, .agentPause, .agentResume: "POST"
        case .taskWaiting, .taskOutput, .agentOutput, .events, .health, .liveness, .readiness, .minimalHealth:
            "GET, HEAD"
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

    var place: Place
    var version: GatewayVersion = .v1
    /// The identifier in the path; empty where there is none.
    var id: String = ""

    /// Takes the path of a target apart; what stands behind `?` is not looked at.
    init(_ target: ArraySlice<UInt8>) {
        let end: Int = target.firstIndex(of: UInt8(ascii: "?")) ?? target.endIndex
        let path: ArraySlice<UInt8> = target[..<end]
        guard path.contains(UInt8(ascii: "%")) else {
            self.init(plain: path)
            return
        }
        // A slash that was escaped separates nothing, so that no path of ours can hold one.
        if let decoded = try? HTTPTarget(path), !decoded.segments.contains(where: { $0.utf8.contains(0x2F) }) {
            self.init(plain: Array(("/" + decoded.segments.joined(separator: "/")).utf8)[...])
        } else {
            self.init(plain: path)
            if case .endpoint = place { place = .unknown }
        }
    }

    private init(plain path: ArraySlice<UInt8>) {
        var walker = PathWalker(path)
        guard let first = walker.next() else {
            place = .foreign
            return
        }
        guard matches(first, "api") else {
            place = GatewayRoute.rootPlace(first, isLast: walker.isAtEnd)
            return
        }
        place = .unknown
        guard let versionSegment = walker.next() else { return }
        if matches(versionSegment, "v2") {
            version = .v2
        } else if !matches(versionSegment, "v1") {
            return
        }
        guard let collection = walker.next() else { return }
        let isTask: Bool = matches(collection, "tasks")
        guard isTask || matches(collection, "agents") else {
            if walker.isAtEnd {
                if matches(collection, "events") { place = .endpoint(.events) }
                if matches(collection, "health") { place = .endpoint(.health) }
            }
            return
        }
        guard let idSegment = walker.next() else {
            place = .endpoint(isTask ? .tasks : .agents)
            return
        }
        guard !idSegment.isEmpty else { return }
        id = String(decoding: idSegment, as: UTF8.self)
        guard let part = walker.next() else {
            place = .endpoint(isTask ? .task : .agent)
            return
        }
        guard walker.isAtEnd, let endpoint = GatewayRoute.part(part, isTask: isTask) else { return }
        place = .endpoint(endpoint)
    }

    private static func rootPlace(_ segment: ArraySlice<UInt8>, isLast: Bool) -> Place {
        guard isLast else { return .foreign }
        if matches(segment, "livez") { return .endpoint(.liveness) }
        if matches(segment, "readyz") { return .endpoint(.readiness) }
        if matches(segment, "health") { return .endpoint(.minimalHealth) }
        return .foreign
    }

    private static func part(_ segment: ArraySlice<UInt8>, isTask: Bool) -> GatewayEndpoint? {
        if matches(segment, "output") { return isTask ? .taskOutput : .agentOutput }
        if matches(segment, "pause") { return isTask ? .taskPause : .agentPause }
        if matches(segment, "resume") { return isTask ? .taskResume : .agentResume }
        guard isTask else { return matches(segment, "config") ? .agentConfiguration : nil }
        if matches(segment, "priority") { return .taskPriority }
        if matches(segment, "retry") { return .taskRetry }
        if matches(segment, "waiting") { return .taskWaiting }
        return nil
    }
}

/// Gives the parts between the slashes one by one.
private struct PathWalker {
    private let path: ArraySlice<UInt8>
    private var position: Int

    init(_ path: ArraySlice<UInt8>) {
        self.path = path
        position = path.startIndex
    }

    var isAtEnd: Bool { position >= path.endIndex }

    mutating func next() -> ArraySlice<UInt8>? {
        guard position < path.endIndex, path[position] == UInt8(ascii: "/") else { return nil }
        let start: Int = position + 1
        var end: Int = start
        while end < path.endIndex, path[end] != UInt8(ascii: "/") { end += 1 }
        position = end
        return path[start..<end]
    }
}

private func matches(_ bytes: ArraySlice<UInt8>, _ word: String) -> Bool {
    guard bytes.count == word.utf8.count else { return false }
    var index: Int = bytes.startIndex
    for byte in word.utf8 {
        guard bytes[index] == byte else { return false }
        index += 1
    }
    return true
}
