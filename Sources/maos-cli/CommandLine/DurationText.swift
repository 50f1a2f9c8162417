internal import MAOSCore
internal import MAOSSystem

/// Lengths of time as people write and read them.
enum DurationText {
    private static let units: [(suffix: String, milliseconds: Int64)] = [
        ("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]

    /// The milliseconds of `500ms`, `1.5s`, `5m`, `2h`, `1d`, or a bare number of milliseconds; nil for other texts.
    static func milliseconds(_ text: String) -> Int64? {
        let number: Substring = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let suffix: Substring = text[number.endIndex...]
        guard let unit = suffix.isEmpty ? units[0] : units.first(where: { $0.suffix == suffix }) else { return nil }
        guard let value = Double(number), value.isFinite else { return nil }
        let product: Double = value * Double(unit.milliseconds)
        guard product < 9e15 else { return nil }
        return Int64(product.rounded())
    }

    /// The text that reads back as the same time: `90s`, `24h`.
    static func exact(_ milliseconds: Int64) -> String {
        for unit in units.dropFirst().dropLast().reversed()
        where milliseconds > 0 && milliseconds.isMultiple(of: unit.milliseconds) {
            return "\(milliseconds / unit.milliseconds)\(unit.suffix)"
        }
        return "\(milliseconds)ms"
    }

    /// A measured time with three digits or so: `0.004s`, `0.21s`, `12.3s`, `2m05s`, `1h02m`, `3d04h`.
    static func short(_ milliseconds: Int64) -> String {
        let time: Int64 = max(0, milliseconds)
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        switch time {
        case ..<100:
            let digits = String(time)
            return "0." + String(repeating: "0", count: 3 - digits.count) + digits + "s"
        case ..<10_000: return "\(time / 1_000).\(two(time % 1_000 / 10))s"
        case ..<60_000: return "\(time / 1_000).\(time % 1_000 / 100)s"
        case ..<3_600_000: return "\(time / 60_000)m\(two(time / 1_000 % 60))s"
        case ..<86_400_000: return "\(time / 3_600_000)h\(two(time / 60_000 % 60))m"
        default: return "\(time / 86_400_000)d\(two(time / 3_600_000 % 24))h"
        }
    }

    /// A rough age: `now`, `12s`, `5m`, `3h`, `2d`.
    static func age(_ milliseconds: Int64) -> String {
        switch milliseconds {
        case ..<1_000: "now"
        case ..<60_000: "\(milliseconds / 1_000)s"
        case ..<3_600_000: "\(milliseconds / 60_000)m"
        case ..<86_400_000: "\(milliseconds / 3_600_000)h"
        default: "\(milliseconds / 86_400_000)d"
        }
    }
}

/// Points in time as people write them.
enum TimeText {
    /// Whether ``iso(_:now:)`` understands the text.
    static func isReadable(_ text: String) -> Bool { milliseconds(text, now: 0) != nil }

    /// ISO 8601 of a time in UTC, or of a time from now (`+10m`); nil for other texts.
    static func iso(_ text: String, now: Int64 = SystemClock.wallMilliseconds()) -> String? {
        milliseconds(text, now: now).map(ISO8601.string(milliseconds:))
    }

    private static func milliseconds(_ text: String, now: Int64) -> Int64? {
        guard text.hasPrefix("+") else { return ISO8601.parse(text) }
        return DurationText.milliseconds(String(text.dropFirst())).map { now + $0 }
    }
}
