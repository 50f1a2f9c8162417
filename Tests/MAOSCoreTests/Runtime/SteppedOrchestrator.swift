import MAOSCore
import MAOSSimulation
import MAOSTestSupport
import Synchronization
import Testing

/// An orchestrator whose clock, journal, runtime and thread are in the test's hand; everything happens in ``run()``.
final class SteppedOrchestrator: Sendable {
    /// What reached the world, in order.
    enum Note: Equatable, Sendable {
        case stored(events: Int)
        case told(events: Int)
        case answered(Int)
        case asked(effects: Int)
    }

    let time = ManualTimeSource()
    let journal: FaultyJournal
    let executor = SteppedExecutor()
    let runtime = NotingRuntime()
    let replies = NotingReplies()
    let notes = Notes()
    let orchestrator: Orchestrator
    private let listener: NotingEvents

    init(
        journal: FaultyJournal = FaultyJournal(), onDemand: Int = 0,
        _ adjust: (inout EngineConfiguration) -> Void = { _ in }
    ) throws {
        self.journal = journal
        var configuration = EngineConfiguration()
        configuration.onDemand.maximum = onDemand
        adjust(&configuration)
        orchestrator = try Orchestrator(
            configuration: configuration, journal: journal, runtime: runtime, time: time, executor: executor)
        listener = NotingEvents(notes)
        orchestrator.events.attach(listener)
        runtime.connect(orchestrator)
        runtime.notes = notes
        replies.notes = notes
        journal.whenAppended { [notes] in notes.add(.stored(events: $0.events.count)) }
        send(.recover, as: .system)
    }

    /// Everybody who takes part, noting in one list.
    final class Notes: Sendable {
        private let list = Mutex<[Note]>([])
        func add(_ note: Note) { list.withLock { $0.append(note) } }
        func take() -> [Note] {
            list.withLock { notes in
                defer { notes = [] }; return notes
            }
        }
    }

    // MARK: Sending

    /// Hands commands over without running anything.
    func post(_ commands: [Command], as principal: Principal = Principal(subject: "ann", permissions: .all)) {
        orchestrator.submit(
            commands.map {
                Submission(request: Request($0, from: principal), target: .sink(replies, token: replies.nextToken()))
            })
    }

    /// Sends one command, and gives its answer.
    @discardableResult
    func send(
        _ command: Command, as principal: Principal = Principal(subject: "ann", permissions: .all)
    ) -> Result<Reply, Rejection>? {
        post([command], as: principal)
        executor.run()
        return replies.last
    }

    /// Sends reports, as a runtime does.
    func report(_ commands: Command...) {
        orchestrator.report(commands)
        executor.run()
    }

    func run() { executor.run() }

    /// Lets time go by.
    func advance(by interval: Milliseconds) {
        let end: Instant = time.now() + interval
        while let due: Instant = time.pendingWakes.first, due <= end {
            time.advance(by: Milliseconds(max(0, (due - time.now()).count)))
            executor.run()
        }
        time.advance(by: end - time.now())
        executor.run()
    }

    func create(_ id: TaskID, _ adjust: (inout TaskSpecification) -> Void = { _ in }) -> Command {
        var specification = TaskSpecification(kind: .code, description: "do it")
        adjust(&specification)
        return .createTask(specification, id: id, idempotency: nil)
    }

    /// Spawns an agent that has started.
    func spawn(_ id: AgentID, slots: Int = 1) {
        send(.spawnAgent(AgentSpecification(type: .coder, maximumConcurrentTasks: slots), id: id))
        report(.agentStarted(id, process: nil))
    }
}

/// Takes effects, and does nothing about them.
final class NotingRuntime: AgentRuntime {
    private let state = Mutex<(effects: [Effect], notes: SteppedOrchestrator.Notes?)>(([], nil))

    var notes: SteppedOrchestrator.Notes? {
        get { state.withLock { $0.notes } }
        set { state.withLock { $0.notes = newValue } }
    }

    func connect(_ reports: any ReportSink) {}

    func perform(_ effects: [Effect]) {
        state.withLock { $0.effects += effects }
        notes?.add(.asked(effects: effects.count))
    }

    func take() -> [Effect] {
        state.withLock { state in
            defer { state.effects = [] }; return state.effects
        }
    }
}

/// Takes answers, each once.
final class NotingReplies: ReplySink {
    private struct State {
        var lastToken: UInt64 = 0
        var answers: [UInt64: Result<Reply, Rejection>] = [:]
        var notes: SteppedOrchestrator.Notes?
        var check: (@Sendable (TokenReply) -> Void)?
    }

    private let state = Mutex(State())

    var notes: SteppedOrchestrator.Notes? {
        get { state.withLock { $0.notes } }
        set { state.withLock { $0.notes = newValue } }
    }

    /// Looks at each answer when it comes.
    func check(_ body: @escaping @Sendable (TokenReply) -> Void) { state.withLock { $0.check = body } }

    func nextToken() -> UInt64 {
        state.withLock { state in
            state.lastToken += 1; return state.lastToken
        }
    }

    func deliver(_ replies: [TokenReply]) {
        let check: (@Sendable (TokenReply) -> Void)? = state.withLock { (state: inout State) in
            for reply: TokenReply in replies {
                if state.answers.updateValue(reply.result, forKey: reply.token) != nil {
                    Issue.record("command \(reply.token) is answered twice")
                }
            }
            return state.check
        }
        replies.forEach { check?($0) }
        notes?.add(.answered(replies.count))
    }

    var count: Int { state.withLock { $0.answers.count } }
    /// The answer to the newest command.
    var last: Result<Reply, Rejection>? { state.withLock { $0.answers[$0.lastToken] } }
    /// All answers in the order of the commands.
    var all: [Result<Reply, Rejection>] {
        state.withLock { (state: inout State) in state.answers.sorted { $0.key < $1.key }.map(\.value) }
    }
}

/// Hears of events.
final class NotingEvents: EventSink {
    private let notes: SteppedOrchestrator.Notes
    init(_ notes: SteppedOrchestrator.Notes) { self.notes = notes }
    func receive(_ events: [Event]) { notes.add(.told(events: events.count)) }
}

extension Result where Failure == Rejection {
    /// Why it was refused.
    var rejection: Rejection? {
        if case .failure(let rejection) = self { rejection } else { nil }
    }
}
