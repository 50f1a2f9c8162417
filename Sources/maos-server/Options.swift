/// What the command line asks for.
struct Options {
    /// What to do.
    enum Action {
        case serve
        case printConfiguration
        case help
        case version
    }

    var action = Action.serve
    var values = SettingValues()

    /// Reads the arguments, then the file and the variables that they leave room for.
    init(_ arguments: [String]) throws(ConfigurationError) {
        var flags: [(name: String, value: String)] = []
        var file: String? = environmentVariable("MAOS_CONFIG")
        var rest: ArraySlice<String> = arguments[...]
        while let argument: String = rest.popFirst() {
            var name: String = argument
            var attached: String?
            if argument.hasPrefix("--"), let equals: String.Index = argument.firstIndex(of: "=") {
                name = String(argument[..<equals])
                attached = String(argument[argument.index(after: equals)...])
            }
            switch name {
            case "--help", "-h": action = .help
            case "--version": action = .version
            case "--print-config": action = .printConfiguration
            default:
                guard Options.flags.contains(name) else { throw Options.unknown(argument) }
                guard let value: String = attached ?? rest.popFirst() else {
                    throw ConfigurationError(message: "\(name) needs a value", isUsage: true)
                }
                if name == "--config" { file = value } else { flags.append((name, value)) }
            }
        }
        guard action == .serve || action == .printConfiguration else { return }
        if let file { try values.read(file: file) }
        try values.readEnvironment()
        var seen: Set<String> = []
        for flag in flags {
            let isRepeated: Bool = !seen.insert(flag.name).inserted
            try values.set(flag: flag.name, to: flag.value, isRepeated: isRepeated)
        }
    }

    private static let flags: [String] = ["--config"] + Setting.all.compactMap(\.flag)

    private static func unknown(_ argument: String) -> ConfigurationError {
        let known: [String] = flags + ["--help", "--version", "--print-config"]
        let kind: String = argument.hasPrefix("-") ? "option" : "argument"
        return ConfigurationError(
            message: "there is no \(kind) \(argument)\(nearest(to: argument, in: known))", isUsage: true)
    }

    /// The text of `--help`.
    static var help: String {
        var text: String = """
            Usage: maos-server [OPTION]…

            Takes tasks, gives them to agents, keeps every decision, and tells who listens.

              --config FILE         configuration file (JSON)
              --print-config        show every setting, its value and where that is from
              --help                this text
              --version             the version

            Settings, as keys of the configuration file, with their variables and flags:


            """
        for setting: Setting in Setting.all {
            let flag: String = setting.flag.map { ", \($0)" } ?? ""
            text += "  \(setting.key)  (\(setting.variable)\(flag))\n      \(setting.summary)\n"
        }
        text += """

            When it is ready it prints a line for each address it listens on, then `ready`. SIGTERM stops it in order,
            SIGHUP has it read the configuration again.
            Exit codes: 0 after a clean stop, 1 when it could not start, 2 for wrong usage.

            """
        return text
    }
}
