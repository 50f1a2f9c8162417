internal import MAOSCore
internal import MAOSSystem

/// The process tree of one attempt at a task.
final class AttemptProcess: SupervisedProcess, @unchecked Sendable {
    // Confined to the loop's thread, as every source is.

    /// Milliseconds between two reports of progress at least.
    static let progressInterval: Int64 = 100

    let id: AttemptID
    let agent: AgentID
    let folder: RunFolder
    private let host: ProcessHost
    private var tail = OutputTail()
    private var progress = ProgressParser()
    private var unreported: ProgressUpdate?
    private var reportedAt: Int64 = .min
    private var hadOutput: Bool = false
    private let watchesProcessorTime: Bool
    /// What the run has said to have cost.
    private var said = Usage()
    private var reported = Usage()
    /// What it has used in all, once it has ended.
    private(set) var used = Usage()
    private var sampledAt: Int64 = .min
    /// Milliseconds between two looks at the processor time.
    private static let sampleInterval: Int64 = 1_000

    /// Takes over the process that was started for an attempt.
    init(_ parts: consuming Parts, _ launch: AttemptLaunch, folder: RunFolder, host: ProcessHost) throws(SystemError) {
        id = launch.id
        agent = launch.agent.id
        self.folder = folder
        self.host = host
        watchesProcessorTime = launch.watchesProcessorTime
        try super.init(parts)
    }

    override var beneficiary: ProcessOwner? { ProcessOwner(agent: agent, attempt: id) }

    // MARK: - Output

    override func received(_ bytes: UnsafeRawBufferPointer, _ stream: OutputStream) {
        guard stream == .stdout else { return }
        tail.receive(bytes)
        progress.receive(bytes)
        guard let update: ProgressUpdate = progress.take() else { return }
        if unreported == nil { unreported = update } else { unreported?.merge(update) }
        if reportedAt > loop.now - AttemptProcess.progressInterval {
            host.reportProgressLater(self)
        } else {
            reportProgress()
        }
    }

    /// Reports the newest progress, if it has not been.
    func reportProgress() {
        guard let update: ProgressUpdate = unreported else { return }
        unreported = nil
        reportedAt = loop.now
        for word: String in update.refused { host.noteRefused(word, of: id) }
        if update.cost > .zero || update.tokens > 0 {
            said = said + Usage(cost: update.cost, tokens: update.tokens)
            reportUsage(processorTime: reported.processorTime.count)
        }
        guard update.progress != nil || update.step != nil else { return }
        host.outbox.report(.attemptProgressed(id, progress: update.progress, step: update.step))
    }

    /// Reports what has been used so far, unless that is known.
    private func reportUsage(processorTime: Int64) {
        var used: Usage = said
        used.processorTime = Milliseconds(max(processorTime, reported.processorTime.count))
        guard used != reported else { return }
        reported = used
        host.outbox.report(.attemptUsed(id, used))
    }

    override func lookedAfter() {
        guard watchesProcessorTime, loop.now - AttemptProcess.sampleInterval >= sampledAt else { return }
        sampledAt = loop.now
        reportUsage(processorTime: processorTime)
    }

    override func store(_ chunk: [UInt8], _ stream: OutputStream) {
        hadOutput = true
        host.outbox.store(
            OutputChunk(
                task: id.task, agent: agent, attempt: id.number, stream: stream, time: host.time.now(), data: chunk))
    }

    // MARK: - End

    override func stageReached(_ stage: CancellationStage) {
        host.outbox.report(.attemptStopping(id, stage))
    }

    override func ended(_ end: End) {
        if let last: ProgressUpdate = progress.finish() {
            if unreported == nil { unreported = last } else { unreported?.merge(last) }
        }
        reportProgress()
        var used: Usage = said
        used.processorTime = Milliseconds(max(end.processorTime, reported.processorTime.count))
        self.used = used
        host.attemptEnded(self, outcome(of: end), hadOutput: hadOutput)
    }

    private func outcome(of end: End) -> AttemptOutcome {
        if let reached: ResourceLimits.Reached = end.reached {
            return .failed(TaskFailure(.limitExceeded, limits.message(reached)))
        }
        if end.wasStopped { return .stopped }
        guard end.root.status == .exited(0) else {
            return .failed(TaskFailure(.execution, end.root.status.description))
        }
        return switch folder.result() {
        case .none: .completed(result: tail.result)
        case .value(let result): .completed(result: result)
        case .invalid(let reason): .failed(TaskFailure(.invalidResult, "invalid result file: \(reason)"))
        }
    }
}
