internal import Glibc
internal import MAOSCore
internal import MAOSSystem

/// Reads one stream of a supervised process, as fast as its output can be stored.
final class OutputReader: EventSource, @unchecked Sendable {
    // Confined to the loop's thread, as every source is.

    /// How long the begin of a line waits for its end, in milliseconds.
    private static let lineWait: Int64 = 50
    /// Reads of one turn, so that one process does not keep others waiting.
    private static let readsPerTurn: Int = 8
    /// Bytes taken at once from a process that has ended; more can only come from one that got away.
    private static let drainLimit: Int = 4 << 20
    /// How soon a terminal that nobody has open is looked at again, in milliseconds.
    private static let forsakenWait: Int64 = 50
    /// Bytes that may wait to be typed.
    private static let inputLimit: Int = 1 << 20

    let stream: OutputStream
    private let process: SupervisedProcess
    private var cutter = LineCutter()
    private var isPaused: Bool = false
    /// Nobody has the terminal open at the moment.
    private var isForsaken: Bool = false
    private var input: [UInt8] = []
    /// Told when ``input`` has been taken.
    private var typists: [@Sendable (Typing) -> Void] = []

    /// Takes over the reading end of a stream.
    init(_ descriptor: consuming Descriptor, stream: OutputStream, of process: SupervisedProcess) {
        self.stream = stream
        self.process = process
        super.init(loop: process.loop, descriptor: descriptor)
    }

    /// Begins to read.
    func start() throws(SystemError) {
        try register(for: .readable, trigger: .level)
    }

    override func ready(_ events: EventSet) {
        if events.contains(.writable) { type([]) }
        for _ in 0..<OutputReader.readsPerTurn {
            guard isOpen else { return }
            guard !process.supervisor.isCongested else { return pause() }
            guard readOnce() != nil else { return }
        }
    }

    override func deadlineReached() {
        if let chunk: [UInt8] = cutter.flush() { process.store(chunk, stream) }
        guard isForsaken else { return }
        isForsaken = false
        watchAgain()
    }

    /// Goes on after a pause.
    func resume() {
        guard isPaused, isOpen else { return }
        isPaused = false
        if cutter.hasRest { setDeadline(after: OutputReader.lineWait) }
        watchAgain()
    }

    private func watchAgain() {
        do throws(SystemError) {
            try start()
        } catch {
            return finish()
        }
        if !input.isEmpty { type([]) }
    }

    /// Reads what is there now; the process has ended.
    func drain() {
        var left: Int = OutputReader.drainLimit
        while isOpen, left > 0, let count: Int = readOnce() { left -= count }
    }

    /// Gives up the stream, with all that was read of it.
    func finish() {
        cancelDeadline()
        if let chunk: [UInt8] = cutter.finish() { process.store(chunk, stream) }
        closeDescriptor()
        answerTypists(.noProcess)
    }

    /// Types bytes, and calls a body once the process has been given all of them, or they are refused.
    func feed(_ bytes: [UInt8], _ done: @escaping @Sendable (Typing) -> Void) {
        guard isOpen else { return done(.noProcess) }
        guard input.count + bytes.count <= OutputReader.inputLimit else { return done(.full) }
        typists.append(done)
        type(bytes)
    }

    private func answerTypists(_ answer: Typing) {
        guard !typists.isEmpty else { return }
        let told = typists
        typists = []
        for done in told { done(answer) }
    }

    /// Types bytes on the terminal that this reads; false when the process takes no more for now.
    @discardableResult
    func type(_ bytes: [UInt8]) -> Bool {
        guard isOpen, input.count + bytes.count <= OutputReader.inputLimit else { return false }
        input.append(contentsOf: bytes)
        while !input.isEmpty {
            let outcome: Transfer = input.withUnsafeBytes { write($0) }
            switch outcome {
            case .count(let count): input.removeFirst(count)
            case .wouldBlock:
                watch([.readable, .writable])
                return true
            case .failed:
                input = []
                answerTypists(.noProcess)
                return false
            }
        }
        answerTypists(.taken)
        watch(.readable)
        return true
    }

    private func watch(_ interest: EventSet) {
        guard !isPaused, !isForsaken else { return }
        do throws(SystemError) {
            try changeInterest(to: interest, trigger: .level)
        } catch {
            finish()
        }
    }

    /// Reads once, and tells how much; nil when nothing more is to be had now.
    private func readOnce() -> Int? {
        let buffer: UnsafeMutableRawBufferPointer = process.supervisor.buffer
        let room: Int = stream == .terminal ? LineCutter.limit : cutter.room
        let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<room])
        switch read(into: part) {
        case .failed(EIO):
            // Every program has closed the terminal, and may live on; to close our end now would be to hang up on it.
            forsake()
            return nil
        case .count(0), .failed:
            finish()
            return nil
        case .count(let count):
            take(UnsafeRawBufferPointer(rebasing: part[..<count]))
            return count
        case .wouldBlock:
            return nil
        }
    }

    private func take(_ bytes: UnsafeRawBufferPointer) {
        process.received(bytes, stream)
        guard stream != .terminal else { return process.store(Array(bytes), stream) }
        let hadRest: Bool = cutter.hasRest
        let chunk: [UInt8]? = cutter.receive(bytes)
        if let chunk { process.store(chunk, stream) }
        if cutter.hasRest, !hadRest || chunk != nil { setDeadline(after: OutputReader.lineWait) }
    }

    private func forsake() {
        guard !isForsaken else { return }
        isForsaken = true
        deregister()
        setDeadline(after: OutputReader.forsakenWait)
    }

    private func pause() {
        isPaused = true
        // The end of a line may well be there: it is this side that does not read.
        cancelDeadline()
        // A level-triggered hang-up would come in every turn, so the stream is not watched at all.
        deregister()
        process.supervisor.resumeLater(self)
    }
}
