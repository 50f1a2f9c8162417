internal import MAOSCore

/// Copies a task's output to our own, without the lines that only tell progress.
final class OutputCopier {
    private static let mark: String = "::maos "
    /// Bytes of a line without an end that are held back at most.
    private static let limit: Int = 65_536

    private let output: Channel
    private let errors: Channel
    /// What has come of a line that has not ended, by stream.
    private var tails: [String: String] = [:]

    init(output: Channel, errors: Channel) {
        self.output = output
        self.errors = errors
    }

    /// Takes a piece; writes the lines that are whole.
    func take(_ entry: OutputEntry) {
        var text: String = (tails[entry.stream] ?? "") + entry.data
        tails[entry.stream] = nil
        let end: String.Index =
            text.utf8.lastIndex(of: UInt8(ascii: "\n")).map(text.utf8.index(after:)) ?? text.startIndex
        let tail: Substring = text[end...]
        if tail.utf8.count < OutputCopier.limit {
            if !tail.isEmpty { tails[entry.stream] = String(tail) }
            text = String(text[..<end])
        }
        if text.contains(text: OutputCopier.mark) {
            // With their ends, so that what is left is what was written.
            var kept: String = ""
            var rest: Substring = text[...]
            while !rest.isEmpty {
                let next: String.Index =
                    rest.utf8.firstIndex(of: UInt8(ascii: "\n")).map(rest.utf8.index(after:)) ?? rest.endIndex
                if !rest.hasPrefix(OutputCopier.mark) { kept += rest[..<next] }
                rest = rest[next...]
            }
            text = kept
        }
        if !text.isEmpty { channel(of: entry.stream).write(text) }
    }

    /// Writes what is left: last lines without an end.
    func finish() {
        for (stream, tail) in tails.sorted(by: { $0.key < $1.key }) where !tail.hasPrefix(OutputCopier.mark) {
            let channel: Channel = channel(of: stream)
            channel.write(channel.isTerminal ? tail + "\n" : tail)
        }
        tails = [:]
    }

    private func channel(of stream: String) -> Channel { stream == "stderr" ? errors : output }
}
