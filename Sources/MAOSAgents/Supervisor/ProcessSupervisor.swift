internal import MAOSCore
internal import MAOSSystem

/// Starts processes, reads what they print, and sees to it that all of each one's descendants end with it.
///
/// It lives on one event loop, whose thread is the parent of everything it starts.
final class ProcessSupervisor: EventSource, @unchecked Sendable {
    // Confined to the loop's thread, as every source is.

    /// How often running processes are looked after, in milliseconds.
    private static let roundInterval: Int64 = 250

    let outbox: Outbox
    /// How long a process may take to end after it was asked to, in milliseconds.
    let grace: Int64
    /// What the processes of this server carry in their environment, before the owner's name.
    let markerBeginning: String
    /// What streams are read into, one after the other.
    let buffer: UnsafeMutableRawBufferPointer
    /// What was started here, for other threads.
    let table = SupervisionTable()
    /// Called when the last process has ended.
    var whenIdle: (() -> Void)?

    private let spawner: ProcessSpawner
    private let controlGroups: ControlGroups?
    private let instance: String
    private var processes: [Int32: SupervisedProcess] = [:]
    private var owners: [String: SupervisedProcess] = [:]
    private var groups: [Int32: SupervisedProcess] = [:]
    private var orphans: OrphanRegistry
    private var paused: [OutputReader] = []
    private var isResuming: Bool = false

    /// Makes a supervisor.
    ///
    /// - Parameters:
    ///   - loop: Where it lives.
    ///   - outbox: Where output and reports go.
    ///   - instance: Names this server among others on the host, the same after each restart.
    ///   - grace: Milliseconds a process may take to end after it was asked to.
    ///   - isExclusive: Whether nothing else in this program starts processes.
    ///   - controlGroups: Where limits can be enforced for whole trees.
    /// - Throws: ``SystemError`` where descendants cannot be adopted.
    init(
        loop: EventLoop, outbox: Outbox, instance: String, grace: Int64, isExclusive: Bool,
        controlGroups: ControlGroups?
    ) throws(SystemError) {
        self.outbox = outbox
        self.grace = grace
        self.instance = instance
        self.controlGroups = controlGroups
        markerBeginning = "\(ChildEnvironment.marker)=\(instance)/"
        spawner = try ProcessSpawner()
        buffer = .allocate(byteCount: LineCutter.limit, alignment: 4_096)
        orphans = OrphanRegistry(isExclusive: isExclusive)
        try ProcessSettings.adoptOrphans()
        super.init(loop: loop)
    }

    deinit {
        buffer.deallocate()
    }

    // MARK: - Starting

    /// The variable that tells whose a process is.
    func marker(of owner: String) -> (String, String) {
        (ChildEnvironment.marker, "\(instance)/\(owner)")
    }

    /// Starts a program, and hands what connects us to it to the object that will look after it.
    ///
    /// - Parameters:
    ///   - request: The program; its limits are added here.
    ///   - owner: Whose it is; no two live processes have the same owner.
    ///   - limits: What its tree may use.
    ///   - make: Makes the object.
    /// - Returns: The object.
    /// - Throws: ``SpawnError``; nothing is left of the program then.
    func start<Process: SupervisedProcess>(
        _ request: SpawnRequest, owner: String, limits: ResourceLimits,
        make: (consuming SupervisedProcess.Parts) throws(SystemError) -> Process
    ) throws(SpawnError) -> Process {
        var request: SpawnRequest = request
        request.limits = limits.ofEachProcess
        let group: ControlGroup? = limits.concernsControlGroup ? controlGroups?.make(owner, limits) : nil
        request.controlGroup = group?.entry
        let (stream, hasTerminal): (OutputStream, Bool) =
            switch request.streams {
            case .terminal: (.terminal, true)
            case .conversation: (.stdout, true)
            case .pipes: (.stdout, false)
            }
        do throws(SpawnError) {
            let spawned: SpawnedProcess = try spawner.spawn(request)
            let pid: Int32 = spawned.pid
            let identity = ProcessIdentity(pid: pid, startTicks: ProcessTable.status(of: pid)?.startTicks ?? 0)
            let parts = SupervisedProcess.Parts(
                supervisor: self, owner: owner, spawned: spawned, stream: stream, limits: limits, controlGroup: group,
                identity: identity, hasTerminal: hasTerminal)
            let process: Process = try connect(parts, program: request.arguments[0], make)
            processes[pid] = process
            owners[owner] = process
            groups[pid] = process
            if let beneficiary: ProcessOwner = process.beneficiary { table.add(identity, owner: beneficiary) }
            if deadline == .max { setDeadline(after: ProcessSupervisor.roundInterval) }
            return process
        } catch {
            group?.remove()
            throw error
        }
    }

    /// Makes the object for a started program, or ends that again.
    private func connect<Process: SupervisedProcess>(
        _ parts: consuming SupervisedProcess.Parts, program: String,
        _ make: (consuming SupervisedProcess.Parts) throws(SystemError) -> Process
    ) throws(SpawnError) -> Process {
        let pid: Int32 = parts.identity.pid
        do throws(SystemError) {
            return try make(parts)
        } catch {
            Signals.send(Signals.kill, to: pid)
            throw SpawnError(program: program, step: .resources, code: error.code)
        }
    }

    // MARK: - Looking up

    var allProcesses: [SupervisedProcess] { Array(processes.values) }
    /// Whether nothing runs, and nothing that ran is left.
    var isIdle: Bool { processes.isEmpty && !orphans.hasUnclaimed }

    func process(ofRoot pid: Int32) -> SupervisedProcess? {
        guard let process: SupervisedProcess = processes[pid], process.isRootAlive else { return nil }
        return process
    }

    /// The process that a session or process group was seen to belong to.
    func process(ofGroup number: Int32) -> SupervisedProcess? { groups[number] }

    func process(ofOwner owner: String) -> SupervisedProcess? { owners[owner] }

    /// Notes that a session or process group belongs to a process.
    func remember(group number: Int32, of process: SupervisedProcess) {
        guard groups[number] == nil else { return }
        groups[number] = process
        table.add(group: number, of: process.identity)
    }

    // MARK: - Ending

    /// Finds owners for descendants that lost their parents, and takes ended ones off the kernel's list.
    func refreshOrphans() {
        orphans.refresh(self)
    }

    /// Forgets a process of which nothing is left.
    func forget(_ process: SupervisedProcess) {
        orphans.ended(process)
        if processes[process.identity.pid] === process { processes[process.identity.pid] = nil }
        if owners[process.owner] === process { owners[process.owner] = nil }
        for number in process.groups where groups[number] === process { groups[number] = nil }
        table.remove(process.identity, groups: process.groups)
        if isIdle { whenIdle?() }
    }

    override func deadlineReached() {
        refreshOrphans()
        for process in allProcesses {
            process.checkLimits()
            process.lookedAfter()
        }
        guard isIdle else { return setDeadline(after: ProcessSupervisor.roundInterval) }
        whenIdle?()
    }

    // MARK: - Holding back

    /// Whether so much output waits to be stored that nothing more should be read.
    var isCongested: Bool { outbox.isCongested }

    /// Lets a reader go on once what was read so far is stored.
    func resumeLater(_ reader: OutputReader) {
        paused.append(reader)
        guard !isResuming else { return }
        isResuming = true
        outbox.whenStored { [self] in
            isResuming = false
            let readers: [OutputReader] = paused
            paused = []
            for reader in readers { reader.resume() }
        }
    }

    override func loopStopped() {
        (processes, owners, groups, paused) = ([:], [:], [:], [])
        whenIdle = nil
    }
}
