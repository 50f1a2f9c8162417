import CLinux
import Glibc
import MAOSSystem
import Testing

@Suite("Descriptors, signals, clocks, randomness")
struct SystemTests {
    @Test("a descriptor closes itself when it goes away")
    func closing() throws {
        let pipe = try Descriptor.pipe(nonBlocking: true)
        let reading = try pipe.reading.duplicate()
        var buffer = [UInt8](repeating: 0, count: 8)
        let before = buffer.withUnsafeMutableBytes { reading.read(into: $0) }
        #expect(before == .wouldBlock)
        _ = consume pipe
        let after = buffer.withUnsafeMutableBytes { reading.read(into: $0) }
        #expect(after == .count(0))
    }

    @Test("a descriptor that was given away is not closed")
    func releasing() throws {
        let number = try Descriptor.open("/dev/null", flags: O_RDONLY).release()
        #expect(fcntl(number, F_GETFD) == FD_CLOEXEC)
        _ = Descriptor(owning: number)
        #expect(fcntl(number, F_GETFD) == -1)
    }

    @Test("a failed call names itself and the reason")
    func failing() {
        do throws(SystemError) {
            _ = try Descriptor.open("/nowhere/at all", flags: O_RDONLY)
            Issue.record("opened what is not there")
        } catch {
            #expect(error.isNotFound)
            #expect(error.description == "open /nowhere/at all: No such file or directory")
        }
    }

    @Test("a signal arrives on the loop that waits for it, once for each time")
    func signals() async throws {
        try await withLoop { loop in
            let received = Recorder<CInt>()
            let source = try SignalSource([SIGUSR2, SIGUSR1], on: loop) { received.record($0) }
            source.start()
            // A loop's thread has every signal blocked, so raising one there leaves it pending there.
            loop.execute { _ = raise(SIGUSR2) }
            #expect(await received.wait(for: 1) == [SIGUSR2])
            loop.execute { _ = raise(SIGUSR1) }
            #expect(await received.wait(for: 2) == [SIGUSR2, SIGUSR1])
            source.stop()
        }
    }

    @Test("the limit on descriptors can be raised to what the system allows, and stays there")
    func descriptorLimit() {
        let raised = DescriptorLimit.raise()
        #expect(raised >= 256)
        #expect(DescriptorLimit.raise() == raised)
    }

    @Test("the monotonic clock never runs back, and its units agree")
    func clock() {
        var last = SystemClock.monotonicNanoseconds()
        for _ in 0..<1_000 {
            let now = SystemClock.monotonicNanoseconds()
            #expect(now >= last)
            last = now
        }
        #expect(abs(SystemClock.monotonicMilliseconds() - last / 1_000_000) < 1_000)
        #expect(SystemClock.wallMilliseconds() > 1_700_000_000_000)
    }

    @Test("random bytes are as many as asked for, and differ")
    func random() {
        #expect(SystemRandom.bytes(0).isEmpty)
        let (first, second) = (SystemRandom.bytes(32), SystemRandom.bytes(32))
        #expect(first.count == 32)
        #expect(first != second)
    }

    @Test("a thread carries its name, cut to what the kernel keeps")
    func threadName() async throws {
        let recorder = Recorder<String>()
        let thread = try SystemThread(name: "a-rather-long-name") {
            let file = try? Descriptor.open("/proc/thread-self/comm", flags: O_RDONLY)
            var name = [UInt8](repeating: 0, count: 32)
            guard let file, case .count(let count) = name.withUnsafeMutableBytes({ file.read(into: $0) }) else {
                return
            }
            recorder.record(String(decoding: name.prefix(count), as: UTF8.self))
        }
        thread.join()
        thread.join()
        #expect(recorder.elements == ["a-rather-long-n\n"])
    }

    @Test("a locked value loses no change of any thread")
    func locked() async {
        final class Counter: Sendable { let value = Locked(0) }
        let counter = Counter()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 { group.addTask { for _ in 0..<10_000 { counter.value.withLock { $0 += 1 } } } }
        }
        #expect(counter.value.withLock { $0 } == 80_000)
    }
}
