internal import Glibc
internal import MAOSAgents
internal import MAOSCore
internal import MAOSProtocols
internal import MAOSStore
internal import MAOSSystem
internal import MAOSTransport

/// What the server runs with, checked.
struct Configuration {
    /// An address to listen on, and what is served there.
    struct Listen {
        var address: ListenAddress
        var surfaces: [Surface]
        /// Whether the server can do without it: a default address that somebody else may have.
        var isOptional = false

        /// The surfaces, for the line that says what is served.
        var surfaceNames: String { surfaces.map(\.rawValue).joined(separator: ",") }
    }

    var data: String
    var listen: [Listen]
    var trustsLoopback: Bool
    /// Whether callers of this host need no key or token for the OpenCode surface.
    var isOpenCodeOpen: Bool
    var openCode: OpenCodeConfiguration
    /// Whether callers of this host need no token for the dashboard.
    var isDashboardOpen: Bool
    /// Whether callers of this host may listen to the hive without a token.
    var isHiveOpen: Bool
    var limits: GatewayLimits
    var dashboardLimits: DashboardLimits
    var logLevel: Log.Level
    var logFormat: Log.Format
    /// Whether `DEBUG=ws:*` asks for every WebSocket message to be noted.
    let tracesSockets: Bool
    var runners: RunnerTable
    var workspaceRoot: String
    var engine: EngineConfiguration
    var pools: [PoolID: PoolSpecification]
    var alerts = ResourceThresholds()
    var origins: [String]
    var hosts: [String]
    var allow: [AddressRange]
    var deny: [AddressRange]
    var tokenLeeway: Int64
    var drainTime: Milliseconds
    var requestTime: Milliseconds
    var eventsDays: Int
    var tasksDays: Int
    var outputBytesPerTask: Int
    var outputBytesTotal: Int

    /// The rate limit of the gateway (000, GW-SEC-07).
    struct GatewayLimits {
        /// Whether there is a limit at all.
        var isOn = true
        var capacity: Int = 1_000
        var tokensPerSecond: Double = 100

        /// What each caller may do; nil for everything.
        var limit: TokenBucket.Limit? {
            isOn
                ? TokenBucket.Limit(capacity: Double(capacity), refillPerSecond: tokensPerSecond) : nil
        }
    }

    /// Which hosts and pages may send requests.
    var originPolicy: OriginPolicy { OriginPolicy(hosts: hosts, origins: origins) }

