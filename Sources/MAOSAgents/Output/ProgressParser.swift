internal import CLinux
internal import Glibc
package import MAOSCore

/// What a run says about how far it is, and what it has cost.
package struct ProgressUpdate: Hashable, Sendable {
    /// 0…1.
    package var progress: Double?
    /// What it is doing, at most 500 characters.
    package var step: String?
    /// What was added to the cost.
    package var cost: Cost = .zero
    /// Tokens that were added.
    package var tokens: Int64 = 0
    /// Words that said something impossible, such as `cost=-1`; the first few.
    package var refused: [String] = []

    /// Makes an update.
    package init(progress: Double? = nil, step: String? = nil, cost: Cost = .zero, tokens: Int64 = 0) {
        self.progress = progress
        self.step = step
        self.cost = cost
        self.tokens = tokens
    }

    var isEmpty: Bool { progress == nil && step == nil && cost == .zero && tokens == 0 && refused.isEmpty }

    /// Takes over what a newer update says.
    mutating func merge(_ newer: ProgressUpdate) {
        progress = newer.progress ?? progress
        step = newer.step ?? step
        cost = min(Cost.limit, Cost(micros: cost.micros + newer.cost.micros))
        tokens = min(ProgressParser.tokenLimit, tokens + newer.tokens)
        if refused.count < ProgressParser.refusedLimit { refused += newer.refused }
    }
}

/// Finds the lines `::maos progress=0.5 step=Running tests` in a stream of bytes.
///
/// However the stream is cut into pieces, the result is the same. What is not such a line costs one search per piece.
package struct ProgressParser {
    private enum State {
        case lineBegin
        /// Inside a line that is, or may become, one of ours; with its bytes so far.
        case candidate([UInt8])
        /// Inside a line that is none of ours.
        case otherLine
    }

    private static let mark: [UInt8] = Array("::maos ".utf8)
    /// Bytes of one line; longer ones are ordinary output.
    package static let lineLimit: Int = 4_096
    /// Characters of a step.
    package static let stepLimit: Int = 500
    /// Tokens of one line, and of one run.
    package static let tokenLimit: Int64 = 1_000_000_000_000_000
    /// Words that are kept of those that said something impossible.
    static let refusedLimit: Int = 4

    private var state: State = .lineBegin
    private var found = ProgressUpdate()

    /// Begins with nothing.
    package init() {}

    /// Takes a piece of the stream.
    package mutating func receive(_ bytes: UnsafeRawBufferPointer) {
        var position: Int = 0
        switch state {
        case .lineBegin: break
        case .otherLine:
            guard let newline: Int = find(UInt8(ascii: "\n"), in: bytes, from: 0) else { return }
            position = newline + 1
        case .candidate(var line):
            state = .otherLine
            let newline: Int? = find(UInt8(ascii: "\n"), in: bytes, from: 0)
            let end: Int = newline ?? bytes.count
            if line.count + end <= ProgressParser.lineLimit {
                line.append(contentsOf: bytes[..<end])
                if newline != nil {
                    read(line)
                } else if mayBeOurs(line) {
                    state = .candidate(line)
                }
            }
            guard let newline else { return }
            position = newline + 1
        }
        state = .lineBegin
        readLines(bytes, from: position)
    }

    /// Takes the last line, if it has no end, and gives what was found since the last call.
    package mutating func finish() -> ProgressUpdate? {
        if case .candidate(let line) = state { read(line) }
        state = .lineBegin
        return take()
    }

    /// Gives what was found since the last call.
    package mutating func take() -> ProgressUpdate? {
        guard !found.isEmpty else { return nil }
        defer { found = ProgressUpdate() }
        return found
    }

    private mutating func readLines(_ bytes: UnsafeRawBufferPointer, from start: Int) {
        var position: Int = start
        while let place: Int = findMark(in: bytes, from: position) {
            guard place == start || bytes[place - 1] == UInt8(ascii: "\n") else {
                position = place + 1
                continue
            }
            guard let newline: Int = find(UInt8(ascii: "\n"), in: bytes, from: place) else {
                keep(bytes[place...])
                return
            }
            if newline - place <= ProgressParser.lineLimit { read(Array(bytes[place..<newline])) }
            position = newline + 1
        }
        guard let newline: Int = bytes[start...].lastIndex(of: UInt8(ascii: "\n")) else { return keep(bytes[start...]) }
        keep(bytes[(newline + 1)...])
    }

    /// Remembers the begin of a line whose end has not come.
    private mutating func keep(_ begin: Slice<UnsafeRawBufferPointer>) {
        guard !begin.isEmpty else { return }
        state = .otherLine
        guard begin.count <= ProgressParser.lineLimit else { return }
        let line: [UInt8] = Array(begin.prefix(ProgressParser.mark.count))
        if mayBeOurs(line) { state = .candidate(Array(begin)) }
    }

    private func mayBeOurs(_ line: [UInt8]) -> Bool {
        line.starts(with: ProgressParser.mark) || ProgressParser.mark.starts(with: line)
    }

    private func find(_ byte: UInt8, in bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard start < bytes.count, let base = bytes.baseAddress else { return nil }
        guard let place = memchr(base + start, CInt(byte), bytes.count - start) else { return nil }
        return UnsafeRawPointer(place) - base
    }

    private func findMark(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard start < bytes.count, let base = bytes.baseAddress else { return nil }
        let mark: [UInt8] = ProgressParser.mark
        guard let place = memmem(base + start, bytes.count - start, mark, mark.count) else { return nil }
        return UnsafeRawPointer(place) - base
    }

    /// Reads `key=value` words; a word that is none belongs to the value before it.
    private mutating func read(_ line: [UInt8]) {
        guard line.starts(with: ProgressParser.mark) else { return }
        let text = String(decoding: line.dropFirst(ProgressParser.mark.count), as: UTF8.self)
        var update = ProgressUpdate()
        var key: Substring = ""
        var value: String = ""
        func refuse() { update.refused.append("\(key)=\(value.prefix(100))") }
        func close() {
            switch key {
            case "progress":
                if let number = Double(value), (0...1).contains(number) { update.progress = number }
            case "step":
                update.step = String(value.prefix(ProgressParser.stepLimit))
            case "cost":
                guard let cost = Cost(value) else { return refuse() }
                update.cost = cost
            case "tokens":
                guard let tokens = Int64(value), (0...ProgressParser.tokenLimit).contains(tokens) else {
                    return refuse()
                }
                update.tokens = tokens
            default:
                break
            }
        }
        for word in text.split(
            omittingEmptySubsequences: true, whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\r" })
        {
            if let equals: Substring.Index = word.firstIndex(of: "="), isKey(word[..<equals]) {
                close()
                key = word[..<equals]
                value = String(word[word.index(after: equals)...])
            } else {
                if !value.isEmpty { value.append(" ") }
                value.append(contentsOf: word)
            }
        }
        close()
        found.merge(update)
    }

    private func isKey(_ word: Substring) -> Bool {
        switch word {
        case "progress", "step", "cost", "tokens": true
        default: false
        }
    }
}
