/// What can run out on a host.
public enum ResourceKind: UInt8, Sendable, Hashable, CaseIterable {
    /// Cores.
    case cpu = 1
    /// MB.
    case memory
    /// Devices.
    case gpu
    /// MB.
    case storage
    /// Mbit/s.
    case network

    /// The name on the wire.
    public var name: String {
        switch self {
        case .cpu: "cpu"
        case .memory: "memory"
        case .gpu: "gpu"
        case .storage: "storage"
        case .network: "network"
        }
    }
}

/// How much of each resource; kept in whole thousandths, so that what is taken and given back adds up.
public struct ResourceAmounts: Hashable, Sendable {
    private var thousandths = InlineAmounts()

    private struct InlineAmounts: Hashable, Sendable {
        var cpu: Int64 = 0
        var memory: Int64 = 0
        var gpu: Int64 = 0
        var storage: Int64 = 0
        var network: Int64 = 0
    }

    /// Nothing of anything.
    public static let zero = ResourceAmounts()

    /// The most that an amount may be.
    public static let limit: Double = 1_000_000_000_000

    init() {}

    /// These amounts, rounded up to thousandths.
    ///
    /// - Parameters:
    ///   - cpu: Cores.
    ///   - memory: MB.
    ///   - gpu: Devices.
    ///   - storage: MB.
    ///   - network: Mbit/s.
    public init(cpu: Double = 0, memory: Double = 0, gpu: Double = 0, storage: Double = 0, network: Double = 0) {
        self[.cpu] = ResourceAmounts.thousandths(cpu)
        self[.memory] = ResourceAmounts.thousandths(memory)
        self[.gpu] = ResourceAmounts.thousandths(gpu)
        self[.storage] = ResourceAmounts.thousandths(storage)
        self[.network] = ResourceAmounts.thousandths(network)
    }

    /// What an agent's specification asks for.
    init(_ requirements: ResourceRequirements) {
        let bandwidth: Double? = requirements.network?.value()["bandwidthMbps"]?.doubleValue
        self.init(
            cpu: requirements.cpu, memory: requirements.memory, gpu: requirements.gpu ?? 0,
            storage: requirements.storage ?? 0, network: bandwidth ?? 0)
    }

    /// An amount in thousandths; what is no number, negative or too large is moved to the nearest end.
    package static func thousandths(_ amount: Double) -> Int64 {
        guard amount > 0 else { return 0 }
        return Int64((min(amount, limit) * 1_000).rounded(.up))
    }

    /// An amount in thousandths.
    package subscript(kind: ResourceKind) -> Int64 {
        get {
            switch kind {
            case .cpu: thousandths.cpu
            case .memory: thousandths.memory
            case .gpu: thousandths.gpu
            case .storage: thousandths.storage
            case .network: thousandths.network
            }
        }
        set {
            switch kind {
            case .cpu: thousandths.cpu = newValue
            case .memory: thousandths.memory = newValue
            case .gpu: thousandths.gpu = newValue
            case .storage: thousandths.storage = newValue
            case .network: thousandths.network = newValue
            }
        }
    }

    /// An amount in its own unit.
    public func amount(of kind: ResourceKind) -> Double { Double(self[kind]) / 1_000 }

    /// The sums, each by itself.
    public static func + (left: ResourceAmounts, right: ResourceAmounts) -> ResourceAmounts {
        var sum: ResourceAmounts = left
        for kind: ResourceKind in ResourceKind.allCases { sum[kind] += right[kind] }
        return sum
    }

    /// The differences, each by itself; may be negative.
    public static func - (left: ResourceAmounts, right: ResourceAmounts) -> ResourceAmounts {
        var difference: ResourceAmounts = left
        for kind: ResourceKind in ResourceKind.allCases { difference[kind] -= right[kind] }
        return difference
    }
}
