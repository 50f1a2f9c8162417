internal import MAOSCore
internal import MAOSProtocols
internal import MAOSStore
internal import MAOSSystem
internal import MAOSTransport

/// The OpenCode surface, as the server has it: what all of its loops share.
struct OpenCodeService {
    let shared: OpenCodeShared
    let logs: LogIndex
    let credentials: KeyCredentials

    init(_ configuration: Configuration, tokens: any CredentialChecker, logs: LogIndex) {
        self.logs = logs
        shared = OpenCodeShared(configuration.openCode)
        credentials = KeyCredentials(path: APIKeyFile.path(in: configuration.data), tokens: tokens)
    }

    /// Who callers of this host are who have not said more.
    private static let local = Principal(subject: "opencode", permissions: .all)

    static func trust(_ configuration: Configuration) -> DialectServices.Trust {
        configuration.isOpenCodeOpen ? .loopback(local, otherwise: .messages) : .messages
    }

    /// What the surface is opened with.
    func services(
        _ configuration: Configuration, orchestrator: Orchestrator, history: any History, outputs: any OutputStore,
        reader: WorkerThread, environment: any DialectEnvironment, host: HostPort, log: Log
    ) -> DialectServices {
        orchestrator.events.attach(logs)
        outputs.observe(logs)
        let (shared, logs, credentials) = (shared, logs, credentials)
        return DialectServices(
            name: "opencode", orchestrator: orchestrator, history: history, outputs: outputs, reader: reader,
            host: host, credentials: credentials,
            trust: OpenCodeService.trust(configuration), origins: configuration.originPolicy, log: log
        ) {
            OpenCodeDialect(
                shared,
                OpenCodeSurroundings(
                    view: orchestrator.view, environment: environment, logs: logs, credentials: credentials,
                    audit: { entry in
                        log(
                            entry.level == .info ? .info : .warn, entry.message,
                            details: entry.details.map { ($0.key, $0.value.stringValue ?? "") })
                    }))
        }
    }
}

extension LogIndex {
    /// Takes the server's own lines into an index.
    static func listener(_ logs: LogIndex) -> Log.Listener {
        { level, message, details in
            let shown: LogLevel =
                switch level {
                case .trace, .debug: .debug
                case .info: .info
                case .warn: .warn
                case .error: .error
                }
            logs.add([
                LogEntry(
                    time: Instant(milliseconds: SystemClock.wallMilliseconds()), level: shown, message: message,
                    agent: "maos-server", source: "maos-server:1",
                    details: JSONObject(details.map { ($0.0, .string($0.1)) }))
            ])
        }
    }
}
