import Dispatch
import MAOSCore
import MAOSProtocols
import MAOSSystem
import MAOSTestSupport
import MAOSTransport
import Testing

extension WorkerThread: OrchestratorExecutor {}

/// A gateway on a free port, whose disk and whose engine answer when the test lets them.
final class GatewayWorkbench {
    /// Nothing is known of the machine.
    private final class Environment: DialectEnvironment {
        let isReady = true
        let startedAt = Instant(milliseconds: 0)
        let version = "0"
        let board: MetricsBoard? = nil
        func components(at now: Instant) -> [HealthComponent] { [] }
        func usage(of agent: AgentID) -> AgentUsage? { nil }
        func metrics(at now: Instant) -> [MeasuredValue] { [] }
    }

    /// Does nothing.
    private final class NoHost: HostServices {
        func perform(_ request: HostRequest, _ done: @escaping @Sendable (HostAnswer) -> Void) { done(.noSuchProcess) }
        func observe(_ observer: any ResidentObserver) {}
    }

    /// The server's loops.
    private final class Loops: Sendable {
        let all = Locked<[EventLoop]>([])
    }

    let gateway = Gateway()
    let orchestrator: Orchestrator
    let server: TestServer
    private let writer = WorkerThread(name: "test-writer")
    private let reader = WorkerThread(name: "test-reader")
    private let held = DispatchSemaphore(value: 0)
    private let loops = Loops()

    /// Serves with a limit to the time of a request; the disk does not answer yet.
    init(
        requestTime: Milliseconds = .seconds(30), outputs: any OutputStore = RecordingOutputStore()
    ) async throws {
        try writer.start()
        let clock = FunctionTimeSource { Double(SystemClock.wallMilliseconds()) / 1_000 }
        let runtime = FunctionAgentRuntime(time: clock) { _ in .completed(result: nil) }
        let journal = MemoryJournal()
        orchestrator = try Orchestrator(journal: journal, runtime: runtime, time: clock, executor: writer)
        try await orchestrator.start()
        var configuration = GatewayConfiguration()
        configuration.requestTime = requestTime
        let key = try #require(TokenKey([UInt8](repeating: 7, count: 32)))
        gateway.open(
            GatewayServices(
                orchestrator: orchestrator, history: journal, outputs: outputs, reader: reader,
                host: NoHost(), environment: Environment(), configuration: configuration,
                verifier: TokenVerifier(key: key), administrator: CurrentToken(path: "/nowhere"),
                sockets: DialectSurface(), origins: OriginPolicy(), trustsLoopback: true, limit: nil,
                log: MAOSSystem.Log(level: .error, format: .text)))
        server = try TestServer(loops: 1) { [gateway, loops] (resources: LoopResources) in
            loops.all.withLock { $0.append(resources.loop) }
            return gateway.handler(resources)
        }
    }

    /// From now on the disk answers, also what it was asked before.
    func letDiskAnswer() throws { try reader.start() }

    /// Nothing is decided before ``letEngineGoOn()``.
    func holdEngine() { writer.execute { [held] in held.wait() } }

    func letEngineGoOn() { held.signal() }

    /// The loop does nothing else while a body goes on.
    func occupyingLoop(_ body: () throws -> Void) throws {
        let loop: EventLoop = try #require(loops.all.withLock { $0.first })
        let (isOccupied, isDone) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        loop.execute {
            isOccupied.signal()
            isDone.wait()
        }
        isOccupied.wait()
        defer { isDone.signal() }
        try body()
    }

    /// A request as a client sends it.
    static func request(_ method: String, _ target: String, _ body: String = "") -> String {
        "\(method) \(target) HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            + "content-length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    /// Ends what was started; once.
    func close() {
        server.server.stopAndJoin()
        for worker: WorkerThread in [reader, writer] { worker.stop() }
        writer.join()
    }
}
