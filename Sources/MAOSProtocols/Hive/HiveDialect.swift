package import MAOSCore

/// The hive feed on one loop: clients listen, and are told of everything that happens, each frame encoded once.
package final class HiveDialect: SocketDialect {
    private struct Connection {
        var listener: HiveAudience.Listener
        var expires: Instant?
        var replay: HiveReplay?
    }

    /// A client that is to be told of what follows an event which is still on its way to this loop.
    private struct Newcomer {
        var peer: PeerID
        /// The newest event that it is not told of.
        var last: UInt64
        /// What happened meanwhile that no event tells of.
        var missed: [HiveModules.Change] = []
    }

    private static let lookInterval: Milliseconds = .seconds(1)

    private let bus: EventBus
    private let environment: any DialectEnvironment
    private let configuration: HiveConfiguration
    private let commons: HiveCommons
    private let projection: HiveProjection
    private var connections: [PeerID: Connection] = [:]
    /// Those whose credentials end some day.
    private var mortal: Set<PeerID> = []
    /// Those who are being brought up to date.
    private var replaying: Set<PeerID> = []
    private var audience = HiveAudience()
    private var newcomers: [Newcomer] = []
    /// The newest event that this loop has heard of.
    private var heard: UInt64 = 0
    private var types: [HiveFrameType] = []
    /// The next free slots after events after which this loop has used some.
    private var usedSlots: [UInt64: UInt64] = [:]
    /// The event after which another one was asked for, because slots had become scarce.
    private var refreshed: UInt64 = 0
    private var isScarce = false
    private var lastStatus: [UInt8]?
    private var nextStatus: Instant?
    private var nextLook = Instant(milliseconds: 0)
    private var cursor: UInt64 = 0
    private var lastToken: UInt64 = 0
    package private(set) var resumptions: Int = 0

    /// Serves one loop.
    ///
    /// - Parameters:
    ///   - view: What is committed.
    ///   - bus: The live events.
    ///   - environment: The server around it.
    ///   - configuration: What the operator has set.
    ///   - commons: What all loops share.
    package init(
        view: CommittedView, bus: EventBus, environment: any DialectEnvironment, configuration: HiveConfiguration,
        commons: HiveCommons
    ) {
        self.bus = bus
        self.environment = environment
        self.configuration = configuration
        self.commons = commons
        projection = HiveProjection(
            view: view, environment: environment, configuration: configuration, ledger: commons.ledger,
            seed: commons.seed)
    }

    // MARK: Coming and going

    package func open(_ peer: PeerID, _ arrival: SocketArrival, at now: Instant) -> [SocketOutput] {
        do throws(HiveRefusal) {
            return try welcome(peer, arrival, at: now)
        } catch {
            return [.close(peer, code: error.code, reason: error.reason)]
        }
    }

    private func welcome(
        _ peer: PeerID, _ arrival: SocketArrival, at now: Instant
    ) throws(HiveRefusal) -> [SocketOutput] {
        guard let caller: SocketCaller = arrival.caller else { throw .unknownCaller }
        let permissions: Permissions = caller.principal.permissions
        guard !permissions.isDisjoint(with: [.tasksSubscribe, .agentsSubscribe, .systemSubscribe]) else {
            throw .forbidden
        }
        let wishes = try HiveWishes(arrival)
        let listener = HiveAudience.Listener(principal: caller.principal, types: wishes.types)
        if connections.isEmpty {
            cursor = commons.modules.next
            nextStatus = now + configuration.statusInterval
        }
        var connection = Connection(listener: listener, expires: caller.expires)
        if caller.expires != nil { mortal.insert(peer) }
        var outputs: [SocketOutput] = []
        guard let since: UInt64 = wishes.since else {
            connections[peer] = connection
            begin(peer, listener, after: bus.lastSequence, at: now, to: &outputs)
            askForEvent(to: &outputs)
            return outputs
        }
        let replay = HiveReplay(peer, listener, since: since, projection: projection, bus: bus)
        connection.replay = replay
        resumptions += 1
        connections[peer] = connection
        replaying.insert(peer)
        pump(replay, listener, at: now, to: &outputs)
        return outputs
    }

    /// Has a client told of everything after an event.
    private func begin(
        _ peer: PeerID, _ listener: HiveAudience.Listener, after last: UInt64, at now: Instant,
        to outputs: inout [SocketOutput]
    ) {
        // Nobody here needs what may still be on its way.
        if audience.isEmpty, newcomers.isEmpty { heard = max(heard, last) }
        if last <= heard {
            audience.add(peer, listener)
        } else {
            newcomers.append(Newcomer(peer: peer, last: last))
        }
        guard listener.wants(HiveFrameType.hiveStatusUpdate.name),
            listener.principal.permissions.contains(.systemSubscribe),
            let frame: [UInt8] = statusFrame(after: max(last, heard), at: now) ?? lastStatus
        else { return }
        outputs.append(.send(frame, to: peer))
    }

    package func close(_ peer: PeerID, at now: Instant) -> [SocketOutput] {
        guard let connection: Connection = connections.removeValue(forKey: peer) else { return [] }
        mortal.remove(peer)
        guard replaying.remove(peer) == nil else { return [] }
        audience.remove(peer, connection.listener)
        if !newcomers.isEmpty { newcomers.removeAll { $0.peer == peer } }
        return []
    }

    /// Clients only listen: what they say is passed over.
    package func receive(_ text: [UInt8], from peer: PeerID, at now: Instant) -> [SocketOutput] { [] }

    /// Clients only listen: what they say is passed over.
    package func receiveBinary(_ bytes: [UInt8], from peer: PeerID, at now: Instant) -> [SocketOutput] { [] }

    // MARK: Events

    package func receive(_ events: [Event], at now: Instant) -> [SocketOutput] {
        var outputs: [SocketOutput] = []
        for event: Event in events where event.sequence > heard {
            if !newcomers.isEmpty { enterNewcomers(before: event.sequence, at: now, to: &outputs) }
            heard = event.sequence
            projection.note(event)
            if !audience.isEmpty { deliver(event, to: &outputs) }
        }
        if !newcomers.isEmpty { enterNewcomers(before: heard + 1, at: now, to: &outputs) }
        return outputs
    }

    private func deliver(_ event: Event, to outputs: inout [SocketOutput]) {
        types.removeAll(keepingCapacity: true)
        HiveProjection.append(typesOf: event, to: &types)
        for (slot, type) in types.enumerated() {
            audience.deliver(type, to: &outputs, mayHave: { HiveProjection.shows(event, to: $0) }) {
                projection.encode(event, type, slot: slot)
            }
        }
    }

    private func enterNewcomers(before sequence: UInt64, at now: Instant, to outputs: inout [SocketOutput]) {
        let waiting: [Newcomer] = newcomers
        newcomers = waiting.filter { $0.last >= sequence }
        guard newcomers.count < waiting.count else { return }
        for newcomer: Newcomer in waiting where newcomer.last < sequence {
            guard let listener: HiveAudience.Listener = connections[newcomer.peer]?.listener else { continue }
            heard = max(heard, newcomer.last)
            for change: HiveModules.Change in newcomer.missed {
                guard let frame: [UInt8] = frame(of: change) else { continue }
                outputs.append(.send(frame, to: newcomer.peer))
            }
            audience.add(newcomer.peer, listener)
        }
    }

    // MARK: What no event tells

    package func tick(at now: Instant) -> [SocketOutput] {
        guard !connections.isEmpty else { return [] }
        var outputs: [SocketOutput] = []
        for peer: PeerID in mortal {
            guard let end: Instant = connections[peer]?.expires, end <= now else { continue }
            mortal.remove(peer)
            outputs.append(.close(peer, code: HiveRefusal.expired.code, reason: HiveRefusal.expired.reason))
        }
        for peer: PeerID in replaying {
            guard let connection: Connection = connections[peer], let replay: HiveReplay = connection.replay else {
                continue
            }
            pump(replay, connection.listener, at: now, to: &outputs)
        }
        if now >= nextLook {
            nextLook = now + HiveDialect.lookInterval
            lookAtModules(at: now, to: &outputs)
        }
        if now >= nextStatus ?? now {
            nextStatus = now + configuration.statusInterval
            audience.deliver(.hiveStatusUpdate, to: &outputs, mayHave: HiveDialect.mayFollowSystem) { [self] in
                statusFrame(after: heard, at: now)
            }
        }
        askForEvent(to: &outputs)
        return outputs
    }

    private static func mayFollowSystem(_ principal: Principal) -> Bool {
        principal.permissions.contains(.systemSubscribe)
    }

    private func lookAtModules(at now: Instant, to outputs: inout [SocketOutput]) {
        let changes: [HiveModules.Change] = commons.modules.look(
            at: environment.components(at: now), from: &cursor, at: now)
        for change: HiveModules.Change in changes {
            audience.deliver(.moduleStatusChanged, to: &outputs, mayHave: HiveDialect.mayFollowSystem) { [self] in
                frame(of: change)
            }
            for place: Int in newcomers.indices {
                guard let listener = connections[newcomers[place].peer]?.listener,
                    listener.wants(HiveFrameType.moduleStatusChanged.name),
                    HiveDialect.mayFollowSystem(listener.principal)
                else { continue }
                newcomers[place].missed.append(change)
            }
        }
    }

    private func frame(of change: HiveModules.Change) -> [UInt8]? {
        guard let place: UInt64 = place(after: heard) else { return nil }
        return projection.envelope.encode(.moduleStatusChanged, at: change.time, sequence: place) {
            change.write(to: &$0)
        }
    }

    private func statusFrame(after event: UInt64, at now: Instant) -> [UInt8]? {
        guard let place: UInt64 = place(after: event) else { return nil }
        let status: HiveStatus = projection.status(at: now)
        let frame: [UInt8] = projection.envelope.encode(.hiveStatusUpdate, at: now, sequence: place) {
            status.write(to: &$0)
        }
        lastStatus = frame
        return frame
    }

    /// The place of a frame that no event causes; `nil` when there is none left before the next event.
    private func place(after event: UInt64) -> UInt64? {
        let base: UInt64 = event &* HiveSequence.width
        let own: UInt64 = usedSlots[event] ?? HiveSequence.firstFree
        let slot: UInt64
        if let place: UInt64 = commons.places.take(after: event) {
            slot = place - base
        } else if commons.places.isPast(event), own < HiveSequence.width {
            // Other loops are ahead; nobody who has seen their frames comes here with less than they had.
            slot = own
        } else {
            return nil
        }
        if usedSlots.count >= 8 { usedSlots = usedSlots.filter { $0.key >= heard } }
        usedSlots[event] = slot + 1
        if slot >= HiveSequence.scarce, refreshed < event {
            refreshed = event
            isScarce = true
        }
        return base + slot
    }

    /// Has an event made, if there is little room left after the newest one.
    private func askForEvent(to outputs: inout [SocketOutput]) {
        guard isScarce else { return }
        isScarce = false
        lastToken += 1
        let token = SocketToken(peer: PeerID(rawValue: 0), number: lastToken)
        outputs.append(.submit(.announce(SystemEvent(type: "hive_idle")), .system, token))
    }

    // MARK: Clients that come back

    private func pump(
        _ replay: HiveReplay, _ listener: HiveAudience.Listener, at now: Instant, to outputs: inout [SocketOutput]
    ) {
        lastToken += 1
        guard replay.pump(SocketToken(peer: replay.peer, number: lastToken), to: &outputs) else { return }
        replaying.remove(replay.peer)
        connections[replay.peer]?.replay = nil
        begin(replay.peer, listener, after: replay.next - 1, at: now, to: &outputs)
    }

    package func drained(_ peer: PeerID, at now: Instant) -> [SocketOutput] {
        guard let connection: Connection = connections[peer], let replay: HiveReplay = connection.replay else {
            return []
        }
        var outputs: [SocketOutput] = []
        replay.drained()
        pump(replay, connection.listener, at: now, to: &outputs)
        return outputs
    }

    package func complete(_ token: SocketToken, with outcome: SocketOutcome, at now: Instant) -> [SocketOutput] {
        guard let replay: HiveReplay = connections[token.peer]?.replay else { return [] }
        var outputs: [SocketOutput] = []
        switch outcome {
        case .read(.success(.events(let page))):
            replay.take(page, at: now, to: &outputs)
        case .read:
            let refusal: HiveRefusal = .unreadable
            outputs.append(.close(token.peer, code: refusal.code, reason: refusal.reason))
        case .reply, .host:
            break
        }
        return outputs
    }
}
