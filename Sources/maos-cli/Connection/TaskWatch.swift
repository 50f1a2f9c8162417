internal import MAOSCore
internal import MAOSProtocols
internal import MAOSSystem

/// Follows some tasks to their ends: what they are now, then every change.
///
/// Changes come from the stream of events; who may not read that gets them by asking again and again.
final class TaskWatch {
    /// What the threads bring.
    private enum News: Sendable {
        case events(FeedMessage)
        case output(FeedMessage)
    }

    private static let pollInterval: Int64 = 300

    private let server: Server
    private let inbox: Inbox<News>
    private(set) var tasks: [TaskView] = []
    /// Tasks whose newest state has to be asked for.
    private var stale: Set<String> = []
    private var isPolling: Bool = false
    private var nextPoll: Int64 = 0
    private var outputIsOver: Bool = true
    /// Gets each piece of the followed output.
    var onOutput: ((OutputEntry) -> Void)?
    /// Why nothing comes at the moment, if so.
    private(set) var trouble: String?

    init(_ server: Server) throws(Failure) {
        self.server = server
        inbox = try Inbox()
    }

    /// Opens the stream of events; what happens from now on is seen.
    func open() throws(Failure) {
        let inbox: Inbox<News> = inbox
        let first: Int
        do throws(Failure) {
            first = try EventReader(server: server, types: nil).lastSequence() + 1
        } catch {
            guard error.code == .refused else { throw error }
            isPolling = true
            return
        }
        let path: APIPath = APIPath("events").with("follow", "true").with("since", String(first))
            .with("types", TaskEvent.Kind.allCases.map(\.name).joined(separator: ","))
        try Feed(endpoint: server.endpoint, action: "follow the events", path: path) { inbox.post(.events($0)) }.start()
        while true {
            for news: News in inbox.take(timeout: -1) {
                guard case .events(let message) = news else { continue }
                switch message {
                case .open: return
                case .failed(let failure):
                    guard failure.code == .refused else { throw failure }
                    isPolling = true
                    return
                case .item, .gap, .end, .lost: break
                }
            }
        }
    }

    /// Watches one more task.
    func add(_ id: String) {
        guard !tasks.contains(where: { $0.id == id }) else { return }
        tasks.append(TaskView(id: id))
        stale.insert(id)
    }

    /// Follows a task's output, too.
    func followOutput(of id: String) throws(Failure) {
        let inbox: Inbox<News> = inbox
        outputIsOver = false
        let path: APIPath = APIPath("tasks", id, "output").with("follow", "true")
        try Feed(endpoint: server.endpoint, action: "follow the task's output", path: path) {
            inbox.post(.output($0))
        }.start()
    }

    /// Whether every task has ended and the followed output has, too.
    var isOver: Bool { outputIsOver && tasks.allSatisfy { $0.isTerminal && !stale.contains($0.id) } }

    /// Waits for news and takes them in.
    ///
    /// - Parameter timeout: Milliseconds to wait at most.
    /// - Throws: ``Failure`` if the server says no, or stays away for too long.
    func wait(timeout: Int) throws(Failure) {
        let first: Int = stale.isEmpty ? timeout : 0
        for news: News in inbox.take(timeout: first) {
            switch news {
            case .events(let message): try takeEvent(message)
            case .output(let message): takeOutput(message)
            }
        }
        if isPolling, SystemClock.monotonicMilliseconds() >= nextPoll {
            for task: TaskView in tasks where !task.isTerminal { stale.insert(task.id) }
            nextPoll = SystemClock.monotonicMilliseconds() + TaskWatch.pollInterval
        }
        try refresh()
    }

    private func takeEvent(_ message: FeedMessage) throws(Failure) {
        switch message {
        case .open, .gap:
            // What happened while nobody listened shows in the tasks' states.
            trouble = nil
            for task: TaskView in tasks where !task.isTerminal { stale.insert(task.id) }
        case .lost(let reason): trouble = reason
        case .failed(let failure): throw failure
        case .end: isPolling = true
        case .item(let item):
            guard let event: JSONValue = try? JSONReader.parse(item.data, depthLimit: 128) else { return }
            let id: String? = event["taskId"]?.stringValue ?? event["id"]?.stringValue
            guard let place: Int = tasks.firstIndex(where: { $0.id == id }), !tasks[place].isTerminal else { return }
            tasks[place].take(event)
            if event["type"]?.stringValue == TaskEvent.Kind.started.name {
                tasks[place].startedAt = event["timestamp"]?.stringValue.flatMap { ISO8601.parse($0) }
            }
            if tasks[place].isTerminal {
                tasks[place].finishedAt = event["timestamp"]?.stringValue.flatMap { ISO8601.parse($0) }
                // The event need not carry everything that is to be shown of the end.
                stale.insert(tasks[place].id)
            }
        }
    }

    private func takeOutput(_ message: FeedMessage) {
        switch message {
        case .item(let item):
            guard let value: JSONValue = try? JSONReader.parse(item.data, depthLimit: 16) else { return }
            onOutput?(OutputEntry(value))
        case .end, .failed: outputIsOver = true
        case .open, .gap, .lost: break
        }
    }

    /// Asks for the states that are not known; a server that is away for a moment is asked later.
    private func refresh() throws(Failure) {
        for id: String in stale {
            guard let place: Int = tasks.firstIndex(where: { $0.id == id }) else { continue }
            do throws(Failure) {
                let reply: Reply = try server.call("watch the task \(id)", .get, APIPath("tasks", id).text)
                tasks[place].take(reply.data)
                stale.remove(id)
            } catch {
                guard error.code == .unreachable, !isPolling else { throw error }
                trouble = error.message
                Pause.milliseconds(100)
                return
            }
        }
    }
}

/// A piece of what a task or an agent wrote.
struct OutputEntry: Sendable {
    let sequence: UInt64
    let stream: String
    let timestamp: String
    let data: String

    /// Reads an entry of a reply or a stream.
    init(_ value: JSONValue) {
        sequence = UInt64(clamping: value["sequence"]?.intValue ?? 0)
        stream = value["stream"]?.stringValue ?? "stdout"
        timestamp = value["timestamp"]?.stringValue ?? ""
        data = value["data"]?.stringValue ?? ""
    }
}
