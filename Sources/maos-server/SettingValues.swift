internal import Glibc
internal import MAOSCore

/// What is wrong with how the server was called or configured.
struct ConfigurationError: Error {
    /// For people: which value, where it is from, and what was expected.
    var message: String
    /// Whether the command line itself is at fault (exit code 2), and not what it names (1).
    var isUsage: Bool
}

/// The value of each setting, and where it is from.
struct SettingValues {
    /// Where a value is from; later ones win.
    enum Source {
        case fallback
        case file(String, line: Int)
        case variable(String)
        case flag(String)

        var text: String {
            switch self {
            case .fallback: "default"
            case .file(let name, let line): "\(name), line \(line)"
            case .variable(let name): name
            case .flag(let name): name
            }
        }
    }

    /// Where settings are read from.
    private enum Origin {
        case file(String, KeyLines)
        case variable(String)

        func source(of key: String) -> Source {
            switch self {
            case .file(let path, let lines): .file(path, line: lines[key])
            case .variable(let name): .variable(name)
            }
        }
    }

    private(set) var values: [String: (value: JSONValue, source: Source)] = [:]
    /// The names that the operator has chosen, and where each stands first.
    private(set) var names: [String: Source] = [:]

    init() {
        for setting: Setting in Setting.all where !setting.hasName {
            if let fallback: JSONValue = setting.fallback { values[setting.key] = (fallback, .fallback) }
        }
    }

    subscript(key: String) -> JSONValue? { values[key]?.value }

    /// The settings that have another value here than there, in the order of the reference.
    func changes(from earlier: SettingValues) -> [String] {
        var both: SettingValues = self
        both.names.merge(earlier.names) { (mine, _) in mine }
        return both.keys.filter { self[$0] != earlier[$0] }
    }

    /// Every key that may have a value, in the order of the reference.
    var keys: [String] {
        var keys: [String] = []
        var hasNamed: Bool = false
        for setting: Setting in Setting.all {
            guard setting.hasName else {
                keys.append(setting.key)
                continue
            }
            guard !hasNamed else { continue }
            hasNamed = true
            for name: String in names.keys.sorted() {
                keys += Setting.all.filter(\.hasName).map { $0.key(named: name) }
            }
        }
        return keys
    }

    /// Where a value is from, for messages.
    func origin(of key: String) -> String { values[key]?.source.text ?? "default" }

    /// Whether the command line gave a value.
    func isFromFlag(_ key: String) -> Bool {
        if case .flag? = values[key]?.source { return true }
        return false
    }

    /// Whether nobody gave a value.
    func isDefault(_ key: String) -> Bool {
        if case .fallback? = values[key]?.source { return true }
        return values[key] == nil
    }

    /// Fills in a default that depends on the machine.
    mutating func setFallback(_ key: String, _ value: JSONValue) {
        if values[key] == nil { values[key] = (value, .fallback) }
    }

    // MARK: Sources

    /// Takes what a configuration file says.
    mutating func read(file path: String) throws(ConfigurationError) {
        guard let bytes: [UInt8] = contents(of: path) else {
            throw ConfigurationError(
                message: "cannot read the configuration file \(path): \(String(cString: strerror(errno)))",
                isUsage: false)
        }
        let root: JSONValue
        do throws(JSONError) {
            root = try JSONReader.parse(bytes, depthLimit: 32)
        } catch {
            throw ConfigurationError(message: "\(path) is no valid JSON: \(error)", isUsage: false)
        }
        guard case .object(let members) = root else {
            throw ConfigurationError(message: "\(path), line 1: expected an object with settings", isUsage: false)
        }
        try take(members, prefix: "", from: .file(path, KeyLines(bytes)))
    }

