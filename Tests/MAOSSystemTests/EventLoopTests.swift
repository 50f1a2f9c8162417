import MAOSSystem
import Testing

/// Runs a body on a loop and waits for what it returns.
func on<Value: Sendable>(_ loop: EventLoop, _ body: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in
        loop.execute { continuation.resume(returning: body()) }
    }
}

/// A loop that ends with the test.
func withLoop(_ body: (EventLoop) async throws -> Void) async throws {
    let loop = try EventLoop(name: "test-loop")
    try loop.start()
    do {
        try await body(loop)
    } catch {
        loop.stop()
        loop.join()
        throw error
    }
    loop.stop()
    loop.join()
}

/// Collects what happened, and resumes who waits for so many things.
final class Recorder<Element: Sendable>: Sendable {
    private struct State {
        var elements: [Element] = []
        var waiting: (count: Int, continuation: CheckedContinuation<[Element], Never>)?
    }

    private let state = Locked(State())

    func record(_ element: Element) {
        let ready: (CheckedContinuation<[Element], Never>, [Element])? = state.withLock { state in
            state.elements.append(element)
            guard let waiting = state.waiting, state.elements.count >= waiting.count else { return nil }
            state.waiting = nil
            return (waiting.continuation, state.elements)
        }
        if let (continuation, elements) = ready { continuation.resume(returning: elements) }
    }

    var elements: [Element] { state.withLock { $0.elements } }

    func wait(for count: Int) async -> [Element] {
        await withCheckedContinuation { continuation in
            let ready: [Element]? = state.withLock { state in
                guard state.elements.count < count else { return state.elements }
                state.waiting = (count, continuation)
                return nil
            }
            if let ready { continuation.resume(returning: ready) }
        }
    }
}

private final class PipeReader: EventSource, @unchecked Sendable {
    let chunks = Recorder<String>()

    override func ready(_ events: EventSet) {
        while isOpen {
            let outcome = withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { buffer -> String? in
                guard case .count(let count) = read(into: buffer) else { return nil }
                return String(decoding: buffer.prefix(count), as: UTF8.self)
            }
            guard let outcome else { return }
            chunks.record(outcome)
            if outcome.isEmpty { closeDescriptor() }
        }
    }
}

private final class Flusher: EventSource, @unchecked Sendable {
    let turns = Recorder<UInt64>()

    override func flush() {
        turns.record(loop.turn)
    }
}

private actor OnLoop {
    private let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    init(loop: EventLoop) {
        self.loop = loop
    }

    func isHome() -> Bool { loop.isCurrent }
}

@Suite("The event loop")
struct EventLoopTests {
    @Test("work runs in the order in which one thread hands it over")
    func order() async throws {
        try await withLoop { loop in
            let recorder = Recorder<Int>()
            for number in 0..<1_000 { loop.execute { recorder.record(number) } }
            #expect(await recorder.wait(for: 1_000) == Array(0..<1_000))
        }
    }

    @Test("work that the loop hands itself runs without a wakeup, after the present work")
    func localWork() async throws {
        try await withLoop { loop in
            let recorder = Recorder<String>()
            loop.execute {
                loop.execute { recorder.record("inner") }
                recorder.record("outer")
            }
            #expect(await recorder.wait(for: 2) == ["outer", "inner"])
        }
    }

    @Test("the loop knows its own thread, and no other")
    func identity() async throws {
        try await withLoop { loop in
            #expect(!loop.isCurrent)
            #expect(await on(loop) { loop.isCurrent })
        }
    }

