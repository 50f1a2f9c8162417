/// Texts of others, made fit for a terminal, and their widths.
enum DisplayText {
    /// The text on one line, without anything that could steer a terminal.
    static func line(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isUnsafe) else { return text }
        var safe = String.UnicodeScalarView()
        for scalar: Unicode.Scalar in text.unicodeScalars {
            if scalar == "\n" || scalar == "\t" {
                safe.append(" ")
            } else if !isUnsafe(scalar) {
                safe.append(scalar)
            } else if scalar != "\r" {
                safe.append("\u{FFFD}")
            }
        }
        return String(safe)
    }

    /// Each line of the text, made safe.
    static func lines(_ text: String) -> [String] {
        var rest: Substring = text[...]
        if rest.hasSuffix("\n") { rest = rest.dropLast() }
        return rest.split(separator: "\n", omittingEmptySubsequences: false).map { line(String($0)) }
    }

    /// Controls, and marks that change the direction of what follows.
    private static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029, 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }

    /// How many columns a text takes.
    static func width(_ text: String) -> Int {
        if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.utf8.count }
        return text.reduce(0) { $0 + width($1) }
    }

    private static func width(_ character: Character) -> Int {
        guard let scalar: Unicode.Scalar = character.unicodeScalars.first else { return 0 }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format, .control: return 0
        default: break
        }
        if scalar.properties.isEmojiPresentation { return 2 }
        if character.unicodeScalars.contains("\u{FE0F}") { return 2 }
        switch scalar.value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF,
            0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6,
            0x20000...0x3FFFD:
            return 2
        default: return 1
        }
    }

    /// The text cut to so many columns, with an ellipsis where something is missing.
    static func cut(_ text: String, to columns: Int, ellipsis: String = Channel.isUnicode ? "…" : "~") -> String {
        guard width(text) > columns else { return text }
        guard columns > 1 else { return columns == 1 ? ellipsis : "" }
        var kept: String = ""
        var left: Int = columns - 1
        for character: Character in text {
            left -= width(character)
            guard left >= 0 else { break }
            kept.append(character)
        }
        return kept + ellipsis
    }

    /// The text with spaces after it up to so many columns.
    static func padded(_ text: String, to columns: Int) -> String {
        text + String(repeating: " ", count: max(0, columns - width(text)))
    }

    /// The words of a text on lines of at most so many columns.
    static func wrapped(_ text: String, to columns: Int) -> [String] {
        var lines: [String] = []
        var line: String = ""
        for word: Substring in text.split(separator: " ") {
            if !line.isEmpty, width(line) + 1 + width(String(word)) > columns {
                lines.append(line)
                line = ""
            }
            line += line.isEmpty ? String(word) : " \(word)"
        }
        return line.isEmpty ? lines : lines + [line]
    }
}
