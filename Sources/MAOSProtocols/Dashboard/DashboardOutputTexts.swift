internal import MAOSCore

/// An entry of an agent's log as messages; each is made once, and only where somebody wants it.
struct DashboardOutputTexts {
    let entry: OutputEntry
    let agent: AgentID
    private let outputItem: DashboardConnection.Item
    private let lineItem: DashboardConnection.Item
    private var madeOutput: DashboardText?
    private var madeLines: [(part: UInt32, text: DashboardText)]?

    init(_ entry: OutputEntry, of agent: AgentID) {
        self.entry = entry
        self.agent = agent
        let stream: String = DashboardProjection.name(of: entry.stream)
        outputItem = .output(stream: stream)
        lineItem = .log(level: DashboardProjection.level(of: entry.stream), stream: stream)
    }

    /// Whether a connection wants the output or its lines.
    func isWanted(by connection: DashboardConnection) -> Bool {
        connection.match(outputItem, about: agent).isWanted || connection.match(lineItem, about: agent).isWanted
    }

    /// What a connection wants of the entry: the output, then its lines.
    mutating func messages(for connection: DashboardConnection) -> [DashboardConnection.Message] {
        let position = DashboardPosition(source: .output(agent), sequence: entry.sequence)
        var messages: [DashboardConnection.Message] = []
        func add(_ text: DashboardText, part: UInt32, _ match: DashboardConnection.Match) {
            guard let bytes: [UInt8] = text.bytes(for: match) else { return }
            let sent = DashboardSession.Sent(position: position, part: part)
            messages.append(DashboardConnection.Message(bytes: bytes, sent: sent))
        }
        let output: DashboardConnection.Match = connection.match(outputItem, about: agent)
        if output.isWanted { add(self.output(), part: 0, output) }
        let line: DashboardConnection.Match = connection.match(lineItem, about: agent)
        if line.isWanted {
            for made in lines() { add(made.text, part: made.part, line) }
        }
        return messages
    }

    private mutating func output() -> DashboardText {
        let text: DashboardText = madeOutput ?? DashboardProjection.output(entry, of: agent)
        madeOutput = text
        return text
    }

    private mutating func lines() -> [(part: UInt32, text: DashboardText)] {
        let texts: [(part: UInt32, text: DashboardText)] =
            madeLines ?? DashboardProjection.logEntries(entry, of: agent)
        madeLines = texts
        return texts
    }
}
