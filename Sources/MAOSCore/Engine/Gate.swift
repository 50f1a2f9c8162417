/// What a task has to pass before it is started, besides finding an agent.
enum GateKey: Hashable, Sendable {
    /// Tasks with one concurrency key that are under way at the same time.
    case concurrency(String)
    /// Tasks with one concurrency key that are started in a stretch of time.
    case rate(String)
    /// Tasks of one user, team or project that are under way at the same time.
    case quota(QuotaKey)
    /// What is left of a ceiling of a project.
    case budget(String, BudgetPart)

    /// Whether it goes by time, and not by who is under way.
    var isRate: Bool {
        if case .rate = self { true } else { false }
    }

    /// What people call it.
    var name: String {
        switch self {
        case .quota(let key): key.description
        case .concurrency(let name), .rate(let name), .budget(let name, _): name
        }
    }
}

/// A gate that a task has to pass, and what it takes up there.
struct GateUse: Hashable, Sendable {
    var key: GateKey
    /// In the unit of the gate's rule; 1 where tasks are counted.
    var cost: Int64 = 1
}

/// When a gate lets a task pass.
enum GateRule: Hashable, Sendable {
    /// While what those under way take up is within a limit.
    case underWay(limit: Int64)
    /// While fewer than `count` were started in the last stretch of time.
    case started(count: Int, per: Milliseconds)
}

/// One gate: who is behind it, and who waits before it.
///
/// What is taken up is the sum over the tasks that hold an agent, by name: one that is noted twice, or leaves twice, counts
/// once. A gate exists while somebody is behind it or waits before it.
struct Gate: Sendable {
    var rule: GateRule
    /// What each task behind it takes up.
    private(set) var holders: [TaskID: Int64] = [:]
    private(set) var used: Int64 = 0
    /// When tasks were started, the oldest first; as far back as the rule looks.
    private(set) var starts = Deque<Instant>()
    /// Until then nothing is started, because it is not known what was before.
    var closedUntil: Instant?
    /// The tasks that wait before it, by lane.
    private(set) var sides: [Int: GateSide] = [:]
    /// How many of them there are.
    private(set) var parkedCount: Int = 0
    /// When a timer looks at it next.
    var timer: Instant?

    init(_ rule: GateRule) { self.rule = rule }

    /// Whether a task may pass.
    func hasRoom(for cost: Int64, beside others: Int64 = 0, at now: Instant) -> Bool {
        switch rule {
        case .underWay(let limit): used + others + cost <= limit
        case .started(let count, let per):
            opening(count, per, now) == nil && recent(per, now) + Int(others + cost) <= count
        }
    }

    /// Whether those under way take up no more than there is; not so for a while where a limit has been lowered.
    var isWithinLimit: Bool {
        switch rule {
        case .underWay(let limit): used <= limit
        case .started: true
        }
    }

    /// When a gate of starts lets the next task pass; `nil` when it does so now, or is none.
    func opens(at now: Instant) -> Instant? {
        guard case .started(let count, let per) = rule else { return nil }
        return opening(count, per, now)
    }

    private func opening(_ count: Int, _ per: Milliseconds, _ now: Instant) -> Instant? {
        if let closedUntil, closedUntil > now { return closedUntil }
        let surplus: Int = starts.count - count
        guard surplus >= 0, let start: Instant = starts[surplus], start + per > now else { return nil }
        return start + per
    }

    private func recent(_ per: Milliseconds, _ now: Instant) -> Int {
        var count: Int = starts.count
        var offset: Int = 0
        while let start: Instant = starts[offset], start + per <= now {
            count -= 1
            offset += 1
        }
        return count
    }

    /// Notes that a task is under way from now on.
    mutating func enter(_ task: TaskID, cost: Int64, at now: Instant) {
        switch rule {
        case .underWay:
            if let earlier: Int64 = holders.updateValue(cost, forKey: task) { used -= earlier }
            used += cost
        case .started:
            starts.append(now)
            forget(before: now)
        }
    }

    /// Notes that a task is under way no more.
    mutating func leave(_ task: TaskID) {
        if let cost: Int64 = holders.removeValue(forKey: task) { used -= cost }
    }

    /// A task comes to wait before it.
    mutating func park(_ place: ReadyQueue.Place, lane: Int, share: Int) {
        sides[lane, default: GateSide()].insert(place, share: share)
        parkedCount += 1
    }

    /// A task waits before it no more; its place has become stale.
    mutating func unpark(lane: Int, share: Int, isStale: (ReadyQueue.Place) -> Bool) {
        sides[lane]?.remove(share: share, isStale: isStale)
        parkedCount -= 1
        if sides[lane]?.waiting == 0 { sides[lane] = nil }
    }

    /// The first task of a project in a lane that waits before it.
    mutating func firstParked(lane: Int, share: Int, isStale: (ReadyQueue.Place) -> Bool) -> ReadyQueue.Place? {
        sides[lane]?.first(share: share, isStale: isStale)
    }

    /// Notes which task of a lane it has let through.
    mutating func letThrough(lane: Int, entry: Int, order: UInt64) { sides[lane]?.passing = (entry, order) }

    /// Forgets starts that the rule does not look at any more.
    mutating func forget(before now: Instant) {
        guard case .started(_, let per) = rule else { return }
        while let start: Instant = starts.first, start + per <= now { _ = starts.popFirst() }
        if let until: Instant = closedUntil, until <= now { closedUntil = nil }
    }

    /// Takes over the starts that are known from elsewhere.
    mutating func adopt(startsOf other: Gate) {
        starts = other.starts
        closedUntil = other.closedUntil
    }

    /// When there is something to look at again.
    var nextLook: Instant? {
        guard case .started(let count, let per) = rule else { return nil }
        if let closedUntil { return closedUntil }
        guard !starts.isEmpty else { return nil }
        guard parkedCount > 0 else { return starts[starts.count - 1].map { $0 + per } }
        return starts[max(0, starts.count - count)].map { $0 + per }
    }

    /// Whether nobody needs it.
    var isIdle: Bool { holders.isEmpty && parkedCount == 0 && starts.isEmpty && closedUntil == nil }
}