    /// Checks the values, and works out what depends on the machine.
    init(_ values: inout SettingValues) throws(ConfigurationError) {
        values.setFallback("data", .string(Configuration.defaultDataDirectory))
        values.setFallback("pools.default.max", .integer(Int64(2 * sysconf(CInt(_SC_NPROCESSORS_ONLN)))))
        data = Configuration.absolute(values["data"]?.stringValue ?? "")
        let host = HostCapacity(folder: data)
        values.setFallback("capacity.cpu", .integer(host.processors))
        values.setFallback("capacity.memory", .integer(host.memory))
        values.setFallback("capacity.storage", .integer(host.storage))
        values.setFallback("workspaceRoot", .string(data + "/workspaces"))
        workspaceRoot = Configuration.absolute(values["workspaceRoot"]?.stringValue ?? "")
        listen = try Configuration.listeners(values)
        let auth: String = values["auth"]?.stringValue ?? "required"
        trustsLoopback = auth == "local" || values["gateway.auth"]?.stringValue == "loopback"
        if auth == "local", let open: Listen = listen.first(where: { !$0.address.isLoopback }) {
            throw ConfigurationError(
                message: "auth is local, which trusts every caller, but \(open.address) is not a loopback address; "
                    + "listen on localhost, or use --auth required",
                isUsage: false)
        }
        isOpenCodeOpen = values["opencode.auth"]?.stringValue != "required"
        openCode = try Configuration.openCode(values)
        isDashboardOpen = auth == "local" || values["dashboard.auth"]?.stringValue == "loopback"
        isHiveOpen = values["hive.auth"]?.stringValue != "required"
        limits = try Configuration.limits(values)
        dashboardLimits = try Configuration.dashboardLimits(values)
        let debugged: [Substring] = (environmentVariable("DEBUG") ?? "").split { $0 == "," || $0 == " " }
        tracesSockets = debugged.contains("ws:*") || debugged.contains("*")
        let wanted: Log.Level = Log.Level.allCases.first { $0.name == values["logLevel"]?.stringValue } ?? .info
        logLevel = tracesSockets ? min(wanted, .debug) : wanted
        logFormat = values["logFormat"]?.stringValue == "json" ? .json : .text
        runners = try Configuration.runners(values)
        engine = try Configuration.engine(values)
        pools = try Configuration.pools(&values)
        alerts.cpu = Double(Configuration.number(values, "alerts.cpuPercent"))
        alerts.memory = Double(Configuration.number(values, "alerts.memoryPercent"))
        alerts.disk = Double(Configuration.number(values, "alerts.diskPercent"))
        origins = Configuration.texts(values, "origins")
        hosts = Configuration.texts(values, "hosts")
        allow = try Configuration.ranges(values, "allow")
        deny = try Configuration.ranges(values, "deny")
        tokenLeeway = Configuration.number(values, "jwt.leewaySeconds")
        drainTime = .seconds(Configuration.number(values, "drainSeconds"))
        requestTime = .seconds(Configuration.number(values, "gateway.requestSeconds"))
        eventsDays = Int(Configuration.number(values, "retention.eventsDays"))
        tasksDays = Int(Configuration.number(values, "retention.tasksDays"))
        outputBytesPerTask = Int(Configuration.number(values, "retention.outputBytesPerTask"))
        outputBytesTotal = Int(Configuration.number(values, "retention.outputBytesTotal"))
    }

    private static var defaultDataDirectory: String {
        if let base: String = environmentVariable("XDG_DATA_HOME") { return base + "/maos" }
        return (environmentVariable("HOME") ?? "/var/lib") + "/.local/share/maos"
    }

