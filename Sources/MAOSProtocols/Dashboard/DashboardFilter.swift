internal import MAOSCore

/// What of a topic a subscription lets through.
struct DashboardFilter: Sendable, Hashable {
    /// The levels that log entries have.
    static let levels: [String] = ["debug", "info", "warn", "error", "fatal"]
    private static let streams: [String] = ["stdout", "stderr"]
    private static let types: [String] = [
        "agent:status", "agent:output", "agent:created", "agent:error", "metrics:update", "system:alert", "log:entry",
    ]
    /// Every name that may stand in a list of filters.
    static let names: [String] = types + streams + levels

    private var types: Set<String> = []
    private var streams: Set<String> = []
    private var levels: Set<String> = []

    /// Sorts names that are known to be good.
    init(_ names: [String]) {
        for name: String in names {
            if DashboardFilter.streams.contains(name) {
                streams.insert(name)
            } else if DashboardFilter.levels.contains(name) {
                levels.insert(name)
            } else {
                types.insert(name)
            }
        }
    }

    private var isOpen: Bool { types.isEmpty && streams.isEmpty && levels.isEmpty }

    /// Whether a message without stream and level goes through.
    func takes(type: String) -> Bool { isOpen || types.contains(type) }

    /// Whether output goes through: a stream's name alone asks for that stream.
    func takes(stream: String) -> Bool {
        guard !isOpen else { return true }
        guard types.contains("agent:output") || !streams.isEmpty else { return false }
        return streams.isEmpty || streams.contains(stream)
    }

    /// Whether a log entry goes through: a stream's or level's name alone asks for such entries.
    func takes(level: String, stream: String?) -> Bool {
        guard !isOpen else { return true }
        guard types.contains("log:entry") || !streams.isEmpty || !levels.isEmpty else { return false }
        guard levels.isEmpty || levels.contains(level) else { return false }
        return streams.isEmpty || stream.map { streams.contains($0) } ?? false
    }
}

/// Variables that clients may not set: what they change is which programs and libraries are loaded.
enum DashboardEnvironment {
    private static let refusedPrefixes: [String] = ["LD_", "DYLD_", "MAOS_", "GIT_SSH", "BASH_FUNC_", "MALLOC_"]
    private static let refused: Set<String> = [
        "PATH", "IFS", "ENV", "BASH_ENV", "SHELLOPTS", "BASHOPTS", "CDPATH", "PS4", "PROMPT_COMMAND", "GCONV_PATH",
        "GLIBC_TUNABLES", "HOSTALIASES", "LOCPATH", "NLSPATH", "RESOLV_HOST_CONF", "TZDIR", "PYTHONPATH", "PYTHONHOME",
        "PYTHONSTARTUP", "NODE_OPTIONS", "NODE_PATH", "PERL5LIB", "PERL5OPT", "PERLLIB", "RUBYLIB", "RUBYOPT",
        "CLASSPATH",
        "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "GEM_PATH", "GEM_HOME",
    ]

    /// The name of a variable that clients may set.
    static let name = TextFormat(expected: "a variable's name that decides about no program and no library") { name in
        !name.isEmpty && !name.utf8.contains { $0 == 0 || $0 == UInt8(ascii: "=") }
            && !refused.contains(name.uppercased())
            && !refusedPrefixes.contains { name.uppercased().hasPrefix($0) }
    }
}

/// Text that goes to a terminal or a runner.
enum DashboardCommandText {
    /// The text without control characters; tab, newline and the beginning of escape sequences stay.
    static func cleaned(_ text: String) -> String {
        let isClean: Bool = text.unicodeScalars.allSatisfy { !isControl($0) }
        guard !isClean else { return text }
        var cleaned = String.UnicodeScalarView()
        for scalar: Unicode.Scalar in text.unicodeScalars where !isControl(scalar) { cleaned.append(scalar) }
        return String(cleaned)
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x0A, 0x1B: false
        case 0x00...0x1F, 0x7F...0x9F: true
        default: false
        }
    }
}
