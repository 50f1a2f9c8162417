internal import MAOSCore

/// An entry of an agent's log as messages: first the output, then each of its lines.
///
/// They are numbered from 0, and made one at a time, for all who want it: the lines of an entry may take a hundred times its size.
struct DashboardOutputTexts {
    /// How a connection wants an entry's messages.
    struct Wish {
        var output: DashboardConnection.Match
        var line: DashboardConnection.Match
    }

    let entry: OutputEntry
    let agent: AgentID
    private let outputItem: DashboardConnection.Item
    private let lineItem: DashboardConnection.Item
    private var foundLines: [ArraySlice<UInt8>]?
    /// The message that was made last.
    private var made: (part: Int, text: DashboardText)?

    init(_ entry: OutputEntry, of agent: AgentID) {
        self.entry = entry
        self.agent = agent
        let stream: String = DashboardProjection.name(of: entry.stream)
        outputItem = .output(stream: stream)
        lineItem = .log(level: DashboardProjection.level(of: entry.stream), stream: stream)
    }

    /// How a connection wants the messages; `nil` where it wants none.
    func wish(of connection: DashboardConnection) -> Wish? {
        let wish = Wish(
            output: connection.match(outputItem, about: agent), line: connection.match(lineItem, about: agent))
        return wish.output.isWanted || wish.line.isWanted ? wish : nil
    }

    /// The messages that somebody wants.
    mutating func parts(_ wish: Wish) -> Range<Int> {
        (wish.output.isWanted ? 0 : 1)..<(wish.line.isWanted ? 1 + lines().count : 1)
    }

    /// A message as somebody gets it who wants it so.
    mutating func message(_ part: Int, _ wish: Wish) -> DashboardConnection.Message? {
        guard let bytes: [UInt8] = text(part).bytes(for: part == 0 ? wish.output : wish.line) else { return nil }
        let position = DashboardPosition(source: .output(agent), sequence: entry.sequence)
        let sent = DashboardSession.Sent(position: position, part: UInt32(truncatingIfNeeded: part))
        return DashboardConnection.Message(bytes: bytes, sent: sent, isFollowed: part + 1 < parts(wish).upperBound)
    }

    private mutating func text(_ part: Int) -> DashboardText {
        if let made, made.part == part { return made.text }
        let text: DashboardText =
            part == 0
            ? DashboardProjection.output(entry, of: agent)
            : DashboardProjection.logEntry(lines()[part - 1], part: UInt32(truncatingIfNeeded: part), entry, of: agent)
        made = (part, text)
        return text
    }

    private mutating func lines() -> [ArraySlice<UInt8>] {
        let lines: [ArraySlice<UInt8>] = foundLines ?? entry.data.split(separator: UInt8(ascii: "\n"))
        foundLines = lines
        return lines
    }
}
