internal import MAOSCore
internal import MAOSSystem

/// A process that was started here, with everything that descends from it.
///
/// It runs until its root ends or it is asked to stop; then whatever is left of it is asked to end (SIGTERM), after a grace it
/// is killed (SIGKILL), and only when nothing is left has it ended. Subclasses say what its output and its end mean.
class SupervisedProcess: EventSource, @unchecked Sendable {
    // Confined to the loop's thread, as every source is.

    /// What a process is made of.
    struct Parts: ~Copyable {
        let supervisor: ProcessSupervisor
        let owner: String
        var spawned: SpawnedProcess
        /// What its output is called.
        let stream: OutputStream
        let limits: ResourceLimits
        let controlGroup: ControlGroup?
        let identity: ProcessIdentity
        /// Whether its input is a terminal.
        let hasTerminal: Bool
    }

    /// How it came to an end.
    struct End {
        let root: EndedChild
        /// Milliseconds of processor time of its whole tree.
        let processorTime: Int64
        /// Whether it was asked to stop while its root still ran.
        let wasStopped: Bool
        /// The limit that it reached.
        let reached: ResourceLimits.Reached?
    }

    private enum Stage {
        case running
        /// Asked to end; killed at the given time of the loop's clock.
        case signalled(killAt: Int64)
        case killed
        case ended
    }

    /// How soon the rest of a tree is looked for again, in milliseconds: at first, and at last.
    private static let firstPoll: Int64 = 1
    private static let lastPoll: Int64 = 50
    /// Searches in a row for processes that appear while others are killed.
    private static let killRounds: Int = 64

    let supervisor: ProcessSupervisor
    let owner: String
    let identity: ProcessIdentity
    let limits: ResourceLimits
    /// Descendants that lost their parents; the registry keeps this.
    var orphans: Set<Int32> = []
    /// Milliseconds of processor time of descendants that lost their parents and have ended.
    var orphanTime: Int64 = 0
    /// Sessions and process groups that its processes were seen in.
    private(set) var groups: Set<Int32>

    private let controlGroup: ControlGroup?
    private let stream: OutputStream
    private let hasTerminal: Bool
    private var readers: [OutputReader] = []
    private var stage: Stage = .running
    private var root: EndedChild?
    private var wasStopped: Bool = false
    private var reached: ResourceLimits.Reached?
    private var poll: Int64 = SupervisedProcess.firstPoll
    private var signalled: Set<Int32> = []

    /// Takes over what was started, and begins to read.
    init(_ parts: consuming Parts) throws(SystemError) {
        supervisor = parts.supervisor
        owner = parts.owner
        identity = parts.identity
        limits = parts.limits
        controlGroup = parts.controlGroup
        stream = parts.stream
        hasTerminal = parts.hasTerminal
        groups = [parts.identity.pid]
        guard let exit: Descriptor = parts.spawned.exit.take() else {
            preconditionFailure("a started process has a descriptor")
        }
        super.init(loop: parts.supervisor.loop, descriptor: exit)
        try register(for: .readable, trigger: .level)
        if let output: Descriptor = parts.spawned.output.take() { try read(output, parts.stream) }
        if let error: Descriptor = parts.spawned.error.take() { try read(error, .stderr) }
    }

    private func read(_ descriptor: consuming Descriptor, _ stream: OutputStream) throws(SystemError) {
        let reader = OutputReader(descriptor, stream: stream, of: self)
        try reader.start()
        readers.append(reader)
    }

    // MARK: - What subclasses answer to

    /// Whom it works for, for those who ask whose a process is.
    var beneficiary: ProcessOwner? { nil }

    /// Hears of bytes as they were read.
    func received(_ bytes: UnsafeRawBufferPointer, _ stream: OutputStream) {}

    /// Takes output as it is to be stored.
    func store(_ chunk: [UInt8], _ stream: OutputStream) {}

    /// Hears how far a stop has come.
    func stageReached(_ stage: CancellationStage) {}

    /// Called a few times a second while it runs.
    func lookedAfter() {}

