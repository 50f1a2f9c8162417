internal import MAOSCore
internal import MAOSSystem

/// What one process tree may use; nil leaves a resource free.
package struct ResourceLimits: Hashable, Sendable {
    /// Seconds of processor time of the whole tree.
    package var processorSeconds: Int?
    /// Cores at a time; needs control groups.
    package var cores: Double?
    /// Bytes of memory of the whole tree.
    package var memory: Int?
    /// Bytes of a single file.
    package var fileSize: Int?
    /// Open descriptors of a single process.
    package var openFiles: Int?
    /// Processes of the whole tree.
    package var processes: Int?

    /// No limits.
    package init() {}

    /// The limits of an agent: its own where it has some, else its runner's.
    init(_ resources: ResourceRequirements?, runner: ResourceLimits) {
        self = runner
        guard let resources else { return }
        if resources.cpu > 0 { cores = resources.cpu }
        if resources.memory > 0 { memory = ResourceLimits.bytes(megabytes: resources.memory) }
        if let storage: Double = resources.storage, storage > 0 { fileSize = ResourceLimits.bytes(megabytes: storage) }
    }

    private static func bytes(megabytes: Double) -> Int {
        Int(min(megabytes * 1_048_576, 4e18))
    }

    /// Whether the tree's sums have to be watched, because no single process's limit says enough.
    var needsWatching: Bool { processorSeconds != nil || memory != nil || processes != nil }

    /// Whether a control group can enforce something here.
    var concernsControlGroup: Bool { cores != nil || memory != nil || processes != nil }

    /// The part that the kernel keeps for each process.
    var ofEachProcess: [ProcessLimit] {
        var limits: [ProcessLimit] = []
        if let processorSeconds { limits.append(ProcessLimit(.processorTime, UInt64(max(1, processorSeconds)))) }
        // A net below the watch, which looks a few times a second: programs may reserve more than they touch.
        if let memory { limits.append(ProcessLimit(.data, UInt64(memory) * 2 + 256 << 20)) }
        if let fileSize { limits.append(ProcessLimit(.fileSize, UInt64(fileSize))) }
        if let openFiles { limits.append(ProcessLimit(.openFiles, UInt64(max(8, openFiles)))) }
        return limits
    }

    /// What people read when a limit was reached.
    func message(_ reached: Reached) -> String {
        switch reached {
        case .memory(let used?):
            "memory limit of \(ResourceLimits.size(memory)) exceeded: \(ResourceLimits.size(used)) in use"
        case .memory(nil): "memory limit of \(ResourceLimits.size(memory)) exceeded"
        case .processorTime: "processor time limit of \(processorSeconds ?? 0) s exceeded"
        case .processes: "process limit of \(processes ?? 0) exceeded"
        case .fileSize: "file size limit of \(ResourceLimits.size(fileSize)) exceeded"
        }
    }

    private static func size(_ bytes: Int?) -> String {
        let bytes: Int = bytes ?? 0
        return bytes < 1_048_576 ? "\(bytes / 1_024) KB" : "\(bytes / 1_048_576) MB"
    }

    /// Which limit was reached.
    enum Reached: Hashable, Sendable {
        /// With the bytes in use, where they are known.
        case memory(Int?)
        case processorTime
        case processes
        case fileSize
    }
}
