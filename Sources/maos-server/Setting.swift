internal import MAOSCore

/// One thing an operator may set: by a flag, by a variable, or in the configuration file.
struct Setting {
    /// What a value looks like.
    enum Form {
        case text
        case words([String])
        /// `true` or `false`.
        case flag
        /// A whole number in a range.
        case number(ClosedRange<Int64>)
        /// A number in a range.
        case amount(ClosedRange<Double>)
        case texts
        /// Agent types, or task kinds, to whatever ``Configuration`` checks.
        case object
        /// `documented`, `off`, or an object of limits.
        case limits
    }

    /// The dotted key of the configuration file; `*` stands for a name that the operator chooses.
    var key: String
    /// The flag, for those that have one of their own.
    var flag: String?
    var form: Form
    /// What holds when nothing is said; `nil` where the value depends on the machine.
    var fallback: JSONValue?
    /// One line for `--help` and the reference.
    var summary: String

    /// The variable that sets it: `MAOS_`, then the key with words apart, up to a name that the operator chooses.
    var variable: String {
        var name: String = "MAOS"
        for part: Substring in key.split(separator: ".").prefix(while: { $0 != "*" }) {
            name.append("_")
            for character: Character in part {
                if character.isUppercase { name.append("_") }
                name.append(contentsOf: character.uppercased())
            }
        }
        return name
    }