    private mutating func take(
        _ members: JSONObject, prefix: String, from origin: Origin
    ) throws(ConfigurationError) {
        for (name, value) in members.map({ ($0.key, $0.value) }) {
            let key: String = prefix + name
            let source: Source = origin.source(of: key)
            if prefix == Setting.named + ".", name != PoolID.onDemand.rawValue {
                guard PoolID(name) != nil else {
                    throw ConfigurationError(
                        message:
                            "\(source.text): \(Setting.named) has \(JSONText(.string(name))), expected an id of 1 to "
                            + "100 letters, digits, _ and -",
                        isUsage: false)
                }
                if names[name] == nil { names[name] = source }
            }
            if let setting: Setting = Setting.at(key) {
                try check(value, for: setting, at: source.text, isUsage: false)
                values[key] = (value, source)
            } else if !Setting.hasMembers(key) {
                throw ConfigurationError(
                    message: "\(source.text): there is no setting \"\(key)\""
                        + nearest(to: key, in: Setting.keys(like: key)),
                    isUsage: false)
            } else if case .object(let inner) = value {
                try take(inner, prefix: key + ".", from: origin)
            } else {
                throw ConfigurationError(
                    message: "\(source.text): \(key) is \(JSONText(value)), expected an object with settings",
                    isUsage: false)
            }
        }
    }

    /// Takes what the environment says.
    mutating func readEnvironment() throws(ConfigurationError) {
        if let first: Setting = Setting.all.first(where: \.hasName),
            let text: String = environmentVariable(first.variable)
        {
            let source: Source = .variable(first.variable)
            guard case .object(let members) = try parse(text, source: source, isUsage: false) else {
                throw ConfigurationError(
                    message: "\(source.text): \(Setting.named) is \(text), expected an object of objects",
                    isUsage: false)
            }
            try take(members, prefix: Setting.named + ".", from: .variable(first.variable))
        }
        for setting: Setting in Setting.all where !setting.hasName {
            guard let text: String = environmentVariable(setting.variable) else { continue }
            try set(setting, text: text, source: .variable(setting.variable), isUsage: false)
        }
    }

    /// Takes a flag's value.
    mutating func set(flag: String, to text: String, isRepeated: Bool) throws(ConfigurationError) {
        guard let setting: Setting = Setting.all.first(where: { $0.flag == flag }) else {
            preconditionFailure("no setting has the flag \(flag)")
        }
        if isRepeated, case .array(let earlier)? = values[setting.key]?.value {
            values[setting.key] = (.array(earlier + [.string(text)]), .flag(flag))
        } else {
            try set(setting, text: text, source: .flag(flag), isUsage: true)
        }
    }

    private mutating func set(
        _ setting: Setting, text: String, source: Source, isUsage: Bool
    ) throws(ConfigurationError) {
        let value: JSONValue
        switch setting.form {
        case .text, .words:
            value = .string(text)
        case .texts:
            value = .array(isUsage ? [.string(text)] : text.split(separator: " ").map { .string(String($0)) })
        case .flag:
            value = Bool(text).map { .boolean($0) } ?? .string(text)
        case .number:
            value = Int64(text).map { .integer($0) } ?? .string(text)
        case .amount:
            value = Double(text).map { JSONValue($0) } ?? .string(text)
        case .limits:
            value = text.hasPrefix("{") ? try parse(text, source: source, isUsage: isUsage) : .string(text)
        case .object:
            value = try parse(text, source: source, isUsage: isUsage)
        }
        try check(value, for: setting, at: source.text, isUsage: isUsage)
        values[setting.key] = (value, source)
    }

    private func parse(_ text: String, source: Source, isUsage: Bool) throws(ConfigurationError) -> JSONValue {
        do throws(JSONError) {
            return try JSONReader.parse(Array(text.utf8), depthLimit: 32)
        } catch {
            throw ConfigurationError(message: "\(source.text) is no valid JSON: \(error)", isUsage: isUsage)
        }
    }

