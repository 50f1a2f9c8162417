internal import MAOSCore
internal import MAOSSystem

/// Writes chunks into logs; on the writer's thread only.
final class OutputWriter {
    let configuration: OutputLog.Configuration
    let root: String
    let views: OutputViews
    /// Bytes in the folders that have been looked through.
    var usage = OutputUsage()

    private(set) var logs: [OutputOwner: OpenOutput] = [:]
    /// Entries and bytes that could not be stored.
    private(set) var dropped: (entries: Int, bytes: Int) = (0, 0)

    private var uses: UInt64 = 0
    private var buffer: [UInt8] = []
    /// Task logs with something to write, in order of appearance.
    private var tasks: [Waiting<OpenOutput.Pending>] = []
    private var taskIndex: [OutputOwner: Int] = [:]
    /// Agent logs with something to write.
    private var agents: [Waiting<AgentEntry>] = []
    private var agentIndex: [OutputOwner: Int] = [:]
    private let limits: OpenOutput.Limits

    /// What is to be written into one log.
    private struct Waiting<Entry> {
        var log: OpenOutput
        var entries: [Entry]
    }

    /// An entry of an agent's log.
    private struct AgentEntry {
        var sequence: UInt64
        var chunk: OutputChunk
        /// The entry's number in its task's log; 0 for one that has no task.
        var taskSequence: UInt64
    }

    init(root: String, configuration: OutputLog.Configuration, views: OutputViews) {
        self.root = root
        self.configuration = configuration
        self.views = views
        let log: Int = max(configuration.bytesPerLog, 4 * OutputSegment.smallest)
        limits = OpenOutput.Limits(
            log: log, segment: min(max(log / 8, OutputSegment.smallest), OutputSegment.largest))
        buffer.reserveCapacity(64 * 1_024)
    }

    // MARK: - Chunks

    /// Writes chunks; returns the entries they have become.
    func write(_ chunks: ArraySlice<OutputChunk>) -> [OutputEntry] {
        var run: OutputChunk?
        for chunk: OutputChunk in chunks where !chunk.data.isEmpty {
            if let previous: OutputChunk = run {
                if OutputWriter.canJoin(previous, chunk) {
                    run?.data.append(contentsOf: chunk.data)
                    continue
                }
                enqueue(previous)
            }
            run = chunk
        }
        if let run { enqueue(run) }
        return flush()
    }

    /// Chunks up to this size may be joined, up to this size together.
    private static let smallChunk = 8 * 1_024
    private static let joinedLimit = 32 * 1_024

    private static func canJoin(_ first: OutputChunk, _ second: OutputChunk) -> Bool {
        second.data.count <= smallChunk && first.data.count + second.data.count <= joinedLimit
            && first.stream == second.stream && first.attempt == second.attempt && first.agent == second.agent
            && first.task == second.task
    }

    private func enqueue(_ chunk: OutputChunk) {
        guard chunk.data.count > OutputRecord.contentLimit else { return enqueueWhole(chunk) }
        var rest: ArraySlice<UInt8> = chunk.data[...]
        while !rest.isEmpty {
            var piece: OutputChunk = chunk
            piece.data = Array(rest.prefix(OutputRecord.contentLimit))
            rest = rest.dropFirst(OutputRecord.contentLimit)
            enqueueWhole(piece)
        }
    }

    private func enqueueWhole(_ chunk: OutputChunk) {
        var taskSequence: UInt64 = 0
        if let task: TaskID = chunk.task {
            let owner: OutputOwner = .task(task)
            guard let log: OpenOutput = open(owner) else { return drop(1, bytes: chunk.data.count) }
            taskSequence = log.takeNumbers()
            let entry = OpenOutput.Pending(
                kind: OutputWriter.kind(chunk.stream), sequence: taskSequence, time: chunk.time,
                extent: UInt32(clamping: chunk.attempt), content: chunk.data)
            if let index: Int = taskIndex[owner] {
                tasks[index].entries.append(entry)
            } else {
                taskIndex[owner] = tasks.count
                tasks.append(Waiting(log: log, entries: [entry]))
            }
        }
        let owner: OutputOwner = .agent(chunk.agent)
        guard let log: OpenOutput = open(owner) else { return drop(1, bytes: taskSequence == 0 ? chunk.data.count : 0) }
        let entry = AgentEntry(sequence: log.takeNumbers(), chunk: chunk, taskSequence: taskSequence)
        if let index: Int = agentIndex[owner] {
            agents[index].entries.append(entry)
        } else {
            agentIndex[owner] = agents.count
            agents.append(Waiting(log: log, entries: [entry]))
        }
    }

    private static func kind(_ stream: OutputStream) -> OutputRecord.Kind {
        switch stream {
        case .stdout: .stdout
        case .stderr: .stderr
        case .terminal: .terminal
        }
    }

    private func drop(_ entries: Int, bytes: Int) {
        dropped.entries += entries
        dropped.bytes += bytes
    }