    /// Every setting, in the order of the reference.
    static let all: [Setting] = [
        Setting(
            key: "data", flag: "--data", form: .text, fallback: nil,
            summary: "data directory (default $XDG_DATA_HOME/maos, else ~/.local/share/maos)"),
        Setting(
            key: "listen", flag: "--listen", form: .texts,
            fallback: .array([
                .string("localhost:7400=all"), .string("localhost:3001=hive,dashboard"),
                .string("localhost:8080=opencode"),
            ]),
            summary: "ADDR:PORT=SURFACE[,SURFACE…]; may be repeated; port 0 picks a free one"),
        Setting(
            key: "auth", flag: "--auth", form: .words(["required", "local"]), fallback: "required",
            summary: "required asks everybody for a token; local trusts loopback callers as the administrator"),
        Setting(
            key: "limits", flag: "--limits", form: .limits, fallback: "documented",
            summary: "documented, off, or per dialect an object of limits"),
        Setting(
            key: "logLevel", flag: "--log-level", form: .words(["trace", "debug", "info", "warn", "error"]),
            fallback: "info", summary: "what is logged to standard error"),
        Setting(
            key: "logFormat", flag: "--log-format", form: .words(["text", "json"]), fallback: "text",
            summary: "how it is logged"),
        Setting(
            key: "runners", flag: nil, form: .object, fallback: .object([:]),
            summary: "agent type, or *, to what is run for a task without a command"),
        Setting(
            key: "workspaceRoot", flag: nil, form: .text, fallback: nil,
            summary: "folder inside which clients may choose a workspace (default DATA/workspaces)"),
        Setting(
            key: "routing", flag: nil, form: .object, fallback: .object([:]),
            summary: "task kind to agent type, on top of the built-in routes"),
        Setting(
            key: "agents.max", flag: nil, form: .number(1...1_000_000), fallback: 10_000,
            summary: "agents the server holds at most"),
        Setting(
            key: "capacity.cpu", flag: nil, form: .number(0...1_000_000), fallback: nil,
            summary: "cores that may be allocated (default those of the host)"),
        Setting(
            key: "capacity.memory", flag: nil, form: .number(0...1_000_000_000_000), fallback: nil,
            summary: "megabytes of memory that may be allocated (default those of the host)"),
        Setting(
            key: "capacity.gpu", flag: nil, form: .number(0...1_000_000), fallback: 0,
            summary: "graphics devices that may be allocated"),
        Setting(
            key: "capacity.storage", flag: nil, form: .number(0...1_000_000_000_000), fallback: nil,
            summary: "megabytes of storage that may be allocated (default those of the data directory's disk)"),
        Setting(
            key: "capacity.network", flag: nil, form: .number(0...1_000_000_000), fallback: 0,
            summary: "megabits a second that may be allocated; 0 for no limit"),
        Setting(
            key: "pools.default.max", flag: nil, form: .number(0...10_000), fallback: nil,
            summary: "agents made on demand at most (default twice the number of processors; 0 makes none)"),
        Setting(
            key: "pools.default.type", flag: nil, form: .words(AgentType.allCases.map(\.name)), fallback: "coder",
            summary: "type of agent made for tasks that any type may take"),
        Setting(
            key: "pools.default.idleSeconds", flag: nil, form: .number(1...86_400), fallback: 60,
            summary: "seconds after which an idle agent made on demand goes away"),
        Setting(
            key: "pools.*.name", flag: nil, form: .text, fallback: nil,
            summary: "what people call a pool (default its id, which takes the place of *)"),
        Setting(
            key: "pools.*.type", flag: nil, form: .words(AgentType.allCases.map(\.name)), fallback: "coder",
            summary: "type of its agents"),
        Setting(
            key: "pools.*.min", flag: nil, form: .number(0...10_000), fallback: 0, summary: "agents it has at least"),
        Setting(
            key: "pools.*.max", flag: nil, form: .number(0...10_000), fallback: nil,
            summary: "agents it has at most (default twice the number of processors, or min)"),
        Setting(
            key: "pools.*.target", flag: nil, form: .number(0...10_000), fallback: nil,
            summary: "agents it is to have; without it the size goes by how busy they are"),
        Setting(
            key: "pools.*.idleSeconds", flag: nil, form: .number(1...86_400), fallback: 60,
            summary: "seconds after which agents beyond min that have nothing to do go away"),
        Setting(
            key: "pools.*.maxConcurrentTasks", flag: nil, form: .number(1...1_000), fallback: 1,
            summary: "tasks that each agent works on at a time"),
        Setting(
            key: "pools.*.capabilities", flag: nil, form: .texts, fallback: .array([]),
            summary: "what its agents can do"),
        Setting(
            key: "pools.*.model", flag: nil, form: .text, fallback: nil, summary: "the model that its runner is told"),
        Setting(
            key: "pools.*.resources.cpu", flag: nil, form: .amount(0...1_000_000), fallback: nil,
            summary: "cores that each agent may use"),
        Setting(
            key: "pools.*.resources.memory", flag: nil, form: .amount(0...1_000_000_000_000), fallback: nil,
            summary: "megabytes of memory that each agent may use"),
        Setting(
            key: "pools.*.resources.gpu", flag: nil, form: .amount(0...1_000_000), fallback: nil,
            summary: "graphics devices that each agent may use"),
        Setting(
            key: "pools.*.resources.storage", flag: nil, form: .amount(0...1_000_000_000_000), fallback: nil,
            summary: "megabytes of storage that each agent may use"),
        Setting(
            key: "pools.*.autoscaling.targetUtilization", flag: nil, form: .amount(0...1),
            fallback: JSONValue(Autoscaling().targetUtilization), summary: "share of busy slots that a change aims at"),
        Setting(
            key: "pools.*.autoscaling.scaleUpThreshold", flag: nil, form: .amount(0.01...1),
            fallback: JSONValue(Autoscaling().scaleUpThreshold), summary: "share of busy slots above which it grows"),
        Setting(
            key: "pools.*.autoscaling.cooldownPeriod", flag: nil, form: .amount(0...86_400),
            fallback: JSONValue(Double(Autoscaling().cooldown.count) / 1_000),
            summary: "seconds between two changes of its size at least"),
        Setting(
            key: "fairness.weights", flag: nil, form: .object, fallback: .object([:]),
            summary:
                "project to its weight, 0.001 to 1000; one with twice the weight starts twice as many tasks (default 1)"
        ),
        Setting(
            key: "concurrency", flag: nil, form: .object, fallback: .object([:]),
            summary:
                "concurrency key, or *, to {limit, rate: {count, perSeconds}}; a key that is not named: one at a time"),
        Setting(
            key: "learning.every", flag: nil, form: .number(1...1_000_000), fallback: 25,
            summary: "ended attempts of an agent at a capability, after which its proficiency changes"),
        Setting(
            key: "alerts.cpuPercent", flag: nil, form: .number(1...100), fallback: 90,
            summary: "usage of the processors above which a resource_alert tells of it; 100 for never"),
        Setting(
            key: "alerts.memoryPercent", flag: nil, form: .number(1...100), fallback: 90,
            summary: "the same of memory"),
        Setting(
            key: "alerts.diskPercent", flag: nil, form: .number(1...100), fallback: 90,
            summary: "the same of the data directory's disk"),
        Setting(
            key: "gateway.auth", flag: nil, form: .words(["required", "loopback"]), fallback: "required",
            summary: "whether loopback callers of the gateway need a token"),
        Setting(
            key: "gateway.requestSeconds", flag: nil, form: .number(10...3_600), fallback: 30,
            summary: "seconds after which a REST request that is not answered yet is answered with 504"),
        Setting(
            key: "opencode.auth", flag: nil, form: .words(["required", "loopback"]), fallback: "loopback",
            summary: "whether loopback callers of the OpenCode surface need a key or token"),
        Setting(
            key: "opencode.pushDefault", flag: nil, form: .words(["subscribed", "all"]), fallback: "subscribed",
            summary: "whether OpenCode clients are told what they subscribed to, or everything"),
        Setting(
            key: "opencode.killForeign", flag: nil, form: .flag, fallback: false,
            summary: "whether kill_process may end OpenCode and Claude processes that were not started here"),
        Setting(
            key: "opencode.shrinkAbovePercent", flag: nil, form: .number(1...100), fallback: 100,
            summary: "usage of the processors above which the limits of OpenCode clients shrink; 100 for never"),
        Setting(
            key: "dashboard.auth", flag: nil, form: .words(["required", "loopback"]), fallback: "required",
            summary: "whether loopback callers of the dashboard need a token"),
        Setting(
            key: "hive.auth", flag: nil, form: .words(["required", "loopback"]), fallback: "loopback",
            summary: "whether loopback callers of the hive feed need a token"),
        Setting(
            key: "origins", flag: nil, form: .texts, fallback: .array([]),
            summary: "browser origins that are allowed besides loopback"),
        Setting(
            key: "hosts", flag: nil, form: .texts, fallback: .array([]),
            summary: "host names that are accepted besides loopback"),
        Setting(
            key: "allow", flag: nil, form: .texts, fallback: .array([]),
            summary: "address ranges that may connect; none means all"),
        Setting(
            key: "deny", flag: nil, form: .texts, fallback: .array([]), summary: "address ranges that may not connect"),
        Setting(
            key: "jwt.leewaySeconds", flag: nil, form: .number(0...300), fallback: 0,
            summary: "seconds by which clocks may differ when a token's times are checked"),
        Setting(
            key: "drainSeconds", flag: nil, form: .number(0...3_600), fallback: 10,
            summary: "seconds that running work gets when the server is asked to stop"),
        Setting(
            key: "retention.eventsDays", flag: nil, form: .number(1...36_500), fallback: 30,
            summary: "days that events are kept"),
        Setting(
            key: "retention.tasksDays", flag: nil, form: .number(1...36_500), fallback: 90,
            summary: "days that ended tasks are kept"),
        Setting(
            key: "retention.outputBytesPerTask", flag: nil, form: .number(1_048_576...1_099_511_627_776),
            fallback: 1_000_000_000, summary: "bytes of output kept per task; the oldest go first"),
        Setting(
            key: "retention.outputBytesTotal", flag: nil, form: .number(1_048_576...1_125_899_906_842_624),
            fallback: 50_000_000_000, summary: "bytes of output kept in all"),
    ]
}

