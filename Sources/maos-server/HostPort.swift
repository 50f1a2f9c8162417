internal import MAOSAgents
internal import MAOSCore
internal import MAOSProtocols
internal import MAOSSystem

/// Does what dialects want of the machine; there is one for all of them.
final class HostPort: HostServices {
    private struct WeakObserver: Sendable {
        weak let observer: (any ResidentObserver)?
    }

    private let environment: any DialectEnvironment
    private let reader: WorkerThread
    private let runtime: ProcessAgentRuntime
    private let observers = Locked<[WeakObserver]>([])

    /// Asks what the server knows of its machine, and the runtime that has the agents' processes; what reads files of the kernel
    /// is done on a thread that may block.
    init(_ environment: any DialectEnvironment, reader: WorkerThread, runtime: ProcessAgentRuntime) {
        self.environment = environment
        self.reader = reader
        self.runtime = runtime
        runtime.whenResidentEnds { [weak self] agent, code in self?.tell(agent, code) }
    }

    func perform(_ request: HostRequest, _ done: @escaping @Sendable (HostAnswer) -> Void) {
        switch request {
        case .signal(let process, let signal, let allowsForeign):
            guard let host = environment.host else { return done(.noSuchProcess) }
            Task.detached {
                done(.signalled(await host.signal(process, signal, allowsForeign: allowsForeign)))
            }
        case .inspect(let processes):
            guard let host = environment.host else { return done(.inspected([:])) }
            reader.execute { done(.inspected(host.details(of: processes))) }
        case .type(let agent, let bytes):
            runtime.type(bytes, to: agent) { isTaken in done(isTaken ? .done : .noSuchProcess) }
        case .feed(let agent, let bytes):
            runtime.feed(bytes, to: agent) { typing in
                switch typing {
                case .taken: done(.done)
                case .full: done(.busy)
                case .noProcess: done(.noSuchProcess)
                }
            }
        case .resize(let agent, let columns, let rows):
            runtime.resize(
                agent, to: TerminalSize(columns: UInt16(clamping: columns), rows: UInt16(clamping: rows)))
            done(.done)
        }
    }

    func observe(_ observer: any ResidentObserver) {
        observers.withLock { observers in
            observers.removeAll { $0.observer == nil }
            observers.append(WeakObserver(observer: observer))
        }
    }

    private func tell(_ agent: AgentID, _ code: Int) {
        for observer: WeakObserver in observers.withLock({ $0 }) {
            observer.observer?.residentEnded(of: agent, code: code)
        }
    }
}
