/// What is taken of the host's resources, by whom; kept as things come and go, and derived from them at the start.
struct ResourceIndex: Sendable {
    /// What one user, team or project has.
    struct Holding: Sendable, Hashable {
        var amounts = ResourceAmounts.zero
        var agents: Int = 0

        var isEmpty: Bool { self == Holding() }
    }

    /// What a request is told apart by.
    struct RequestKey: Hashable, Sendable {
        var subject: String
        var requestID: String
    }

    private(set) var holdings: [QuotaKey: Holding] = [:]
    /// What live allocations take.
    private(set) var allocated = ResourceAmounts.zero
    private(set) var allocations: Int = 0
    /// The live allocation that nobody may have one beside.
    private(set) var exclusive: AllocationID?
    /// Live allocations by the requests that made them.
    private(set) var requests: [RequestKey: AllocationID] = [:]

    mutating func add(_ allocation: AllocationRecord) {
        allocated = allocated + allocation.request.amounts
        allocations += 1
        if allocation.request.isExclusive { exclusive = allocation.id }
        requests[key(of: allocation)] = allocation.id
        change(keys(of: allocation)) { $0.amounts = $0.amounts + allocation.request.amounts }
    }

    mutating func remove(_ allocation: AllocationRecord) {
        allocated = allocated - allocation.request.amounts
        allocations -= 1
        if exclusive == allocation.id { exclusive = nil }
        requests[key(of: allocation)] = nil
        #if EngineFaults
        if EngineFault.forgottenLease.isOn { return }
        #endif
        change(keys(of: allocation)) { $0.amounts = $0.amounts - allocation.request.amounts }
    }

    mutating func add(_ agent: AgentRecord) {
        let amounts: ResourceAmounts = ResourceIndex.amounts(of: agent)
        change(keys(of: agent)) { (holding: inout Holding) in
            holding.agents += 1
            holding.amounts = holding.amounts + amounts
        }
    }

    mutating func remove(_ agent: AgentRecord) {
        let amounts: ResourceAmounts = ResourceIndex.amounts(of: agent)
        change(keys(of: agent)) { (holding: inout Holding) in
            holding.agents -= 1
            holding.amounts = holding.amounts - amounts
        }
    }

    /// What an agent's processes may use together.
    static func amounts(of agent: AgentRecord) -> ResourceAmounts {
        agent.specification.resources.map { ResourceAmounts($0) } ?? .zero
    }

    func keys(of agent: AgentRecord) -> [QuotaKey] {
        QuotaKey.keys(owner: agent.owner, team: agent.team, project: agent.project)
    }

    private func keys(of allocation: AllocationRecord) -> [QuotaKey] {
        QuotaKey.keys(owner: allocation.owner, team: allocation.team, project: allocation.project)
    }

    private func key(of allocation: AllocationRecord) -> RequestKey {
        RequestKey(subject: allocation.owner, requestID: allocation.request.requestID)
    }

    private mutating func change(_ keys: [QuotaKey], _ body: (inout Holding) -> Void) {
        for key: QuotaKey in keys {
            var holding: Holding = holdings[key] ?? Holding()
            body(&holding)
            holdings[key] = holding.isEmpty ? nil : holding
        }
    }
}
