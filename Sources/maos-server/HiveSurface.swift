internal import MAOSCore
internal import MAOSProtocols
internal import MAOSSystem
internal import MAOSTransport

/// What the server gives every dialect that speaks plain WebSocket.
struct DialectParts {
    var orchestrator: Orchestrator
    var history: any History
    var outputs: any OutputStore
    var reader: WorkerThread
    var environment: any DialectEnvironment
    var credentials: any CredentialChecker
    var origins: OriginPolicy
    var log: Log
    /// Makes identifiers of messages; the same for as long as the data directory has its key.
    var messageSeed: UInt64
}

extension Surfaces {
    /// Opens the hive feed.
    func openHive(_ parts: DialectParts, _ configuration: Configuration, now: Instant) {
        let commons = HiveCommons(seed: parts.messageSeed)
        let last: UInt64 = parts.orchestrator.events.attach(commons.ledger)
        let count = CompletedToday(
            ledger: commons.ledger, history: parts.history, reader: parts.reader, start: HiveLedger.dayStart(of: now),
            last: last)
        parts.reader.execute { count.begin() }
        var hive = HiveConfiguration()
        hive.routing = configuration.engine.routing
        let listener = Principal(subject: "anonymous", permissions: .viewer)
        let (orchestrator, environment) = (parts.orchestrator, parts.environment)
        self.hive.open(
            DialectServices(
                name: "hive", orchestrator: orchestrator, history: parts.history,
                outputs: parts.outputs, reader: parts.reader, credentials: parts.credentials,
                subprotocols: ["maos.hive"],
                trust: configuration.isHiveOpen ? .loopback(listener, otherwise: .tokens) : .tokens,
                origins: parts.origins, log: parts.log
            ) { [hive] in
                HiveDialect(
                    view: orchestrator.view, bus: orchestrator.events, environment: environment, configuration: hive,
                    commons: commons)
            })
    }
}

/// Counts the tasks that earlier runs of the server completed today, page by page, so that other readers need not wait.
private struct CompletedToday: Sendable {
    let ledger: HiveLedger
    let history: any History
    let reader: WorkerThread
    let start: Instant
    /// The newest event of earlier runs.
    let last: UInt64

    private static let types: Set<String> = [TaskEvent.Kind.completed.name]

    /// Looks for the first event of the day, and counts from there.
    func begin() {
        guard last > 0, let first: UInt64 = try? firstOfDay() else { return }
        count(from: first)
    }

    private func firstOfDay() throws(JournalError) -> UInt64 {
        var (low, high): (UInt64, UInt64) = (1, last + 1)
        while low < high {
            let middle: UInt64 = low + (high - low) / 2
            guard let event: Event = try history.events(from: middle, limit: 1, types: []).events.first else {
                high = middle
                continue
            }
            if event.time < start { low = event.sequence + 1 } else { high = middle }
        }
        return low
    }

    private func count(from sequence: UInt64) {
        guard sequence <= last,
            let page: EventPage = try? history.events(from: sequence, limit: 1_000, types: CompletedToday.types)
        else { return }
        let found: Int = page.events.count { $0.sequence <= last && $0.time >= start }
        if found > 0 { ledger.noteCompleted(found, at: start) }
        guard page.nextSequence > sequence else { return }
        reader.execute { count(from: page.nextSequence) }
    }
}
