internal import MAOSCore
internal import MAOSSystem

/// Gathers output and reports of one turn of the loop, and hands them over together.
///
/// An end is reported only after the output before it is stored, so that who reads a log of a finished task reads all of it.
final class Outbox: EventSource, @unchecked Sendable {
    // Confined to the loop's thread, as every source is.

    /// Bytes that are handed over without waiting for the end of the turn.
    private static let turnLimit: Int = 1 << 20

    private let output: any OutputStore
    private let bound: Int
    private var sink: (any ReportSink)?
    private var chunks: [OutputChunk] = []
    private var chunkBytes: Int = 0
    private var reports: [Command] = []
    private var ends: [Command] = []
    private var endsHadOutput: Bool = false
    private var endsUnderWay: Int = 0

    /// Makes an empty one; `bound` is how many bytes may wait to be stored before reading stops.
    init(loop: EventLoop, output: any OutputStore, bound: Int) {
        self.output = output
        self.bound = bound
        super.init(loop: loop)
    }

    /// Where reports go from now on.
    func connect(_ sink: any ReportSink) {
        self.sink = sink
        if !reports.isEmpty || !ends.isEmpty { loop.flushLater(self) }
    }

    /// Whether so much output waits to be stored that nothing more should be read.
    var isCongested: Bool { output.pendingBytes + chunkBytes > bound }

    func store(_ chunk: OutputChunk) {
        chunkBytes += chunk.data.count
        chunks.append(chunk)
        if chunkBytes >= Outbox.turnLimit { handOver() } else { loop.flushLater(self) }
    }

    func report(_ command: Command) {
        reports.append(command)
        loop.flushLater(self)
    }

    /// Reports an end, once all output of before is stored.
    func reportEnd(_ command: Command, hadOutput: Bool) {
        ends.append(command)
        if hadOutput { endsHadOutput = true }
        loop.flushLater(self)
    }

    /// Calls a body on the loop once all output so far is stored.
    func whenStored(_ body: @escaping () -> Void) {
        handOver()
        let work = LoopWork(body)
        output.whenWritten { [loop] in loop.execute { work.body() } }
    }

    /// Calls a body, on a thread of the store's, once all output so far is stored and observers were told of it.
    func afterOutput(_ body: @escaping @Sendable () -> Void) {
        handOver()
        output.whenWritten(body)
    }

    /// Whether everything has been handed over, the ends included.
    var isEmpty: Bool { chunks.isEmpty && reports.isEmpty && ends.isEmpty && endsUnderWay == 0 }

    override func flush() {
        handOver()
        guard let sink else { return }
        if !reports.isEmpty {
            let commands: [Command] = reports
            reports = []
            sink.report(commands)
        }
        guard !ends.isEmpty else { return }
        let commands: [Command] = ends
        ends = []
        // Ends stay in order, so one that need not wait does not overtake one that does.
        guard endsHadOutput || endsUnderWay > 0 else { return sink.report(commands) }
        endsHadOutput = false
        endsUnderWay += 1
        output.whenWritten { [self] in
            sink.report(commands)
            loop.execute { [self] in endsUnderWay -= 1 }
        }
    }

    private func handOver() {
        guard !chunks.isEmpty else { return }
        output.append(chunks)
        chunks.removeAll(keepingCapacity: true)
        chunkBytes = 0
    }
}

/// Work that only ever runs on the loop it came from, though another thread carries it there.
private struct LoopWork: @unchecked Sendable {
    // The body is made and called on the loop's thread.
    let body: () -> Void

    init(_ body: @escaping () -> Void) { self.body = body }
}
