import MAOSCore
import MAOSProtocols
import MAOSTransport
import Testing

@Suite("Output on its way to a loop")
struct OutputInboxTests {
    private let task = OutputOwner.task(TaskID(unchecked: "t"))
    private let agent = OutputOwner.agent(AgentID(unchecked: "a"))

    private func entry(
        _ owner: OutputOwner, _ sequence: UInt64, bytes: Int = 1, _ stream: OutputStream = .stdout
    ) -> OutputEntry {
        OutputEntry(
            owner: owner, sequence: sequence, stream: stream, time: Instant(milliseconds: 0),
            data: [UInt8](repeating: 0x78, count: bytes))
    }

    private func sequences(_ delivery: OutputInbox.Delivery) -> [UInt64] { delivery.batches.joined().map(\.sequence) }

    @Test("the loop is told once until it has come, and is handed everything in order")
    func order() {
        let inbox = OutputInbox()
        #expect(inbox.add([entry(task, 1), entry(task, 2)]))
        #expect(!inbox.add([entry(task, 3)]))
        let delivery: OutputInbox.Delivery = inbox.take()
        #expect(sequences(delivery) == [1, 2, 3])
        #expect(delivery.batches.count == 2 && delivery.gaps.isEmpty)
        #expect(inbox.take().batches.isEmpty)
        #expect(inbox.add([entry(task, 4)]))
        #expect(sequences(inbox.take()) == [4])
    }

    @Test("four megabytes wait; what comes then is noted by log, and begins anew when the loop has come")
    func bound() {
        let inbox = OutputInbox()
        for number: UInt64 in 1...100 {
            _ = inbox.add([entry(task, number, bytes: 1 << 20), entry(agent, number + 10, bytes: 1 << 20)])
        }
        // Small enough to fit, but it comes after what did not.
        _ = inbox.add([
            entry(task, 101), entry(agent, 111, bytes: 7, .terminal), entry(agent, 112, bytes: 5, .terminal),
        ])
        let delivery: OutputInbox.Delivery = inbox.take()
        #expect(sequences(delivery) == [1, 11, 2, 12, 3, 13, 4, 14])
        #expect(delivery.gaps.map(\.owner) == [task, agent])
        #expect(delivery.gaps.map(\.sequences) == [5...101, 15...112])
        #expect(delivery.gaps.map(\.terminalBytes) == [0, 12])
        #expect(inbox.add([entry(task, 102)]))
        let next: OutputInbox.Delivery = inbox.take()
        #expect(sequences(next) == [102] && next.gaps.isEmpty)
    }

    @Test("a batch of more than that is handed over where nothing else waits")
    func large() {
        let inbox = OutputInbox()
        _ = inbox.add([entry(agent, 1, bytes: 2 * OutputInbox.byteLimit)])
        _ = inbox.add([entry(agent, 2)])
        let delivery: OutputInbox.Delivery = inbox.take()
        #expect(sequences(delivery) == [1])
        #expect(delivery.gaps.map(\.sequences) == [2...2])
    }
}