    /// The path from the root on: processes start in other folders, and clients are told of places inside.
    private static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let current = getcwd(nil, 0) else { return path }
        defer { free(current) }
        let folder = String(cString: current)
        let parts: [Substring] = path.split(separator: "/").filter { $0 != "." }
        return ([folder == "/" ? "" : folder] + parts.map(String.init)).joined(separator: "/")
    }

    static func texts(_ values: SettingValues, _ key: String) -> [String] {
        values[key]?.arrayValue?.compactMap(\.stringValue) ?? []
    }

    static func number(_ values: SettingValues, _ key: String) -> Int64 {
        guard case .integer(let number)? = values[key] else { preconditionFailure("\(key) has a checked default") }
        return number
    }

    static func failure(
        _ values: SettingValues, _ key: String, _ text: String
    ) -> ConfigurationError {
        ConfigurationError(message: "\(values.origin(of: key)): \(key) \(text)", isUsage: values.isFromFlag(key))
    }

    // MARK: Listeners

    private static func listeners(_ values: SettingValues) throws(ConfigurationError) -> [Listen] {
        var found: [Listen] = []
        let isDefault: Bool = values.isDefault("listen")
        for text: String in texts(values, "listen") {
            guard let equals: String.Index = text.lastIndex(of: "="),
                let address = ListenAddress(String(text[..<equals]))
            else {
                throw failure(
                    values, "listen",
                    "has \"\(text)\", expected ADDR:PORT=SURFACE[,SURFACE…], where ADDR is localhost or "
                        + "a numeric address")
            }
            switch Surface.list(String(text[text.index(after: equals)...])) {
            case .success(let surfaces):
                found.append(Listen(address: address, surfaces: surfaces, isOptional: isDefault && !found.isEmpty))
            case .failure(let unknown):
                throw failure(
                    values, "listen",
                    "has the surface \"\(unknown.name)\", expected \(Surface.names)"
                        + nearest(to: unknown.name, in: Surface.allCases.map(\.rawValue)))
            }
        }
        guard !found.isEmpty else { throw failure(values, "listen", "is empty, expected at least one address") }
        return found
    }

    private static func ranges(_ values: SettingValues, _ key: String) throws(ConfigurationError) -> [AddressRange] {
        var ranges: [AddressRange] = []
        for text: String in texts(values, key) {
            guard let range = AddressRange(text) else {
                throw failure(values, key, "has \"\(text)\", expected an address range such as 10.0.0.0/8")
            }
            ranges.append(range)
        }
        return ranges
    }

    // MARK: Limits

    /// The dialects that `limits` may have members for.
    private static let limitedDialects: [String] = ["gateway", "opencode", "dashboard"]

    private static func limits(_ values: SettingValues) throws(ConfigurationError) -> GatewayLimits {
        var limits = GatewayLimits()
        switch values["limits"] {
        case .string("off"):
            limits.isOn = false
        case .object(let dialects):
            for (dialect, value) in dialects.map({ ($0.key, $0.value) }) {
                guard Configuration.limitedDialects.contains(dialect) else {
                    throw failure(
                        values, "limits",
                        "has the dialect \"\(dialect)\", expected \(limitedDialects.joined(separator: ", "))"
                            + nearest(to: dialect, in: limitedDialects))
                }
                guard dialect == "gateway" else { continue }
                guard case .object(let members) = value else {
                    throw failure(values, "limits", "has a gateway that is no object")
                }
                for (name, value) in members.map({ ($0.key, $0.value) }) {
                    guard let number: Double = value.doubleValue, number >= 1, number <= 1_000_000_000 else {
                        throw failure(
                            values, "limits", "has gateway.\(name) \(JSONText(value)), expected a number from 1")
                    }
                    switch name {
                    case "capacity": limits.capacity = Int(number)
                    case "tokensPerInterval": limits.tokensPerSecond = number
                    default:
                        throw failure(
                            values, "limits",
                            "has gateway.\(name), which there is not"
                                + nearest(to: name, in: ["capacity", "tokensPerInterval"]))
                    }
                }
            }
        default:
            break
        }
        return limits
    }

    // MARK: Runners and routes

    private static func runners(_ values: SettingValues) throws(ConfigurationError) -> RunnerTable {
        var runners: [String: RunnerConfiguration] = [:]
        for (name, value) in (values["runners"]?.objectValue ?? [:]).map({ ($0.key, $0.value) }) {
            guard case .object(let members) = value else {
                throw failure(values, "runners", "has \(name) that is no object")
            }
            var runner = RunnerConfiguration()
            for (member, value) in members.map({ ($0.key, $0.value) }) {
                switch (member, value) {
                case ("command", .array(let items)) where items.allSatisfy({ $0.stringValue != nil }):
                    runner.command = items.compactMap(\.stringValue)
                case ("interactive", .array(let items)) where items.allSatisfy({ $0.stringValue != nil }):
                    runner.interactive = items.compactMap(\.stringValue)
                case ("workingDirectory", .string(let text)): runner.workingDirectory = text
                case ("environment", .object(let variables)):
                    for (name, value) in variables.map({ ($0.key, $0.value) }) {
                        runner.environment[name] = value.stringValue ?? "\(JSONText(value))"
                    }
                default:
                    let known: [String] = ["command", "interactive", "environment", "workingDirectory"]
                    throw failure(
                        values, "runners",
                        "has \(name).\(member) \(JSONText(value)), expected command or interactive as arrays of texts, "
                            + "environment as an object, workingDirectory as a text" + nearest(to: member, in: known))
                }
            }
            guard runner.command?.isEmpty != true, runner.interactive?.isEmpty != true else {
                throw failure(values, "runners", "has \(name) with an empty command")
            }
            runners[name] = runner
        }
        return RunnerTable(runners)
    }

    private static func engine(_ values: SettingValues) throws(ConfigurationError) -> EngineConfiguration {
        var engine = EngineConfiguration()
        engine.timeZones = ZoneInfoFolder()
        engine.capacity = ResourceAmounts(
            cpu: Double(number(values, "capacity.cpu")), memory: Double(number(values, "capacity.memory")),
            gpu: Double(number(values, "capacity.gpu")), storage: Double(number(values, "capacity.storage")),
            network: Double(number(values, "capacity.network")))
        engine.limits.agents = Int(number(values, "agents.max"))
        engine.learning.every = Int(number(values, "learning.every"))
        engine.onDemand.maximum = Int(number(values, "pools.default.max"))
        engine.onDemand.idleTime = .seconds(number(values, "pools.default.idleSeconds"))
        engine.onDemand.fallbackType = AgentType(name: values["pools.default.type"]?.stringValue ?? "") ?? .coder
        for (kind, value) in (values["routing"]?.objectValue ?? [:]).map({ ($0.key, $0.value) }) {
            guard let kind = taskKind(kind), let type = AgentType(name: value.stringValue ?? "") else {
                throw failure(
                    values, "routing",
                    "has \"\(kind)\": \(JSONText(value)), expected a task kind and one of "
                        + AgentType.allCases.map(\.name).joined(separator: ", "))
            }
            engine.routing[kind] = type
        }
        engine.fairness.weights = try weights(values)
        engine.concurrency = try concurrency(values)
        return engine
    }

    private static func weights(_ values: SettingValues) throws(ConfigurationError) -> [String: Double] {
        var weights: [String: Double] = [:]
        for (project, value) in (values["fairness.weights"]?.objectValue ?? [:]).map({ ($0.key, $0.value) }) {
            guard let weight: Double = value.doubleValue, (0.001...1_000).contains(weight) else {
                throw failure(
                    values, "fairness.weights",
                    "has \"\(project)\": \(JSONText(value)), expected a number from 0.001 to 1000")
            }
            weights[project] = weight
        }
        return weights
    }

    private static func concurrency(_ values: SettingValues) throws(ConfigurationError) -> [String: ConcurrencyLimit] {
        var limits: [String: ConcurrencyLimit] = [:]
        for (key, value) in (values["concurrency"]?.objectValue ?? [:]).map({ ($0.key, $0.value) }) {
            guard let limit: ConcurrencyLimit = concurrencyLimit(value) else {
                throw failure(
                    values, "concurrency",
                    "has \"\(key)\": \(JSONText(value)), expected {\"limit\": 1 to 1000000, \"rate\": {\"count\": 1 to 100000, "
                        + "\"perSeconds\": 0.001 to 86400}} with at least one of the two")
            }
            limits[key] = limit
        }
        return limits
    }

    /// What a concurrency key keeps to; `nil` when the value says something else.
    private static func concurrencyLimit(_ value: JSONValue) -> ConcurrencyLimit? {
        guard let members: JSONObject = value.objectValue else { return nil }
        var limit = ConcurrencyLimit()
        for (name, value) in members.map({ ($0.key, $0.value) }) {
            switch (name, value) {
            case ("limit", .integer(let count)) where (1...1_000_000).contains(count):
                limit.limit = Int(count)
            case ("rate", .object(let rate)):
                guard rate.members.count == 2, case .integer(let count)? = value["count"],
                    (1...100_000).contains(count), let seconds: Double = value["perSeconds"]?.doubleValue,
                    (0.001...86_400).contains(seconds)
                else { return nil }
                limit.rate = ConcurrencyLimit.Rate(
                    count: Int(count), period: Milliseconds(Int64((seconds * 1_000).rounded())))
            default:
                return nil
            }
        }
        return limit.limit == nil && limit.rate == nil ? nil : limit
    }

    /// The kind that an operator means, who may use the clients' shorter names of two.
    private static func taskKind(_ name: String) -> TaskKind? {
        switch name {
        case "test": .testing
        case "deploy": .deployment
        default: TaskKind(name)
        }
    }
}