    /// How long it may take to end after it was asked to, in milliseconds.
    var grace: Int64 { supervisor.grace }

    /// Nothing is left of it, and all of its output was handed over.
    func ended(_ end: End) {}

    // MARK: - Asking

    /// Whether the process that was started still runs.
    var isRootAlive: Bool { root == nil }

    /// Notes the session and the process group of a process that belongs to this one.
    func remember(_ status: ProcessStatus) {
        for number in [status.session, status.group] where number > 1 && groups.insert(number).inserted {
            supervisor.remember(group: number, of: self)
        }
    }

    /// Types bytes on its terminal; false when it has none, or takes no more for now.
    func type(_ bytes: [UInt8]) -> Bool {
        readers.first { $0.stream == stream }?.type(bytes) ?? false
    }

    /// Types bytes on its terminal, and calls a body once it has been given all of them, or they are refused.
    func feed(_ bytes: [UInt8], _ done: @escaping @Sendable (Typing) -> Void) {
        guard let reader: OutputReader = readers.first(where: { $0.stream == stream }) else { return done(.noProcess) }
        reader.feed(bytes, done)
    }

    /// Tells its terminal a new size.
    func resize(to size: TerminalSize) {
        guard let reader: OutputReader = readers.first(where: { $0.stream == stream }) else { return }
        _ = reader.withDescriptor { ProcessSettings.resize($0, to: size) }
    }

    /// Everything of it that lives.
    private func living() -> [ProcessStatus] {
        var roots: [Int32] = Array(orphans)
        if isRootAlive { roots.append(identity.pid) }
        if let controlGroup { roots.append(contentsOf: controlGroup.members()) }
        let members: [ProcessStatus] = ProcessTree.living(from: roots)
        for member in members { remember(member) }
        return members
    }

    /// Milliseconds of processor time that its whole tree has used, as far as the kernel tells.
    var processorTime: Int64 {
        let ticks: UInt64 = living().reduce(0) { $0 + $1.processorTicks }
        return orphanTime + (root?.processorTime ?? 0) + Int64(ticks) * 1_000 / Int64(ProcessTable.ticksPerSecond)
    }

    // MARK: - Stopping

    /// Ends it: with a warning and a grace, or at once.
    func stop(graceful: Bool) {
        switch stage {
        case .running:
            wasStopped = true
            if graceful { askToEnd() } else { kill() }
        case .signalled:
            if !graceful { kill() }
        case .killed, .ended:
            return
        }
    }

    private func askToEnd() {
        let killAt: Int64 = loop.now + grace
        stage = .signalled(killAt: killAt)
        supervisor.refreshOrphans()
        signalMembers()
        if wasStopped { stageReached(.signalled) }
        if isRootAlive { setDeadline(at: killAt) } else { pollAgain() }
    }

    /// Asks every member to end that has not been asked.
    private func signalMembers() {
        for member in living() where signalled.insert(member.pid).inserted {
            Signals.send(Signals.terminate, to: member.pid)
            // Interactive shells do not listen to the first, but to the loss of their terminal.
            if hasTerminal { Signals.send(Signals.hangUp, to: member.pid) }
            Signals.send(Signals.resume, to: member.pid)
        }
    }

    private func kill() {
        stage = .killed
        poll = SupervisedProcess.firstPoll
        controlGroup?.kill()
        killMembers()
        if wasStopped { stageReached(.killed) }
        pollAgain()
    }

    /// Halts everything of it, or lets it go on; does nothing once it is being stopped.
    func setSuspended(_ isSuspended: Bool) {
        guard case .running = stage else { return }
        var seen: Set<Int32> = []
        for _ in 0..<SupervisedProcess.killRounds {
            supervisor.refreshOrphans()
            let fresh: [ProcessStatus] = living().filter { seen.insert($0.pid).inserted }
            guard !fresh.isEmpty else { return }
            for member in fresh { Signals.send(isSuspended ? Signals.suspend : Signals.resume, to: member.pid) }
        }
    }

