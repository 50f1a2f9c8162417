internal import MAOSCore
internal import MAOSProtocols
package import MAOSSystem
internal import Synchronization

/// Joins one dialect with the sockets of one loop: says who may connect, and carries out what the dialect wants.
///
/// Confined to its loop, except where other threads hand their results in.
package final class DialectHandler: EventSource, LoopHandler, @unchecked Sendable {
    // Everything is confined to the loop; `deliver`, `receive` and `stored` only hand over to it.

    private static let tickInterval: Int64 = 250

    private let dialect: any SocketDialect
    private(set) var services: DialectServices
    private let resources: LoopResources
    /// By the low half of the peer's number; the high half tells generations of a place apart.
    private var sockets: [DialectSocket?] = []
    private var freePlaces: [Int] = []
    private var generation: UInt64 = 0
    private var count: Int = 0
    /// What waits for an outcome, by the number that the orchestrator knows it by.
    private var waiting = TokenTable<SocketToken>()
    /// Commands of this turn; handed over together at its end.
    private var submissions: [Submission] = []
    private var reads: [(token: SocketToken, read: StoreRead)] = []
    private var hasSaidGoodbye = false
    /// Who came with something that may be revoked.
    private var bearers: [PeerID: SocketCaller] = [:]
    /// How many connections there are; other threads look here whether events are worth a wake-up.
    private let interest = Atomic<Int>(0)
    /// What happened here, for other threads to read.
    let measures = DialectMeasures()
    /// Output that has not been passed on.
    private let inbox = OutputInbox()
    /// Passes events on; what it holds back comes before anything else that happens to the dialect.
    private lazy var teller = EventTeller(on: loop, measures: measures) { [unowned self] events in tell(events) }

    init(_ services: DialectServices, resources: LoopResources) {
        self.services = services
        self.resources = resources
        dialect = services.makeDialect()
        super.init(loop: resources.loop)
        services.orchestrator.events.attach(self)
        services.outputs.observe(self)
        if dialect.listensAlways {
            interest.add(1, ordering: .sequentiallyConsistent)
            setDeadline(after: DialectHandler.tickInterval)
        }
    }

    /// Goes by what the operator says now; from any thread.
    func follow(_ changed: DialectServices) {
        loop.execute { [self] in services = changed }
    }

    var now: Instant { Instant(milliseconds: resources.wallMilliseconds) }

    // MARK: Coming and going

    /// Makes a connection known to the transport; the dialect hears of it by ``open(_:_:)``.
    func admit(_ connection: WebSocketServerConnection?, isUndecided: Bool = false) -> DialectSocket {
        // Before anything is looked at, so that no event falls between looking and hearing.
        interest.add(1, ordering: .sequentiallyConsistent)
        generation += 1
        let place: Int
        if let free: Int = freePlaces.popLast() {
            place = free
        } else {
            place = sockets.count
            sockets.append(nil)
        }
        let peer = PeerID(rawValue: generation << 32 | UInt64(place))
        let socket = DialectSocket(peer, handler: self, connection: connection, isUndecided: isUndecided)
        sockets[place] = socket
        count += 1
        measures.sockets.value = count
        if count == 1, !dialect.listensAlways { setDeadline(after: DialectHandler.tickInterval) }
        return socket
    }

    /// The connection is ready: the dialect begins with it.
    func open(_ socket: DialectSocket, _ arrival: SocketArrival) {
        teller.tellHeld()
        if let caller: SocketCaller = arrival.caller, caller.credential != nil { bearers[socket.peer] = caller }
        carryOut(dialect.open(socket.peer, arrival, at: now))
    }

    func forget(_ peer: PeerID, code: WebSocketCloseCode = .abnormal) {
        guard let socket: DialectSocket = socket(peer) else { return }
        let place = Int(truncatingIfNeeded: peer.rawValue & 0xFFFF_FFFF)
        socket.letGo()
        bearers[peer] = nil
        sockets[place] = nil
        freePlaces.append(place)
        count -= 1
        measures.sockets.value = count
        if count == 0 { measures.queuedBytes.value = 0 }
        interest.subtract(1, ordering: .sequentiallyConsistent)
        dialect.closing(peer, code: code.value, at: now)
        carryOut(dialect.close(peer, at: now))
    }

    /// Takes back what was admitted and never opened.
    func abandon(_ socket: DialectSocket) {
        let place = Int(truncatingIfNeeded: socket.peer.rawValue & 0xFFFF_FFFF)
        guard sockets[place] === socket else { return }
        sockets[place] = nil
        freePlaces.append(place)
        count -= 1
        measures.sockets.value = count
        interest.subtract(1, ordering: .sequentiallyConsistent)
    }

    private func socket(_ peer: PeerID) -> DialectSocket? {
        let place = Int(truncatingIfNeeded: peer.rawValue & 0xFFFF_FFFF)
        guard place < sockets.count, let socket: DialectSocket = sockets[place], socket.peer == peer else { return nil }
        return socket
    }

    // MARK: What comes

    func receive(_ text: [UInt8], from peer: PeerID) {
        measures.messagesIn.add()
        if services.tracesMessages { trace("received", text, peer) }
        teller.tellHeld()
        carryOut(dialect.receive(text, from: peer, at: now))
    }

    func receiveBinary(_ bytes: [UInt8], from peer: PeerID) {
        measures.messagesIn.add()
        teller.tellHeld()
        carryOut(dialect.receiveBinary(bytes, from: peer, at: now))
    }

    func drained(_ peer: PeerID) {
        teller.tellHeld()
        carryOut(dialect.drained(peer, at: now))
    }

    /// The connection is being closed, and takes no more messages.
    func ending(_ peer: PeerID) { dialect.ending(peer) }

    func signOfLife(from peer: PeerID) { dialect.sign(ofLifeFrom: peer, at: now) }

    package override func deadlineReached() {
        guard count > 0 || dialect.listensAlways else { return }
        setDeadline(after: DialectHandler.tickInterval)
        teller.tellHeld()
        carryOut(dialect.tick(at: now))
        endRevoked()
        measures.queuedBytes.value = sockets.reduce(0) { $0 + ($1?.backlog ?? 0) }
        measures.resumptions.value = dialect.resumptions
    }

    /// Closes the connections of those whose token or key has been revoked since they came.
    private func endRevoked() {
        for (peer, caller) in bearers where !services.credentials.stillHolds(caller) {
            bearers[peer] = nil
            carryOut([.close(peer, code: 1008, reason: "the credentials have been revoked")])
            ending(peer)
        }
    }

    /// The server is about to end; said to each connection by itself, to the dialect once.
    func sayGoodbye() {
        guard !hasSaidGoodbye else { return }
        hasSaidGoodbye = true
        teller.tellHeld()
        carryOut(dialect.drain(at: now))
    }

    // MARK: What the dialect wants

    private func carryOut(_ outputs: [SocketOutput]) {
        var place: Int = 0
        while place < outputs.count {
            let output: SocketOutput = outputs[place]
            place += 1
            switch output {
            case .send(let text, let peer):
                if services.tracesMessages { trace("sent", text, peer) }
                socket(peer)?.send(text)
            case .sendAhead(let text, let peer):
                if services.tracesMessages { trace("sent", text, peer) }
                socket(peer)?.send(text, isUrgent: true)
            case .deliver(let delivery):
                let payloads: [[UInt8]] = DialectHandler.run(of: delivery, in: outputs, from: &place)
                if services.tracesMessages {
                    for payload: [UInt8] in payloads { for peer in delivery.peers { trace("sent", payload, peer) } }
                }
                let message = SharedMessage(texts: payloads)
                let isAlone: Bool = outputs.count == 1
                for peer: PeerID in delivery.peers {
                    socket(peer)?.deliver(
                        message, superseding: delivery.superseding, isExpendable: delivery.isExpendable,
                        isAlone: isAlone)
                }
            case .pace(let peer):
                socket(peer)?.pace()
            case .close(let peer, let code, let reason):
                guard let socket: DialectSocket = socket(peer) else { continue }
                socket.decide()
                socket.connection?.close(WebSocketCloseCode(code), reason: reason)
            case .submit(let command, let principal, let token):
                let number: UInt64 = waiting.insert(token)
                submissions.append(
                    Submission(request: Request(command, from: principal), target: .sink(self, token: number)))
                loop.flushLater(self)
            case .perform(.read(let read), let token):
                reads.append((token, read))
                loop.flushLater(self)
            case .perform(.host(let request), let token):
                guard let host: any HostServices = services.host else {
                    preconditionFailure("\(services.name) was given nothing that acts on the host")
                }
                host.perform(request) { [self] answer in
                    loop.execute { [self] in complete(token, with: .host(answer)) }
                }
            }
        }
    }

    /// Notes that there was a message; it may hold secrets, so nothing of it but its type.
    private func trace(_ direction: String, _ text: [UInt8], _ peer: PeerID) {
        let message: JSONValue? = try? JSONReader.parse(text, depthLimit: 64)
        let type: String =
            (message?["type"]?.stringValue ?? message?["message_type"]?.stringValue).map { String($0.prefix(100)) }
            ?? "-"
        services.log(
            .debug, "WebSocket message \(direction)",
            ["dialect": services.name, "connection": "\(peer.rawValue)", "type": type, "bytes": "\(text.count)"])
    }

    /// Bytes of messages that go out as one.
    private static let runLimit: Int = 131_072

    /// The payloads of a delivery and of those right behind it that go to the same peers by the same rules.
    private static func run(
        of delivery: SocketDelivery, in outputs: [SocketOutput], from place: inout Int
    ) -> [[UInt8]] {
        var payloads: [[UInt8]] = [delivery.payload]
        guard delivery.superseding == nil, delivery.peers.count > 1 else { return payloads }
        var bytes: Int = delivery.payload.count
        while place < outputs.count, case .deliver(let next) = outputs[place], next.superseding == nil,
            next.isExpendable == delivery.isExpendable, bytes + next.payload.count <= runLimit,
            areSame(next.peers, delivery.peers)
        {
            payloads.append(next.payload)
            bytes += next.payload.count
            place += 1
        }
        return payloads
    }

    /// Whether two lists share their storage, as those of one audience do; lists that are merely equal are not worth a look.
    private static func areSame(_ left: [PeerID], _ right: [PeerID]) -> Bool {
        left.count == right.count
            && left.withUnsafeBufferPointer { left in
                right.withUnsafeBufferPointer { right in left.baseAddress == right.baseAddress }
            }
    }

    private func complete(_ token: SocketToken, with outcome: SocketOutcome) {
        teller.tellHeld()
        carryOut(dialect.complete(token, with: outcome, at: now))
    }

    package override func flush() {
        if !submissions.isEmpty {
            services.orchestrator.submit(submissions)
            submissions.removeAll(keepingCapacity: true)
        }
        guard !reads.isEmpty else { return }
        let reads: [(token: SocketToken, read: StoreRead)] = self.reads
        self.reads.removeAll(keepingCapacity: true)
        let (history, outputs) = (services.history, services.outputs)
        services.reader.execute { [self] in
            let results = reads.map { ($0.token, $0.read.perform(history: history, output: outputs)) }
            loop.execute { [self] in
                for (token, result) in results { complete(token, with: .read(result)) }
            }
        }
    }
}

