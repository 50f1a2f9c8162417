internal import MAOSCore
internal import MAOSProtocols
internal import MAOSSystem
internal import Synchronization

/// A connection that the hub knows, by what it is to the hub.
enum GatewayPeer {
    /// A request that waits for the end of a task.
    case request(GatewayHandler.Waiting)
    case stream(GatewayStreamWriter)
    case terminal(TerminalSocket)
}

/// Streams, and requests that wait for an end.
extension GatewayHandler {
    private static let tickInterval: Int64 = 1_000

    // MARK: Coming and going

    /// Makes a connection known; it hears of everything from now on.
    func admit(_ make: (PeerID) -> GatewayPeer) -> PeerID {
        lastPeer += 1
        let id = PeerID(rawValue: lastPeer)
        // Before anything is looked at, so that no event falls between looking and hearing.
        interest.add(1, ordering: .sequentiallyConsistent)
        peers[id] = make(id)
        lookAgain()
        return id
    }

    func forget(_ id: PeerID) {
        guard peers.removeValue(forKey: id) != nil else { return }
        interest.subtract(1, ordering: .sequentiallyConsistent)
        hub.close(id)
    }

    /// Sees to it that there is a tick within a second.
    func lookAgain() {
        if deadline == .max { setDeadline(after: GatewayHandler.tickInterval) }
    }

    func tick() {
        giveUpOnOverdue()
        guard !peers.isEmpty else {
            if hasWaiting { lookAgain() }
            return
        }
        lookAgain()
        endReplaced()
        endInvalid()
        carryOut(hub.tick(at: now))
        measures.terminals.queuedBytes.value = peers.values.reduce(0) { (sum: Int, peer: GatewayPeer) in
            if case .terminal(let socket) = peer { sum + socket.backlog } else { sum }
        }
    }

    /// Closes the terminals of those whose token, which had no end, has been replaced.
    private func endReplaced() {
        let current: String = services.administrator.name(at: loop.now)
        for case .terminal(let socket) in peers.values { socket.end(unlessNamed: current) }
    }

    /// Ends the streams that are followed with a token that is not good any more; whoever comes back is told so.
    private func endInvalid() {
        let administrator: Int = services.administrator.version(at: loop.now)
        let seconds: Int64 = resources.wallMilliseconds / 1_000
        let ended: [PeerID] = peers.compactMap { (id, peer) in
            guard case .stream(let writer) = peer, let caller: KnownCaller = writer.follower,
                !caller.isValid(administrator: administrator, at: seconds)
            else { return nil }
            return id
        }
        carryOut(ended.map { .finish($0) })
    }

    // MARK: Requests that wait

    func awaitEnd(of task: TaskID, until deadline: Instant, _ request: Waiting) {
        let id: PeerID = admit { _ in .request(request) }
        guard hub.awaitEnd(of: task, until: deadline, for: id) else { return }
        endWait(id, true)
    }

    private func endWait(_ id: PeerID, _ ended: Bool) {
        guard case .request(let request)? = peers[id] else { return }
        forget(id)
        goOn(request, complete(request.pending, ended: ended))
    }

    // MARK: Streams

    func begin(
        _ stream: GatewayStream, _ head: GatewayResponse, _ caller: KnownCaller?, _ responder: HTTPResponder
    ) {
        var fields: HTTPFields = head.fields
        fields.append(.contentType, head.contentType)
        fields.append(.xRequestID, head.requestID.text)
        var writer: GatewayStreamWriter?
        let id: PeerID = admit { id in
            let made = GatewayStreamWriter(
                id, handler: self, responder: responder, follower: stream.isFollowing ? caller : nil)
            writer = made
            return .stream(made)
        }
        guard let writer, responder.beginStream(head.status, fields: fields, owner: writer) else { return forget(id) }
        carryOut(hub.open(stream, for: id, at: now))
    }

    func goOnWithWrittenStreams() {
        guard !writtenStreams.isEmpty else { return }
        let written: [PeerID] = writtenStreams
        writtenStreams.removeAll(keepingCapacity: true)
        for id: PeerID in written where peers[id] != nil { carryOut(hub.drained(id, at: now)) }
    }

    func readForStreams() {
        guard !streamReads.isEmpty else { return }
        let reads: [(peer: PeerID, read: StoreRead)] = streamReads
        streamReads.removeAll(keepingCapacity: true)
        services.reader.execute { [self] in
            let (history, outputs) = (services.history, services.outputs)
            let results = reads.map {
                let begin: Int64 = SystemClock.monotonicNanoseconds()
                let result = $0.read.perform(history: history, output: outputs)
                services.readMeasures.note(result, since: begin)
                return ($0.peer, result)
            }
            loop.execute { [self] in
                for (peer, result) in results where peers[peer] != nil {
                    carryOut(hub.complete(peer, with: result, at: now))
                }
            }
        }
    }

    // MARK: What the hub wants

    func carryOut(_ outputs: [GatewayOutput]) {
        for output: GatewayOutput in outputs {
            switch output {
            case .send(let bytes, let id):
                guard case .stream(let writer)? = peers[id] else { continue }
                writer.write(bytes)
            case .read(let read, let id):
                streamReads.append((id, read))
                loop.flushLater(self)
            case .finish(let id):
                guard case .stream(let writer)? = peers[id] else { continue }
                forget(id)
                writer.finish()
            case .ended(let id, let ended):
                endWait(id, ended)
            case .show(let bytes, let ids):
                let frame: [UInt8] = WebSocketFrameEncoder.serverFrame(.binary, bytes)
                for id: PeerID in ids { terminal(id)?.send(frame: frame) }
            case .tell(let text, let id):
                terminal(id)?.send(text: text)
            case .close(let id, let code, let reason):
                terminal(id)?.close(WebSocketCloseCode(code), reason: reason)
            case .setReading(let id, let reads):
                terminal(id)?.setReading(reads)
            case .perform(let request, let id):
                perform(request, for: id)
            }
        }
    }

    private func terminal(_ id: PeerID) -> TerminalSocket? {
        guard case .terminal(let socket)? = peers[id] else { return nil }
        return socket
    }

    private func perform(_ request: HostRequest, for id: PeerID) {
        services.host.perform(request) { [self] answer in
            guard case .feed = request else { return }
            loop.execute { [self] in carryOut(hub.typingEnded(answer, for: id)) }
        }
    }

    /// Notes that a stream takes more.
    func streamHasRoom(_ id: PeerID) {
        writtenStreams.append(id)
        loop.flushLater(self)
    }
}

/// Writes the body of one streamed answer.
final class GatewayStreamWriter: HTTPStreamOwner {
    private let id: PeerID
    private unowned let handler: GatewayHandler
    private let responder: HTTPResponder
    /// Who reads it for as long as it goes on, if by a token; `nil` where what it began with is brought to its end.
    let follower: GatewayHandler.KnownCaller?

    init(
        _ id: PeerID, handler: GatewayHandler, responder: HTTPResponder, follower: GatewayHandler.KnownCaller?
    ) {
        self.id = id
        self.follower = follower
        self.handler = handler
        self.responder = responder
    }

    func write(_ bytes: [UInt8]) {
        if case .open = responder.write(bytes[...]) { handler.streamHasRoom(id) }
    }

    func finish() { responder.finishStream() }

    func streamDrained(_ responder: HTTPResponder) { handler.streamHasRoom(id) }

    func streamClosed(_ responder: HTTPResponder) { handler.forget(id) }
}
