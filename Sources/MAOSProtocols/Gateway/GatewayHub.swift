package import MAOSCore

/// What happens without being asked for on one loop: streams, and requests that wait for a task's end.
///
/// The transport feeds it with every event and every stored piece of output, in order, tells it of connections that have
/// drained or are gone, ticks it at least once a second, and carries out what it returns.
package final class GatewayHub {
    let configuration: GatewayConfiguration
    private let view: CommittedView
    private let bus: EventBus
    private let encoder: GatewayEventEncoder
    private var eventStreams: [PeerID: GatewayEventStream] = [:]
    private var outputStreams: [PeerID: GatewayOutputStream] = [:]
    private var readers: [OutputOwner: [PeerID]] = [:]
    private var waits: [TaskID: [PeerID]] = [:]
    private var waitingPeers: [PeerID: (task: TaskID, until: Instant)] = [:]
    private let terminals = GatewayTerminals()

    /// Serves one loop.
    ///
    /// - Parameters:
    ///   - view: What is committed.
    ///   - bus: The live events.
    ///   - configuration: What the operator has set.
    ///   - environment: The server around it.
    package init(
        view: CommittedView, bus: EventBus, configuration: GatewayConfiguration, environment: any DialectEnvironment
    ) {
        let projection = GatewayProjection(view: view, configuration: configuration, environment: environment)
        encoder = GatewayEventEncoder(projection: projection)
        self.view = view
        self.bus = bus
        self.configuration = configuration
    }

    // MARK: Connections

    /// Begins a stream's body.
    package func open(_ stream: GatewayStream, for peer: PeerID, at now: Instant) -> [GatewayOutput] {
        var outputs: [GatewayOutput] = []
        switch stream {
        case .events(let stream):
            eventStreams[peer] = stream
            stream.open(peer, bus, at: now, to: &outputs)
        case .output(let stream):
            outputStreams[peer] = stream
            readers[stream.owner, default: []].append(peer)
            stream.open(peer, isEnded: !isLive(stream.owner), at: now, to: &outputs)
        }
        return outputs
    }

    /// Notes a request that waits for a task's end; answered by ``GatewayOutput/ended(_:_:)``.
    ///
    /// - Returns: Whether the task has ended already; then nothing is noted.
    package func awaitEnd(of task: TaskID, until deadline: Instant, for peer: PeerID) -> Bool {
        guard view.isLive(task) else { return true }
        waits[task, default: []].append(peer)
        waitingPeers[peer] = (task, deadline)
        return false
    }

    /// Forgets a connection.
    package func close(_ peer: PeerID) {
        eventStreams[peer] = nil
        terminals.remove(peer)
        if let stream: GatewayOutputStream = outputStreams.removeValue(forKey: peer) {
            remove(peer, from: &readers, stream.owner)
        }
        if let wait = waitingPeers.removeValue(forKey: peer) { remove(peer, from: &waits, wait.task) }
    }

    /// Goes on after ``GatewayOutput/read(_:for:)``; nothing happens for a connection that is gone.
    package func complete(
        _ peer: PeerID, with result: Result<StoreReadResult, JournalError>, at now: Instant
    ) -> [GatewayOutput] {
        var outputs: [GatewayOutput] = []
        switch result {
        case .success(.events(let page)):
            eventStreams[peer]?.complete(page, peer, bus, at: now, to: &outputs)
        case .success(.output(let page)):
            if let terminal: TerminalSession = terminals[peer] {
                terminal.complete(page, to: &outputs)
                break
            }
            outputStreams[peer]?.complete(page, peer, at: now, to: &outputs)
            forgetIfFinished(outputs, peer)
        case .success, .failure:
            if let terminal: TerminalSession = terminals[peer] {
                // What comes from now on can be shown all the same.
                let nothing = OutputPage(entries: [], firstSequence: 0, nextSequence: 1, lastSequence: 0)
                terminal.complete(nothing, to: &outputs)
                break
            }
            // The client comes back and goes on from where it was.
            guard eventStreams[peer] != nil || outputStreams[peer] != nil else { return [] }
            close(peer)
            outputs.append(.finish(peer))
        }
        return outputs
    }

    /// Goes on with a stream whose connection has written everything that it was given.
    package func drained(_ peer: PeerID, at now: Instant) -> [GatewayOutput] {
        var outputs: [GatewayOutput] = []
        eventStreams[peer]?.drained(peer, bus, at: now, to: &outputs)
        outputStreams[peer]?.drained(peer, to: &outputs)
        terminals[peer]?.drained(to: &outputs)
        return outputs
    }

    // MARK: Terminals

    /// Lets somebody come to a terminal.
    package func attach(_ session: TerminalSession, at now: Instant) -> [GatewayOutput] {
        var outputs: [GatewayOutput] = []
        terminals.add(session)
        session.open(view.agent(session.agent)?.state, to: &outputs)
        return outputs
    }

    /// A terminal's connection takes no more until ``drained(_:at:)``.
    package func filled(_ peer: PeerID) { terminals[peer]?.filled() }

    /// Goes on after typing for a terminal.
    package func typingEnded(_ answer: HostAnswer, for peer: PeerID) -> [GatewayOutput] {
        var outputs: [GatewayOutput] = []
        terminals[peer]?.typingEnded(answer, to: &outputs)
        return outputs
    }

    /// An agent's resident process has ended, with a code as shells tell it; its output has come before.
    package func residentEnded(of agent: AgentID, code: Int) -> [GatewayOutput] {
        var outputs: [GatewayOutput] = []
        terminals.residentEnded(of: agent, code: code, to: &outputs)
        return outputs
    }

    // MARK: Feed

    /// Takes events, in order, as the bus publishes them.
    package func receive(_ events: [Event], at now: Instant) -> [GatewayOutput] {
        var outputs: [GatewayOutput] = []
        for event: Event in events {
            for (peer, stream) in eventStreams { stream.receive(event, peer, encoder, at: now, to: &outputs) }
            if case .agent(let agent) = event.body { terminals.receive(agent, to: &outputs) }
            switch event.body {
            case .task(let task) where task.state.status.isTerminal:
                end(.task(task.id), to: &outputs)
                for peer: PeerID in waits.removeValue(forKey: task.id) ?? [] {
                    waitingPeers[peer] = nil
                    outputs.append(.ended(peer, true))
                }
            case .agent(let agent) where agent.kind == .terminated:
                end(.agent(agent.id), to: &outputs)
            case .task, .agent, .system, .workflow:
                break
            }
        }
        for (peer, stream) in eventStreams { stream.settle(peer, bus, at: now, to: &outputs) }
        return outputs
    }

    /// Takes output, as the store tells of it.
    package func receive(_ entries: [OutputEntry], at now: Instant) -> [GatewayOutput] {
        guard !readers.isEmpty || !terminals.isEmpty else { return [] }
        var outputs: [GatewayOutput] = []
        if !terminals.isEmpty { terminals.receive(entries, to: &outputs) }
        for entry: OutputEntry in entries {
            for peer: PeerID in readers[entry.owner] ?? [] {
                outputStreams[peer]?.receive(entry, peer, at: now, to: &outputs)
            }
        }
        for (peer, stream) in outputStreams { stream.settle(peer, to: &outputs) }
        return outputs
    }

    /// Takes note of output that it is not told of: it stands in the logs.
    package func skipped(_ gaps: [OutputGap], at now: Instant) -> [GatewayOutput] {
        guard !readers.isEmpty || !terminals.isEmpty else { return [] }
        var outputs: [GatewayOutput] = []
        for gap: OutputGap in gaps {
            terminals.skipped(gap, to: &outputs)
            for peer: PeerID in readers[gap.owner] ?? [] { outputStreams[peer]?.skipped(gap) }
        }
        for (peer, stream) in outputStreams { stream.settle(peer, to: &outputs) }
        return outputs
    }

    /// Sees to heartbeats and waits that have lasted too long.
    package func tick(at now: Instant) -> [GatewayOutput] {
        var outputs: [GatewayOutput] = []
        for (peer, stream) in eventStreams { stream.tick(peer, bus, at: now, to: &outputs) }
        for (peer, stream) in outputStreams { stream.tick(peer, at: now, to: &outputs) }
        terminals.tick(at: now, to: &outputs)
        for (peer, wait) in waitingPeers where wait.until <= now {
            waitingPeers[peer] = nil
            remove(peer, from: &waits, wait.task)
            outputs.append(.ended(peer, false))
        }
        return outputs
    }

    private func isLive(_ owner: OutputOwner) -> Bool {
        switch owner {
        case .task(let id): view.isLive(id)
        case .agent(let id): view.agent(id) != nil
        }
    }

    private func end(_ owner: OutputOwner, to outputs: inout [GatewayOutput]) {
        for peer: PeerID in readers[owner] ?? [] { outputStreams[peer]?.end(peer, to: &outputs) }
    }

    private func forgetIfFinished(_ outputs: [GatewayOutput], _ peer: PeerID) {
        if case .finish(let finished)? = outputs.last, finished == peer { close(peer) }
    }

    private func remove<Key: Hashable>(
        _ peer: PeerID, from table: inout [Key: [PeerID]], _ key: Key
    ) {
        guard let index = table.index(forKey: key) else { return }
        table.values[index].removeAll { $0 == peer }
        if table.values[index].isEmpty { table.remove(at: index) }
    }
}