    // MARK: - Logs

    private func open(_ owner: OutputOwner) -> OpenOutput? {
        uses += 1
        if let log: OpenOutput = logs[owner] {
            log.lastUse = uses
            return log
        }
        guard let log = try? OpenOutput(owner, root: root, limits: limits) else { return nil }
        log.lastUse = uses
        logs[owner] = log
        return log
    }

    /// Closes the logs that have not been used for longest, when there are too many.
    private func closeIdle() {
        guard logs.count > configuration.openLogs else { return }
        let excess: Int = logs.count - configuration.openLogs * 3 / 4
        let oldest: ArraySlice<OpenOutput> = logs.values.sorted { $0.lastUse < $1.lastUse }.prefix(excess)
        views.withdraw(oldest.map(\.owner))
        for log: OpenOutput in oldest { logs[log.owner] = nil }
    }

    /// Closes all logs.
    func close() {
        views.withdraw(Array(logs.keys))
        logs.removeAll()
    }

    // MARK: - Writing

    /// Writes what waits: tasks' logs first, so that what agents' logs refer to is there.
    private func flush() -> [OutputEntry] {
        guard !tasks.isEmpty || !agents.isEmpty else { return [] }
        var stored: [OutputEntry] = []
        var failures: [TaskID: UInt64] = [:]
        for waiting: Waiting<OpenOutput.Pending> in tasks {
            let count: Int = waiting.log.write(waiting.entries, buffer: &buffer)
            for entry: OpenOutput.Pending in waiting.entries[..<count] {
                guard let stream = OutputStream(rawValue: entry.kind.rawValue) else { continue }
                stored.append(
                    OutputEntry(
                        owner: waiting.log.owner, sequence: entry.sequence, stream: stream, time: entry.time,
                        data: entry.content))
            }
            guard count < waiting.entries.count, case .task(let task) = waiting.log.owner else { continue }
            failures[task] = waiting.entries[count].sequence
            let lost: ArraySlice<OpenOutput.Pending> = waiting.entries[count...]
            drop(lost.count, bytes: lost.reduce(0) { $0 + $1.content.count })
        }
        for waiting: Waiting<AgentEntry> in agents { flush(waiting, failures, into: &stored) }

        var changed: [(owner: OutputOwner, view: OutputView)] = []
        for log: OpenOutput in tasks.map(\.log) + agents.map(\.log) {
            changed.append((log.owner, log.view))
            usage.add(log.takeGrowth(), toShard: log.place.shard)
        }
        views.publish(changed)
        tasks.removeAll(keepingCapacity: true)
        taskIndex.removeAll(keepingCapacity: true)
        agents.removeAll(keepingCapacity: true)
        agentIndex.removeAll(keepingCapacity: true)
        closeIdle()
        return stored
    }

    /// Writes an agent's log; what its tasks' logs have lost it has lost too.
    private func flush(
        _ waiting: Waiting<AgentEntry>, _ failures: [TaskID: UInt64], into stored: inout [OutputEntry]
    ) {
        var records: [OpenOutput.Pending] = []
        var entries: [AgentEntry] = []
        for entry: AgentEntry in waiting.entries {
            guard let task: TaskID = entry.chunk.task else {
                records.append(
                    OpenOutput.Pending(
                        kind: OutputWriter.kind(entry.chunk.stream), sequence: entry.sequence, time: entry.chunk.time,
                        extent: UInt32(clamping: entry.chunk.attempt), content: entry.chunk.data))
                entries.append(entry)
                continue
            }
            if let lost: UInt64 = failures[task], entry.taskSequence >= lost { continue }
            if let previous: AgentEntry = entries.last, previous.chunk.task == task,
                previous.sequence + 1 == entry.sequence, previous.taskSequence + 1 == entry.taskSequence
            {
                records[records.count - 1].extent += 1
            } else {
                let reference = OutputReference(task: task, sequence: entry.taskSequence)
                records.append(
                    OpenOutput.Pending(
                        kind: .reference, sequence: entry.sequence, time: entry.chunk.time, extent: 1,
                        content: reference.content))
            }
            entries.append(entry)
        }
        guard !records.isEmpty else { return }
        let count: Int = waiting.log.write(records, buffer: &buffer)
        let end: UInt64 = count < records.count ? records[count].sequence : .max
        for entry: AgentEntry in entries {
            guard entry.sequence < end else {
                drop(1, bytes: entry.chunk.task == nil ? entry.chunk.data.count : 0)
                continue
            }
            stored.append(
                OutputEntry(
                    owner: waiting.log.owner, sequence: entry.sequence, stream: entry.chunk.stream,
                    time: entry.chunk.time, data: entry.chunk.data))
        }
    }
}

extension OutputSegment {
    /// Bytes that a file has at least before the next one is begun.
    static let smallest = 256 * 1_024
    /// Bytes that a file has at most.
    static let largest = 64 << 20
}