    /// Kills every member, and those that appear meanwhile.
    private func killMembers() {
        var seen: Set<Int32> = []
        for _ in 0..<SupervisedProcess.killRounds {
            supervisor.refreshOrphans()
            let fresh: [ProcessStatus] = living().filter { seen.insert($0.pid).inserted }
            guard !fresh.isEmpty else { return }
            // The kernel kills a group as one, whoever forks in it.
            for group in Set(fresh.map(\.group)) where groups.contains(group) { Signals.send(Signals.kill, to: -group) }
            for member in fresh { Signals.send(Signals.kill, to: member.pid) }
        }
    }

    private func pollAgain() {
        var next: Int64 = loop.now + poll
        poll = min(poll * 2, SupervisedProcess.lastPoll)
        if case .signalled(let killAt) = stage { next = min(next, killAt) }
        setDeadline(at: next)
    }

    override func deadlineReached() {
        switch stage {
        case .running, .ended:
            return
        case .signalled(let killAt):
            if loop.now >= killAt { kill() }
        case .killed:
            break
        }
        supervisor.refreshOrphans()
        proceed()
    }

    // MARK: - Ending

    override func ready(_ events: EventSet) {
        switch ProcessExit.collect(identity.pid) {
        case .running: return
        case .ended(let child): root = child
        case .notOurs: root = EndedChild(status: .unknown, processorTime: 0)
        }
        closeDescriptor()
        supervisor.refreshOrphans()
        for reader in readers { reader.drain() }
        poll = SupervisedProcess.firstPoll
        proceed()
    }

    /// Ends what is left; if nothing is, that was it.
    private func proceed() {
        if let root, orphans.isEmpty, controlGroup?.members().isEmpty ?? true { return finish(root) }
        switch stage {
        case .running:
            askToEnd()
        case .signalled(let killAt):
            if isRootAlive {
                setDeadline(at: killAt)
            } else {
                signalMembers()
                pollAgain()
            }
        case .killed:
            killMembers()
            pollAgain()
        case .ended:
            return
        }
    }

    private func finish(_ root: EndedChild) {
        stage = .ended
        cancelDeadline()
        for reader in readers {
            reader.drain()
            reader.finish()
        }
        readers = []
        noteReachedLimit(root)
        controlGroup?.remove()
        let time: Int64 = root.processorTime + orphanTime
        ended(End(root: root, processorTime: time, wasStopped: wasStopped, reached: reached))
        supervisor.forget(self)
    }

    // MARK: - Limits

    /// Kills it if it uses more than it may; called a few times a second.
    func checkLimits() {
        guard limits.needsWatching, case .running = stage else { return }
        let members: [ProcessStatus] = living()
        if let most: Int = limits.processes, members.count > most, controlGroup?.keepsProcesses != true {
            reached = .processes
        } else if let most: Int = limits.memory, controlGroup?.keepsMemory != true {
            let used: Int = members.reduce(0) { $0 + ProcessTable.privateMemory(of: $1.pid) }
            if used > most { reached = .memory(used) }
        }
        if let most: Int = limits.processorSeconds {
            let used: UInt64 = members.reduce(0) { $0 + $1.processorTicks }
            if used >= UInt64(most) * ProcessTable.ticksPerSecond { reached = .processorTime }
        }
        if reached != nil { kill() }
    }

    /// Tells from the way it ended whether the kernel ended it for a limit.
    private func noteReachedLimit(_ root: EndedChild) {
        guard reached == nil else { return }
        if let controlGroup {
            if controlGroup.hasKilledForMemory { reached = .memory(nil) }
            if controlGroup.hasRefusedProcesses, root.status != .exited(0) { reached = .processes }
        }
        switch root.status {
        case .killed(Signals.processorTimeExceeded) where limits.processorSeconds != nil: reached = .processorTime
        case .killed(Signals.fileSizeExceeded) where limits.fileSize != nil: reached = .fileSize
        case .killed(Signals.kill):
            if !wasStopped, let most: Int = limits.processorSeconds, root.processorTime >= Int64(most) * 1_000 {
                reached = .processorTime
            }
        default: break
        }
    }

    override func loopStopped() {
        readers = []
        stage = .ended
    }
}
