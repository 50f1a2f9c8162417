import MAOSCore
import MAOSProtocols
import MAOSSystem
import MAOSTestSupport
import MAOSTransport
import Testing

/// Output on its way from the store to clients of a loop that has no time for it.
@Suite("Output and a busy loop", .timeLimit(.minutes(1)))
struct GatewayOutputTests {
    /// Keeps logs in memory, and tells observers on the thread that prints.
    private final class Printer: OutputStore {
        private let entries = Locked<[OutputOwner: [OutputEntry]]>([:])
        private let observers = Locked<[any OutputObserver]>([])
        /// Where reads began.
        let reads = Locked<[UInt64]>([])
        let pendingBytes: Int = 0

        func append(_ chunks: [OutputChunk]) {}
        func whenWritten(_ body: @escaping @Sendable () -> Void) { body() }
        func observe(_ observer: any OutputObserver) { observers.withLock { $0.append(observer) } }

        func print(_ bytes: Int, by agent: AgentID) {
            let owner = OutputOwner.agent(agent)
            let entry: OutputEntry = entries.withLock { (entries: inout [OutputOwner: [OutputEntry]]) in
                let entry = OutputEntry(
                    owner: owner, sequence: UInt64((entries[owner]?.count ?? 0) + 1), stream: .stdout,
                    time: Instant(milliseconds: 0), data: [UInt8](repeating: 0x78, count: bytes))
                entries[owner, default: []].append(entry)
                return entry
            }
            for observer: any OutputObserver in observers.withLock({ $0 }) { observer.stored([entry]) }
        }

        func read(
            _ owner: OutputOwner, from sequence: UInt64, limit: Int, byteLimit: Int
        ) throws(JournalError) -> OutputPage {
            reads.withLock { $0.append(sequence) }
            let all: [OutputEntry] = entries.withLock { $0[owner] ?? [] }
            let first = Int(min(sequence - 1, UInt64(all.count)))
            let page: [OutputEntry] = Array(all[first...].prefix(limit))
            return OutputPage(
                entries: page, firstSequence: all.isEmpty ? 0 : 1, nextSequence: sequence + UInt64(page.count),
                lastSequence: UInt64(all.count))
        }
    }

    @Test("what does not fit in between is followed from the log: all of it, once and in order")
    func follow() async throws {
        let (agent, other) = (AgentID(unchecked: "a"), AgentID(unchecked: "b"))
        let printer = Printer()
        let bench = try await GatewayWorkbench(outputs: printer)
        defer { bench.close() }
        try bench.letDiskAnswer()
        _ = try await bench.orchestrator.submit(
            .spawnAgent(AgentSpecification(type: .coder), id: agent),
            as: Principal(subject: "test", permissions: .all))
        let stream: HTTPClientStream = try HTTPClient(try bench.server.url).stream(
            .get, "/api/v1/agents/a/output?follow=true", fields: HTTPFields())
        defer { stream.close() }
        var ids: [Int] = []
        func readOn(to last: Int) throws {
            while ids.last != last, let line: String = try stream.line(timeout: 20_000) {
                if line.hasPrefix("id: "), let id = Int(line.dropFirst(4)) { ids.append(id) }
            }
        }
        printer.print(10, by: agent)
        try readOn(to: 1)
        try bench.occupyingLoop {
            for _ in 0..<3 { printer.print(10, by: agent) }
            for _ in 0..<5 { printer.print(1 << 20, by: other) }
            for _ in 0..<3 { printer.print(10, by: agent) }
        }
        try readOn(to: 7)
        printer.print(10, by: agent)
        try readOn(to: 8)
        #expect(ids == Array(1...8))
        // What had waited came as it was; nothing but the rest was read.
        #expect(printer.reads.withLock { $0.filter { $0 > 2 } } == [5])
    }
}