// MARK: - Names that the operator chooses

extension Setting {
    /// Whether a part of its key is a name that the operator chooses.
    var hasName: Bool { key.contains("*") }

    /// The setting of a key, with that key; `nil` when there is none.
    static func at(_ key: String) -> Setting? {
        for setting: Setting in all {
            if setting.key == key { return setting.hasName ? nil : setting }
            guard setting.hasName, name(in: key) != nil, setting.pattern(for: key) == key else { continue }
            var named: Setting = setting
            named.key = key
            return named
        }
        return nil
    }

    /// Whether there are settings below a key.
    static func hasMembers(_ key: String) -> Bool {
        all.contains { $0.pattern(for: key + ".").hasPrefix(key + ".") }
    }

    /// The keys that there are, those with a name for the one in another key.
    static func keys(like key: String) -> [String] {
        all.compactMap { (setting: Setting) in
            guard setting.hasName else { return setting.key }
            return name(in: key) == nil ? nil : setting.pattern(for: key)
        }
    }

    /// The part of the configuration in which the operator chooses names.
    static let named: String = "pools"

    /// The name that the operator has chosen in a key; `nil` when there is none.
    static func name(in key: String) -> Substring? {
        let parts: [Substring] = key.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count > 1, parts[0] == named, parts[1] != PoolID.onDemand.rawValue, !parts[1].isEmpty else {
            return nil
        }
        return parts[1]
    }

    /// Its key, with the name that is chosen in another key.
    private func pattern(for other: String) -> String {
        guard hasName, let name: Substring = Setting.name(in: other) else { return key }
        return key.split(separator: ".").map { $0 == "*" ? name : $0 }.joined(separator: ".")
    }

    /// Its key with a name in place of `*`.
    func key(named name: String) -> String { pattern(for: "\(Setting.named).\(name)") }
}
