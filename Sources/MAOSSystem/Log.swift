internal import CLinux
internal import Glibc

/// Lines for operators on standard error, each written whole.
package struct Log: Sendable {
    /// How much a line matters.
    package enum Level: Int, Sendable, Comparable, CaseIterable {
        case trace, debug, info, warn, error

        /// The name in lines and settings.
        package var name: String {
            switch self {
            case .trace: "trace"
            case .debug: "debug"
            case .info: "info"
            case .warn: "warn"
            case .error: "error"
            }
        }

        package static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
    }

    /// What lines look like.
    package enum Format: Sendable {
        case text
        case json
    }

    /// Hears of each line that is written, on the thread that writes it.
    package typealias Listener = @Sendable (Level, String, [(String, String)]) -> Void

    /// Lines below it are not written.
    package var level: Level
    /// Who else is told.
    package var listener: Listener?
    private let format: Format

    /// Makes a log.
    package init(level: Level, format: Format) {
        self.level = level
        self.format = format
    }

    /// Writes a line.
    ///
    /// - Parameters:
    ///   - level: How much it matters.
    ///   - message: What happened; no secrets.
    ///   - details: Names and values that belong to it, in this order.
    package func callAsFunction(
        _ level: Level, _ message: @autoclosure () -> String,
        _ details: @autoclosure () -> KeyValuePairs<String, String> = [:]
    ) {
        guard level >= self.level else { return }
        write(level, message(), details().map { ($0.key, $0.value) })
    }

    /// Writes a line whose names and values are not known beforehand.
    ///
    /// - Parameters:
    ///   - level: How much it matters.
    ///   - message: What happened; no secrets.
    ///   - details: Names and values that belong to it, in this order.
    package func callAsFunction(_ level: Level, _ message: String, details: [(String, String)]) {
        guard level >= self.level else { return }
        write(level, message, details)
    }

    private func write(_ level: Level, _ message: String, _ details: [(String, String)]) {
        listener?(level, message, details)
        var line: String
        switch format {
        case .text:
            line = "\(Log.timestamp()) \(level.name.uppercased()) \(Log.printable(message))"
            for (name, value) in details { line += " \(name)=\(Log.printable(value))" }
        case .json:
            line = "{\"time\":\"\(Log.timestamp())\",\"level\":\"\(level.name)\",\"message\":\(Log.quoted(message))"
            for (name, value) in details { line += ",\(Log.quoted(name)):\(Log.quoted(value))" }
            line += "}"
        }
        line += "\n"
        line.withUTF8 { bytes in _ = Glibc.write(STDERR_FILENO, bytes.baseAddress, bytes.count) }
    }

    private static func timestamp() -> String {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        var parts = tm()
        gmtime_r(&time.tv_sec, &parts)
        var text = [CChar](repeating: 0, count: 32)
        let count: Int = strftime(&text, text.count, "%Y-%m-%dT%H:%M:%S", &parts)
        let milliseconds: Int = 1_000 + time.tv_nsec / 1_000_000
        let head = String(decoding: text[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return "\(head).\(String(milliseconds).dropFirst())Z"
    }

    /// Line ends and control characters would let a value forge lines.
    private static func printable(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) else { return text }
        return String(
            String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }))
    }

    private static func quoted(_ text: String) -> String {
        var quoted: String = "\""
        for scalar: Unicode.Scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
