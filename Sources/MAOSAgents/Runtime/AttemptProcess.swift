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

    /// Takes over the process that was started for an attempt.
    init(_ parts: consuming Parts, _ launch: AttemptLaunch, folder: RunFolder, host: ProcessHost) throws(SystemError) {
        id = launch.id
        agent = launch.agent.id
        self.folder = folder
        self.host = host
        try super.init(parts)
    }

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
        host.outbox.report(.attemptProgressed(id, progress: update.progress, step: update.step))
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
