internal import MAOSCore

/// Brings one client that comes back up to date: from what is at hand or stored, piece by piece as it takes them, in order.
final class HiveReplay {
    private enum Mode {
        /// Goes on with ``next``.
        case behind
        /// Waits for a page of the history.
        case reading
        /// Waits for the client to take what it was given.
        case pacing
    }

    let peer: PeerID
    private let listener: HiveAudience.Listener
    private let projection: HiveProjection
    private let bus: EventBus
    /// The newest place that the client has seen.
    private let seen: UInt64
    /// The types of events to read; empty for all.
    private let sources: Set<String>
    private var mode: Mode = .behind
    private var types: [HiveFrameType] = []
    /// The first event that has not been looked at.
    private(set) var next: UInt64

    /// Begins after a place.
    ///
    /// - Parameters:
    ///   - peer: The client.
    ///   - listener: What it wants and may have.
    ///   - since: The newest place that it has seen.
    ///   - projection: Makes frames.
    ///   - bus: Has the newest events at hand.
    init(
        _ peer: PeerID, _ listener: HiveAudience.Listener, since: UInt64, projection: HiveProjection, bus: EventBus
    ) {
        self.peer = peer
        self.listener = listener
        self.projection = projection
        self.bus = bus
        seen = since
        let event: UInt64 = HiveSequence.event(of: since)
        let hasAll: Bool = since % HiveSequence.width >= HiveSequence.firstFree
        let first: UInt64 = max(1, hasAll ? event + 1 : event)
        sources = listener.types.map { HiveFrameType.sources(of: $0) } ?? []
        let wantsStored: Bool = listener.types == nil || !sources.isEmpty
        // A place that is still to come is taken for the newest one.
        next = wantsStored ? min(first, bus.lastSequence + 1) : bus.lastSequence + 1
    }

    /// Goes on.
    ///
    /// - Returns: Whether the client is up to date: what comes next has the number ``next``.
    func pump(_ token: SocketToken, to outputs: inout [SocketOutput]) -> Bool {
        guard mode == .behind else { return false }
        var bytes: Int = 0
        while bytes < projection.configuration.chunk {
            guard let recent: [Event] = bus.recent(from: next) else {
                guard bytes == 0 else { break }
                mode = .reading
                outputs.append(
                    .perform(
                        .read(.events(from: next, limit: projection.configuration.pageLimit, types: sources)), token))
                return false
            }
            guard !recent.isEmpty else { return true }
            for event: Event in recent where bytes < projection.configuration.chunk {
                bytes += send(event, to: &outputs)
                next = event.sequence + 1
            }
        }
        mode = .pacing
        outputs.append(.pace(peer))
        return false
    }

    /// The client has taken everything.
    func drained() {
        if mode == .pacing { mode = .behind }
    }

    /// Takes a page of the history; goes on when the client has taken what it gives.
    func take(_ page: EventPage, at now: Instant, to outputs: inout [SocketOutput]) {
        guard mode == .reading else { return }
        if page.oldestSequence > next { tellGap(until: page.oldestSequence, at: now, to: &outputs) }
        for event: Event in page.events where event.sequence >= next { _ = send(event, to: &outputs) }
        let isStuck: Bool = page.nextSequence <= next
        next = max(next, page.nextSequence)
        // A history that has nothing where the bus has something is behind for a moment: the next tick asks again.
        mode = isStuck ? .behind : .pacing
        if !isStuck { outputs.append(.pace(peer)) }
    }

    private func send(_ event: Event, to outputs: inout [SocketOutput]) -> Int {
        guard HiveProjection.shows(event, to: listener.principal) else { return 0 }
        var bytes: Int = 0
        types.removeAll(keepingCapacity: true)
        HiveProjection.append(typesOf: event, to: &types)
        for (slot, type) in types.enumerated()
        where listener.wants(type.name) && HiveSequence.place(of: event.sequence, slot: slot) > seen {
            let frame: [UInt8] = projection.encode(event, type, slot: slot)
            bytes += frame.count
            outputs.append(.send(frame, to: peer))
        }
        return bytes
    }

    /// Says that some of what happened is no longer kept; just before the first event that is.
    private func tellGap(until oldest: UInt64, at now: Instant, to outputs: inout [SocketOutput]) {
        let first: UInt64 = next
        next = oldest
        guard listener.wants(HiveFrameType.systemAlert.name) else { return }
        let place: UInt64 = oldest * HiveSequence.width - 1
        outputs.append(
            .send(
                projection.envelope.encode(.systemAlert, at: now, sequence: place) { (writer: inout JSONWriter) in
                    writer.member("level", "warning")
                    writer.member("title", "Events are missing")
                    writer.member("message", "What happened before event \(oldest) is no longer kept")
                    writer.beginObject("details")
                    writer.member("from_event", first)
                    writer.member("to_event", oldest - 1)
                    writer.member("affected_components", ["event_delivery"])
                    writer.endObject()
                }, to: peer))
    }
}