    private func check(
        _ value: JSONValue, for setting: Setting, at place: String, isUsage: Bool
    ) throws(ConfigurationError) {
        let expected: String
        switch (setting.form, value) {
        case (.text, .string(let text)) where !text.isEmpty: return
        case (.text, _): expected = "a text"
        case (.words(let words), .string(let text)) where words.contains(text): return
        case (.words(let words), _): expected = "one of " + words.joined(separator: ", ")
        case (.flag, .boolean): return
        case (.flag, _): expected = "true or false"
        case (.number(let range), .integer(let number)) where range.contains(number): return
        case (.number(let range), _): expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case (.amount(let range), _) where value.doubleValue.map({ range.contains($0) }) ?? false: return
        case (.amount(let range), _):
            expected =
                "a number from \(JSONText(JSONValue(range.lowerBound))) to \(JSONText(JSONValue(range.upperBound)))"
        case (.texts, .array(let items)) where items.allSatisfy({ $0.stringValue != nil }): return
        case (.texts, _): expected = "an array of texts"
        case (.object, .object), (.limits, .object): return
        case (.limits, .string("documented")), (.limits, .string("off")): return
        case (.object, _): expected = "an object"
        case (.limits, _): expected = "documented, off, or an object"
        }
        throw ConfigurationError(
            message: "\(place): \(setting.key) is \(JSONText(value)), expected \(expected)", isUsage: isUsage)
    }

    // MARK: Showing

    /// Each setting on a line, with its value and where that is from.
    var listing: String {
        var lines: [(String, String)] = []
        for key: String in keys {
            guard let (value, source) = values[key] else { continue }
            lines.append(("\(key) = \(JSONText(value))", source.text))
        }
        let width: Int = min(lines.map(\.0.count).max() ?? 0, 72)
        return lines.map { (line, source) in
            line + String(repeating: " ", count: max(1, width - line.count + 2)) + "# \(source)\n"
        }.joined()
    }
}

/// In which line of a JSON text each key stands.
struct KeyLines {
    private var lines: [String: Int] = [:]

    /// The line of a dotted key; 1 when it is not there.
    subscript(key: String) -> Int { lines[key] ?? 1 }

    /// Reads valid JSON.
    init(_ bytes: [UInt8]) {
        var line: Int = 1
        var path: [String] = []
        var lastText: String = ""
        var index: Int = 0
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\n"): line += 1
            case UInt8(ascii: "\""):
                let start: Int = index + 1
                index += 1
                while index < bytes.count, bytes[index] != UInt8(ascii: "\"") {
                    index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
                }
                lastText = String(decoding: bytes[start..<min(index, bytes.count)], as: UTF8.self)
            case UInt8(ascii: ":"):
                let key: String = (path.filter { !$0.isEmpty } + [lastText]).joined(separator: ".")
                if lines[key] == nil { lines[key] = line }
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                path.append(lastText)
                lastText = ""
            case UInt8(ascii: "}"), UInt8(ascii: "]"): _ = path.popLast()
            case UInt8(ascii: ","): lastText = ""
            default: break
            }
            index += 1
        }
    }
}

/// A hint at the name that was probably meant, or nothing.
func nearest(to word: String, in known: [String]) -> String {
    let ranked: [(name: String, distance: Int)] = known.map { ($0, editDistance(word, $0)) }
    guard let best = ranked.min(by: { $0.distance < $1.distance }), best.distance <= max(2, word.count / 3) else {
        return ""
    }
    return "; did you mean \"\(best.name)\"?"
}

private func editDistance(_ left: String, _ right: String) -> Int {
    let (left, right) = (Array(left.utf8), Array(right.utf8))
    var row: [Int] = Array(0...right.count)
    for (i, a) in left.enumerated() {
        var diagonal: Int = row[0]
        row[0] = i + 1
        for (j, b) in right.enumerated() {
            let replaced: Int = diagonal + (a == b ? 0 : 1)
            diagonal = row[j + 1]
            row[j + 1] = min(replaced, row[j] + 1, row[j + 1] + 1)
        }
    }
    return row[right.count]
}

/// A whole small file; `nil` when it cannot be read, with `errno` set.
func contents(of path: String) -> [UInt8]? {
    let descriptor: CInt = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
        let count: Int = Glibc.read(descriptor, &buffer, buffer.count)
        guard count > 0 else { return count == 0 ? bytes : nil }
        bytes.append(contentsOf: buffer[..<count])
    }
}

/// A variable of the environment; `nil` when it is not set or empty.
func environmentVariable(_ name: String) -> String? {
    guard let value = getenv(name), value.pointee != 0 else { return nil }
    return String(cString: value)
}
