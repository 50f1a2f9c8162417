internal import MAOSAgents
internal import MAOSCore
internal import MAOSProtocols
internal import MAOSSystem

/// Does what dialects want of the machine.
final class HostPort: HostServices {
    private let environment: any DialectEnvironment
    private let reader: WorkerThread
    private let runtime: ProcessAgentRuntime

    /// Asks what the server knows of its machine, and the runtime that has the agents' processes; what reads files of the kernel
    /// is done on a thread that may block.
    init(_ environment: any DialectEnvironment, reader: WorkerThread, runtime: ProcessAgentRuntime) {
        self.environment = environment
        self.reader = reader
        self.runtime = runtime
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
        case .resize(let agent, let columns, let rows):
            runtime.resize(
                agent, to: TerminalSize(columns: UInt16(clamping: columns), rows: UInt16(clamping: rows)))
            done(.done)
        }
    }
}
