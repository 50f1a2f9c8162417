/// Whose output a log holds.
public enum OutputOwner: Hashable, Sendable {
    case task(TaskID)
    case agent(AgentID)
}

/// Which of a process's streams.
public enum OutputStream: UInt8, Sendable {
    case stdout = 1
    case stderr
    /// The one stream of a process on a PTY.
    case terminal

    /// The name as the wire has it.
    public var name: String {
        switch self {
        case .stdout: "stdout"
        case .stderr: "stderr"
        case .terminal: "terminal"
        }
    }
}

/// Something a process printed.
public struct OutputChunk: Sendable {
    /// The task whose attempt printed it; `nil` for an agent's resident process.
    public var task: TaskID?
    /// The agent it ran on.
    public var agent: AgentID
    /// The number of the attempt; 0 for an agent's resident process.
    public var attempt: Int
    /// Where it came from.
    public var stream: OutputStream
    /// When it was read.
    public var time: Instant
    /// 1 … 65,536 bytes, cut at a line end where possible.
    public var data: [UInt8]

    /// Puts a chunk together; runtimes do.
    public init(task: TaskID?, agent: AgentID, attempt: Int, stream: OutputStream, time: Instant, data: [UInt8]) {
        self.task = task
        self.agent = agent
        self.attempt = attempt
        self.stream = stream
        self.time = time
        self.data = data
    }
}

/// A stored chunk, with its place in a log.
public struct OutputEntry: Sendable {
    /// The log that it stands in.
    public var owner: OutputOwner
    /// 1 for the first entry of its log; no gaps but those of retention.
    public var sequence: UInt64
    /// Where it came from.
    public var stream: OutputStream
    /// When it was read.
    public var time: Instant
    /// What was printed, as it came.
    public var data: [UInt8]

    /// Puts an entry together; for stores.
    public init(owner: OutputOwner, sequence: UInt64, stream: OutputStream, time: Instant, data: [UInt8]) {
        self.owner = owner
        self.sequence = sequence
        self.stream = stream
        self.time = time
        self.data = data
    }
}

/// A stretch of a log.
public struct OutputPage: Sendable {
    /// Oldest first.
    public var entries: [OutputEntry]
    /// The oldest entry that is still kept; 0 when nothing was ever printed.
    public var firstSequence: UInt64
    /// Where to go on reading.
    public var nextSequence: UInt64
    /// The newest entry of the log; 0 when nothing was ever printed.
    public var lastSequence: UInt64

    /// Puts a page together; for stores.
    public init(entries: [OutputEntry], firstSequence: UInt64, nextSequence: UInt64, lastSequence: UInt64) {
        self.entries = entries
        self.firstSequence = firstSequence
        self.nextSequence = nextSequence
        self.lastSequence = lastSequence
    }
}

/// Where agents' output goes, and where it is read from.
///
/// High volume: it does not pass through the engine.
public protocol OutputStore: AnyObject, Sendable {
    /// Takes chunks for writing; order is kept per owner. Safe from any thread, does not wait for the disk.
    func append(_ chunks: [OutputChunk])

    /// Bytes taken and not yet written; a runtime stops reading its pipes while this is above its own bound.
    var pendingBytes: Int { get }

    /// Calls `body`, on a thread of the store's, when everything appended before has been written and observers were told.
    func whenWritten(_ body: @escaping @Sendable () -> Void)

    /// Entries from `from` on, at most `limit` of them and about `byteLimit` bytes; at least one if there is any. Blocks on the disk.
    func read(_ owner: OutputOwner, from sequence: UInt64, limit: Int, byteLimit: Int) throws(JournalError)
        -> OutputPage

    /// Tells the observer of everything written from now on, until the observer is gone.
    func observe(_ observer: any OutputObserver)
}

/// Hears of output as soon as it is stored.
public protocol OutputObserver: AnyObject, Sendable {
    /// Called on the store's thread; returns at once. Each chunk appears once per log it belongs to.
    func stored(_ entries: [OutputEntry])
}