extension DialectHandler: ReplySink {
    func deliver(_ replies: [TokenReply]) {
        loop.execute { [self] in
            for reply: TokenReply in replies {
                guard let token: SocketToken = waiting.remove(reply.token) else { continue }
                complete(token, with: .reply(reply.result))
            }
        }
    }
}

extension DialectHandler: EventSink {
    func receive(_ events: [Event]) {
        guard interest.load(ordering: .sequentiallyConsistent) > 0 else { return }
        let published: Int64 = SystemClock.monotonicNanoseconds()
        loop.execute { [self] in teller.accept(events, publishedAt: published) }
    }

    private func tell(_ events: [Event]) -> Bool {
        let outputs: [SocketOutput] = dialect.receive(events, at: now)
        carryOut(outputs)
        return !outputs.isEmpty
    }
}

extension DialectHandler: OutputObserver {
    func stored(_ entries: [OutputEntry]) {
        guard interest.load(ordering: .sequentiallyConsistent) > 0 else { return }
        guard inbox.add(entries) else { return }
        loop.execute { [self] in tellOfOutput() }
    }

    private func tellOfOutput() {
        teller.tellHeld()
        let delivery: OutputInbox.Delivery = inbox.take()
        for batch: [OutputEntry] in delivery.batches { carryOut(dialect.receive(batch, at: now)) }
        if !delivery.gaps.isEmpty { carryOut(dialect.skipped(delivery.gaps, at: now)) }
    }
}
