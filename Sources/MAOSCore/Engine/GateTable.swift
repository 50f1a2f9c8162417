/// The gates that are in use, by what they are for.
struct GateTable: Sendable {
    private(set) var gates: [GateKey: Gate] = [:]
    /// Limits and rates by concurrency key; `*` for those that are not named.
    let limits: [String: ConcurrencyLimit]
    /// How many tasks users, teams and projects may have under way, where that is limited.
    var quotas: [QuotaKey: Int] = [:]
    /// What is left of the ceilings of projects for tasks under way to take up, by part.
    private(set) var ceilings: [String: [BudgetPart: Int64]] = [:]
    /// When the state was loaded: what was started before is known of live tasks only.
    var loadedAt: Instant?

    init(limits: [String: ConcurrencyLimit] = [:]) { self.limits = limits }

    /// What a task has to pass; nothing for most.
    func uses(of task: TaskRecord) -> [GateUse] {
        var uses: [GateUse] = quotas.isEmpty ? [] : quotaUses(of: task)
        if !ceilings.isEmpty { uses += budgetUses(of: task) }
        guard let key: String = task.specification.concurrencyKey else { return uses }
        let configured: ConcurrencyLimit? = limits[key] ?? limits["*"]
        if configured == nil || configured?.limit != nil { uses.append(GateUse(key: .concurrency(key))) }
        if configured?.rate != nil { uses.append(GateUse(key: .rate(key))) }
        return uses
    }

    private func quotaUses(of task: TaskRecord) -> [GateUse] {
        QuotaKey.keys(owner: task.owner, team: task.team, project: task.specification.project)
            .filter { quotas[$0] != nil }.map { GateUse(key: .quota($0)) }
    }

    /// Of its project's ceilings, what is left of its own; where it has none, anything.
    func budgetUses(of task: TaskRecord) -> [GateUse] {
        guard let project: String = task.specification.project, let limits = ceilings[project] else { return [] }
        return BudgetPart.allCases.compactMap { (part: BudgetPart) in
            guard limits[part] != nil else { return nil }
            let own: Int64? = task.specification.budget[part].map { max(0, $0 - task.state.spent[part]) }
            return GateUse(key: .budget(project, part), cost: own ?? 1)
        }
    }

    /// Says what is left of a project's ceilings; no task may be before or behind a gate of a part that comes or goes.
    ///
    /// - Returns: The gates that let more pass than before.
    mutating func setCeilings(_ limits: [BudgetPart: Int64], of project: String) -> [GateKey] {
        let before: [BudgetPart: Int64] = ceilings[project] ?? [:]
        guard before != limits else { return [] }
        ceilings[project] = limits.isEmpty ? nil : limits
        var widened: [GateKey] = []
        for part: BudgetPart in BudgetPart.allCases {
            let key = GateKey.budget(project, part)
            guard let limit: Int64 = limits[part], gates[key] != nil else { continue }
            gates[key]?.rule = .underWay(limit: limit)
            if limit > before[part] ?? .min { widened.append(key) }
        }
        return widened
    }

    private func rule(of key: GateKey) -> GateRule {
        switch key {
        case .quota(let key):
            return .underWay(limit: Int64(quotas[key] ?? .max))
        case .concurrency(let name):
            return .underWay(limit: Int64((limits[name] ?? limits["*"])?.limit ?? 1))
        case .budget(let project, let part):
            return .underWay(limit: ceilings[project]?[part] ?? .max)
        case .rate(let name):
            guard let rate = (limits[name] ?? limits["*"])?.rate else {
                preconditionFailure("only keys with a rate have such a gate")
            }
            return .started(count: rate.count, per: rate.period)
        }
    }

    /// The gate as it is, or as it would be if somebody needed it.
    func gate(_ key: GateKey, at now: Instant) -> Gate {
        if let known: Gate = gates[key] { return known }
        var gate = Gate(rule(of: key))
        if case .started(_, let per) = gate.rule, let loadedAt, loadedAt + per > now {
            gate.closedUntil = loadedAt + per
        }
        return gate
    }

    /// The first gate that does not let a task pass.
    func closed(_ uses: [GateUse], at now: Instant) -> GateKey? {
        uses.first { !gate($0.key, at: now).hasRoom(for: $0.cost, at: now) }?.key
    }

    /// Changes a gate; it is made when it is not there, and goes when nobody needs it any more.
    ///
    /// - Returns: When a timer is to look at it, if none does so in time.
    mutating func change(_ key: GateKey, at now: Instant, _ body: (inout Gate) -> Void) -> Instant? {
        if gates[key] == nil { gates[key] = gate(key, at: now) }
        body(&gates[key, default: Gate(.underWay(limit: 1))])
        guard let gate: Gate = gates[key] else { return nil }
        if gate.isIdle {
            gates[key] = nil
            return nil
        }
        guard let look: Instant = gate.nextLook else { return nil }
        if let timer: Instant = gate.timer, timer <= look { return nil }
        gates[key]?.timer = look
        return look
    }

    /// The first task of a project in a lane that waits before a gate.
    mutating func firstParked(
        before key: GateKey, lane: Int, share: Int, isStale: (ReadyQueue.Place) -> Bool
    ) -> ReadyQueue.Place? {
        gates[key]?.firstParked(lane: lane, share: share, isStale: isStale)
    }

    /// Notes which task of a lane a gate has let through.
    mutating func letThrough(_ key: GateKey, lane: Int, entry: Int, order: UInt64) {
        gates[key]?.letThrough(lane: lane, entry: entry, order: order)
    }

    /// Takes over the starts that an earlier engine of this run of the server has seen.
    ///
    /// - Parameters:
    ///   - other: The earlier engine's.
    ///   - now: The time.
    /// - Returns: The gates that there are to look at.
    mutating func adopt(_ other: GateTable, at now: Instant) -> [GateKey] {
        loadedAt = other.loadedAt
        var adopted: [GateKey] = []
        for (key, gate) in other.gates where key.isRate {
            var own: Gate = gates[key] ?? Gate(gate.rule)
            own.adopt(startsOf: gate)
            gates[key] = own
            adopted.append(key)
        }
        for key: GateKey in Array(gates.keys) where key.isRate && other.gates[key] == nil {
            // Nobody had passed it, so it is as closed as the load of that engine left it.
            gates[key]?.closedUntil = other.gate(key, at: now).closedUntil
            adopted.append(key)
        }
        return adopted.sorted { $0.name < $1.name }
    }
}
