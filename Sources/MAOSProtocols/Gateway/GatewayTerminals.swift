internal import MAOSCore

/// Everybody at a terminal on one loop, by agent.
final class GatewayTerminals {
    /// Bytes of one message.
    private static let messageBytes: Int = 64 * 1_024

    private var sessions: [PeerID: TerminalSession] = [:]
    private var peers: [AgentID: [PeerID]] = [:]

    var isEmpty: Bool { sessions.isEmpty }

    subscript(peer: PeerID) -> TerminalSession? { sessions[peer] }

    func add(_ session: TerminalSession) {
        sessions[session.peer] = session
        peers[session.agent, default: []].append(session.peer)
    }

    func remove(_ peer: PeerID) {
        guard let session: TerminalSession = sessions.removeValue(forKey: peer),
            let index = peers.index(forKey: session.agent)
        else { return }
        peers.values[index].removeAll { $0 == peer }
        if peers.values[index].isEmpty { peers.remove(at: index) }
    }

    /// Takes stored output of all kinds; what goes to many as it came is one message for all of them.
    func receive(_ entries: [OutputEntry], to outputs: inout [GatewayOutput]) {
        var start: Int = entries.startIndex
        while start < entries.endIndex {
            let owner: OutputOwner = entries[start].owner
            var end: Int = start
            var bytes: Int = 0
            while end < entries.endIndex, entries[end].owner == owner, entries[end].stream == .terminal,
                bytes == 0 || bytes + entries[end].data.count <= GatewayTerminals.messageBytes
            {
                bytes += entries[end].data.count
                end += 1
            }
            guard end > start else {
                start += 1
                continue
            }
            if case .agent(let agent) = owner { receive(entries[start..<end], of: agent, bytes, to: &outputs) }
            start = end
        }
    }

    private func receive(
        _ entries: ArraySlice<OutputEntry>, of agent: AgentID, _ count: Int, to outputs: inout [GatewayOutput]
    ) {
        guard let listening: [PeerID] = peers[agent] else { return }
        var current: [PeerID] = []
        for peer: PeerID in listening where sessions[peer]?.accept(entries, to: &outputs) == true {
            current.append(peer)
        }
        guard !current.isEmpty else { return }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        for entry: OutputEntry in entries { bytes += entry.data }
        outputs.append(.show(bytes, to: current))
    }

    /// Takes note of output that it is not handed.
    func skipped(_ gap: OutputGap, to outputs: inout [GatewayOutput]) {
        guard case .agent(let agent) = gap.owner, gap.terminalBytes > 0 else { return }
        for peer: PeerID in peers[agent] ?? [] { sessions[peer]?.skipped(gap, to: &outputs) }
    }

    /// Takes note of what happened to an agent.
    func receive(_ event: AgentEvent, to outputs: inout [GatewayOutput]) {
        for peer: PeerID in peers[event.id] ?? [] { sessions[peer]?.note(event.state, to: &outputs) }
    }

    /// An agent's process has ended.
    func residentEnded(of agent: AgentID, code: Int, to outputs: inout [GatewayOutput]) {
        for peer: PeerID in peers[agent] ?? [] { sessions[peer]?.end(code, to: &outputs) }
    }

    func tick(at now: Instant, to outputs: inout [GatewayOutput]) {
        for session: TerminalSession in sessions.values { session.tick(at: now, to: &outputs) }
    }
}
