/// What a flag or an operand takes, and how its text is judged.
enum ValueForm: Sendable {
    case text
    /// One of these words.
    case words([String])
    /// Any word; these are offered by completion.
    case suggestions([String])
    /// A whole number.
    case number(ClosedRange<Int>)
    /// A length of time, in milliseconds.
    case duration(ClosedRange<Int64>)
    /// A point in time, or a length of time from now after a `+`.
    case time
    /// `NAME=VALUE`.
    case pair
    case file
    case folder

    /// Says what was expected if the text is not acceptable; nil if it is.
    func complaint(about text: String) -> String? {
        switch self {
        case .text, .suggestions, .file, .folder:
            return text.isEmpty ? "a text that is not empty" : nil
        case .words(let words):
            return words.contains(text) ? nil : "one of " + words.joined(separator: ", ")
        case .number(let range):
            if let number = Int(text), range.contains(number) { return nil }
            return range.upperBound == .max
                ? "a whole number from \(range.lowerBound)"
                : "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .duration(let range):
            if let time: Int64 = DurationText.milliseconds(text), range.contains(time) { return nil }
            return "a time from \(DurationText.exact(range.lowerBound)) to \(DurationText.exact(range.upperBound)), "
                + "such as 500ms, 30s, 5m or 2h"
        case .time:
            return TimeText.isReadable(text) ? nil : "a time such as 2030-01-31T12:00:00Z, or from now: +10m"
        case .pair:
            return (text.firstIndex(of: "=") ?? text.startIndex) == text.startIndex ? "NAME=VALUE" : nil
        }
    }

    /// The words that completion offers.
    var offered: [String] {
        switch self {
        case .words(let words), .suggestions(let words): words
        case .text, .number, .duration, .time, .pair, .file, .folder: []
        }
    }
}
