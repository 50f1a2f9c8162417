internal import MAOSCore
internal import MAOSSystem

/// Signals processes for clients, and waits for their end on an event loop.
enum ProcessSignaller {
    /// How long the end is waited for, in milliseconds.
    static let patience: Int64 = 5_000

    /// Signals a process, if it may be.
    ///
    /// - Parameters:
    ///   - process: The process.
    ///   - signal: The signal.
    ///   - allowsForeign: Whether it may be one that was not started here.
    ///   - supervision: What was started here.
    ///   - loop: Where the end is waited for; called on its thread.
    ///   - answer: Takes what came of it, once.
    static func signal(
        _ process: ProcessIdentity, _ signal: ProcessSignal, allowsForeign: Bool, _ supervision: SupervisionTable,
        on loop: EventLoop, answer: @escaping (ProcessSignalOutcome) -> Void
    ) {
        guard process.pid > 1, process.pid != ProcessSettings.processNumber else { return answer(.forbidden) }
        guard let status: ProcessStatus = living(process) else { return answer(.notFound) }
        guard supervision.owner(of: status) != nil || (allowsForeign && isOfInterest(process.pid)) else {
            return answer(.forbidden)
        }
        do throws(SystemError) {
            let reference: Descriptor = try Descriptor.process(process.pid)
            // Now the number cannot come to mean another process; but it may have before.
            guard living(process) != nil else { return answer(.notFound) }
            try Signals.send(signal.number, through: reference)
            try SignalledProcess(process, reference, on: loop, answer: answer).start()
        } catch  where error.isNoSuchProcess {
            answer(.notFound)
        } catch  where error.call.hasPrefix("pidfd_open") {
            signalByNumber(process, signal, on: loop, answer: answer)
        } catch {
            answer(.refused(error.reason))
        }
    }

    /// For a kernel that does not know descriptors of processes, or when there is none left: looks, and signals at once.
    private static func signalByNumber(
        _ process: ProcessIdentity, _ signal: ProcessSignal, on loop: EventLoop,
        answer: @escaping (ProcessSignalOutcome) -> Void
    ) {
        guard living(process) != nil else { return answer(.notFound) }
        do throws(SystemError) {
            try Signals.deliver(signal.number, to: process.pid)
            SignalledProcess(process, on: loop, answer: answer).startLooking()
        } catch  where error.isNoSuchProcess {
            answer(.notFound)
        } catch {
            answer(.refused(error.reason))
        }
    }

    /// What the kernel says of a process, unless it has ended or another one has its number.
    static func living(_ process: ProcessIdentity) -> ProcessStatus? {
        guard let status: ProcessStatus = ProcessTable.status(of: process.pid),
            status.startTicks == process.startTicks, !status.isDead
        else { return nil }
        return status
    }

    /// Whether it is a program that clients ask for, and acts for the user that we act for.
    private static func isOfInterest(_ pid: Int32) -> Bool {
        guard let arguments: [UInt8] = ProcessTable.arguments(of: pid),
            ProgramNames.program(of: arguments) != .other, let user: UInt32 = ProcessTable.user(of: pid)
        else { return false }
        return user == ProcessTable.ownUser
    }
}

extension ProcessSignal {
    /// The kernel's number.
    fileprivate var number: Int32 {
        switch self {
        case .terminate: Signals.terminate
        case .kill: Signals.kill
        case .interrupt: Signals.interrupt
        case .hangUp: Signals.hangUp
        case .quit: Signals.quit
        }
    }
}

/// A process that was signalled, until it has ended or the time is over.
private final class SignalledProcess: EventSource, @unchecked Sendable {
    // Confined to the loop's thread, as every source is.

    /// Milliseconds between two looks at a process of which there is no descriptor.
    private static let lookInterval: Int64 = 20

    private let process: ProcessIdentity
    private let end: Int64
    private var answer: ((ProcessSignalOutcome) -> Void)?

    /// Waits on a descriptor of the process.
    init(
        _ process: ProcessIdentity, _ reference: consuming Descriptor, on loop: EventLoop,
        answer: @escaping (ProcessSignalOutcome) -> Void
    ) {
        self.process = process
        self.answer = answer
        end = loop.now + ProcessSignaller.patience
        super.init(loop: loop, descriptor: reference)
    }

    /// Looks at the process again and again.
    init(_ process: ProcessIdentity, on loop: EventLoop, answer: @escaping (ProcessSignalOutcome) -> Void) {
        self.process = process
        self.answer = answer
        end = loop.now + ProcessSignaller.patience
        super.init(loop: loop)
    }

    func start() throws(SystemError) {
        try register(for: .readable, trigger: .level)
        setDeadline(at: end)
    }

    func startLooking() {
        setDeadline(after: SignalledProcess.lookInterval)
    }

    override func ready(_ events: EventSet) {
        finish(.ended)
    }

    override func deadlineReached() {
        if ProcessSignaller.living(process) == nil { return finish(.ended) }
        guard loop.now < end, !isOpen else { return finish(.stillRunning) }
        setDeadline(after: SignalledProcess.lookInterval)
    }

    override func loopStopped() {
        finish(.stillRunning)
    }

    private func finish(_ outcome: ProcessSignalOutcome) {
        closeDescriptor()
        cancelDeadline()
        let answer: ((ProcessSignalOutcome) -> Void)? = answer
        self.answer = nil
        answer?(outcome)
    }
}
