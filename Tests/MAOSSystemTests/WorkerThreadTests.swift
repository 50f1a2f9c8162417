import MAOSSystem
import Testing

private actor OnWorker {
    private let worker: WorkerThread
    nonisolated var unownedExecutor: UnownedSerialExecutor { worker.asUnownedSerialExecutor() }
    private var count = 0

    init(worker: WorkerThread) {
        self.worker = worker
    }

    func bump() -> Int {
        precondition(worker.isCurrent)
        count += 1
        return count
    }
}

@Suite("The worker thread")
struct WorkerThreadTests {
    private func withWorker(_ body: (WorkerThread) async throws -> Void) async throws {
        let worker = WorkerThread(name: "test-worker")
        try worker.start()
        defer {
            worker.stop()
            worker.join()
        }
        try await body(worker)
    }

    @Test("work runs in order")
    func order() async throws {
        try await withWorker { worker in
            let recorder = Recorder<Int>()
            for number in 0..<1_000 { worker.execute { recorder.record(number) } }
            #expect(await recorder.wait(for: 1_000) == Array(0..<1_000))
        }
    }

    @Test("an actor with a worker as its executor runs there, one call at a time")
    func actorOnWorker() async throws {
        try await withWorker { worker in
            let actor = OnWorker(worker: worker)
            let counts = await withTaskGroup(of: Int.self) { group in
                for _ in 0..<200 { group.addTask { await actor.bump() } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(counts.sorted() == Array(1...200))
        }
    }

    @Test("wake-ups come in the order of their times; a cancelled one never comes")
    func wakes() async throws {
        try await withWorker { worker in
            let recorder = Recorder<Int64>()
            let now = SystemClock.monotonicMilliseconds()
            for delay: Int64 in [20, 5, 10, -5, 15] { worker.wake(at: now + delay) { recorder.record(delay) } }
            worker.cancel(worker.wake(at: now + 12) { recorder.record(12) })
            #expect(await recorder.wait(for: 5) == [-5, 5, 10, 15, 20])
            #expect(SystemClock.monotonicMilliseconds() >= now + 20)
        }
    }

    @Test("a worker that stops first does what it was handed")
    func stopping() throws {
        let worker = WorkerThread(name: "test-worker")
        let recorder = Recorder<Int>()
        for number in 0..<10 { worker.execute { recorder.record(number) } }
        worker.stop()
        try worker.start()
        worker.join()
        #expect(recorder.elements == Array(0..<10))
    }
}