    @Test("an actor that lives on the loop runs there")
    func actorOnLoop() async throws {
        try await withLoop { loop in
            let actor = OnLoop(loop: loop)
            for _ in 0..<100 { #expect(await actor.isHome()) }
        }
    }

    @Test("deadlines come in their order, not in the order in which they were set")
    func deadlines() async throws {
        try await withLoop { loop in
            let recorder = Recorder<Int>()
            loop.execute {
                for delay in [30, 5, 20, 10, 1, 25, 15] {
                    LoopTimer(on: loop) { recorder.record(delay) }.setDeadline(after: Int64(delay))
                }
            }
            #expect(await recorder.wait(for: 7) == [1, 5, 10, 15, 20, 25, 30])
        }
    }

    @Test("a deadline moved later comes later, one taken back never comes")
    func movedDeadlines() async throws {
        try await withLoop { loop in
            let recorder = Recorder<String>()
            loop.execute {
                let moved = LoopTimer(on: loop) { recorder.record("moved") }
                moved.setDeadline(after: 1)
                moved.setDeadline(after: 20)
                let cancelled = LoopTimer(on: loop) { recorder.record("cancelled") }
                cancelled.setDeadline(after: 5)
                cancelled.cancelDeadline()
                let sooner = LoopTimer(on: loop) { recorder.record("sooner") }
                sooner.setDeadline(after: 10_000)
                sooner.setDeadline(after: 2)
                LoopTimer(on: loop) { recorder.record("between") }.setDeadline(after: 10)
            }
            #expect(await recorder.wait(for: 3) == ["sooner", "between", "moved"])
        }
    }

    @Test("ten thousand deadlines, most of them moved or taken back, keep their order")
    func manyDeadlines() async throws {
        try await withLoop { loop in
            let recorder = Recorder<Int64>()
            loop.execute {
                var timers: [LoopTimer] = []
                for index in 0..<10_000 {
                    let at = loop.now + 1 + Int64((index &* 7_919) % 50)
                    let timer = LoopTimer(on: loop) { recorder.record(at) }
                    timer.setDeadline(at: at)
                    timers.append(timer)
                }
                for index in timers.indices where !index.isMultiple(of: 10) { timers[index].cancelDeadline() }
            }
            let fired = await recorder.wait(for: 1_000)
            #expect(fired == fired.sorted())
            #expect(fired.count == 1_000)
        }
    }

    @Test("a source hears of bytes once, reads them all, and hears of the end")
    func reading() async throws {
        try await withLoop { loop in
            var pipe = try Descriptor.pipe(nonBlocking: true)
            let writing = try pipe.writing.duplicate()
            pipe.writing = try Descriptor.open("/dev/null", flags: 0)
            let reader = PipeReader(loop: loop, descriptor: try pipe.reading.duplicate())
            let registered = await on(loop) { (try? reader.register(for: .readable, trigger: .edge)) != nil }
            #expect(registered)
            try "hello".utf8.withContiguousStorageIfAvailable { try writing.writeAll(UnsafeRawBufferPointer($0)) }
            #expect(await reader.chunks.wait(for: 1) == ["hello"])
            _ = consume writing
            #expect(await reader.chunks.wait(for: 2) == ["hello", ""])
            #expect(await on(loop) { reader.isOpen } == false)
        }
    }

    @Test("a source that asks for a flush many times in a turn is flushed once, in that turn")
    func flushing() async throws {
        try await withLoop { loop in
            let flusher = Flusher(loop: loop)
            let turn = await on(loop) {
                for _ in 0..<10 { loop.flushLater(flusher) }
                return loop.turn
            }
            #expect(await flusher.turns.wait(for: 1) == [turn])
            #expect(await on(loop) { flusher.turns.elements.count } == 1)
        }
    }

    @Test("a loop that stops first does what it was handed")
    func stopping() async throws {
        let loop = try EventLoop(name: "test-loop")
        let recorder = Recorder<Int>()
        for number in 0..<10 { loop.execute { recorder.record(number) } }
        try loop.start()
        loop.stop()
        loop.join()
        #expect(recorder.elements == Array(0..<10))
    }

    @Test("a stopped loop closes the descriptors of its sources")
    func stoppingCloses() async throws {
        let loop = try EventLoop(name: "test-loop")
        try loop.start()
        let pipe = try Descriptor.pipe(nonBlocking: true)
        let reader = PipeReader(loop: loop, descriptor: try pipe.reading.duplicate())
        _ = await on(loop) { try? reader.register(for: .readable, trigger: .edge) }
        loop.stop()
        loop.join()
        #expect(!reader.isOpen)
    }
}
