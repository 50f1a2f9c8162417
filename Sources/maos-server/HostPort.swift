internal import MAOSCore
internal import MAOSProtocols
internal import MAOSSystem

/// Does what dialects want of the machine.
final class HostPort: HostServices {
    private let environment: any DialectEnvironment
    private let reader: WorkerThread

    /// Asks what the server knows of its machine; what reads files of the kernel is done on a thread that may block.
    init(_ environment: any DialectEnvironment, reader: WorkerThread) {
        self.environment = environment
        self.reader = reader
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
        case .type, .resize:
            done(.noSuchProcess)
        }
    }
}
