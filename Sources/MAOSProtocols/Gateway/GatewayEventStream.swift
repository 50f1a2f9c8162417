internal import MAOSCore

/// The body of a followed history: catches up from what is stored, then goes on live, without gap or repetition.
///
/// It keeps no events: a reader that is too slow falls back to the stored history and catches up when it has drained.
package final class GatewayEventStream {
    private enum Mode {
        /// Goes on with ``next`` when the connection has drained.
        case behind
        /// Waits for a page of the history.
        case reading
        /// Takes events as they come.
        case live
    }

    private let principal: Principal
    private let isLimited: Bool
    private let types: Set<String>
    private let projection: GatewayProjection
    private let budget: Int
    private let heartbeat: Milliseconds
    private var mode: Mode = .behind
    /// The first event that has not been looked at.
    private var next: UInt64
    /// Bytes sent since the connection last drained.
    private var underWay: Int = 0
    private var lastSent = Instant(milliseconds: 0)

    /// Bytes that are made at a time while catching up.
    private static let chunk: Int = 256 * 1_024
    private static let pageLimit: Int = 500

    init(
        principal: Principal, types: Set<String>, from sequence: UInt64, projection: GatewayProjection,
        configuration: GatewayConfiguration
    ) {
        self.principal = principal
        isLimited = GatewayProjection.isLimited(principal)
        self.types = types
        self.projection = projection
        budget = configuration.streamBudget
        heartbeat = configuration.heartbeat
        next = sequence
    }

    func open(_ peer: PeerID, _ bus: EventBus, at now: Instant, to outputs: inout [GatewayOutput]) {
        var bytes: [UInt8] = []
        ServerSentEventEncoder.appendRetry(milliseconds: 1_000, to: &bytes)
        send(bytes, peer, at: now, to: &outputs)
        pump(peer, bus, at: now, to: &outputs)
    }

    /// Takes one event, live.
    func receive(
        _ event: Event, _ peer: PeerID, _ encoder: GatewayEventEncoder, at now: Instant,
        to outputs: inout [GatewayOutput]
    ) {
        guard mode == .live, event.sequence >= next else { return }
        guard event.sequence == next, underWay < budget else {
            mode = .behind
            return
        }
        next = event.sequence + 1
        guard isWanted(event) else { return }
        if isLimited {
            var bytes: [UInt8] = []
            GatewayEventEncoder.append(event, for: principal, projection, to: &bytes)
            send(bytes, peer, at: now, to: &outputs)
        } else {
            send(encoder.streamed(event), peer, at: now, to: &outputs)
        }
    }

    /// Goes on after a batch that left it behind with nothing under way.
    func settle(_ peer: PeerID, _ bus: EventBus, at now: Instant, to outputs: inout [GatewayOutput]) {
        if mode == .behind, underWay == 0 { pump(peer, bus, at: now, to: &outputs) }
    }

    func drained(_ peer: PeerID, _ bus: EventBus, at now: Instant, to outputs: inout [GatewayOutput]) {
        underWay = 0
        if mode == .behind { pump(peer, bus, at: now, to: &outputs) }
    }

    func complete(
        _ page: EventPage, _ peer: PeerID, _ bus: EventBus, at now: Instant,
        to outputs: inout [GatewayOutput]
    ) {
        guard mode == .reading else { return }
        var bytes: [UInt8] = []
        if page.oldestSequence > next {
            var writer = JSONWriter()
            writer.beginObject()
            writer.member("from", next)
            writer.member("to", page.oldestSequence - 1)
            writer.endObject()
            ServerSentEventEncoder.append(id: nil, event: "gap", data: writer.takeText(), to: &bytes)
        }
        for event: Event in page.events where event.sequence >= next { append(event, to: &bytes) }
        let isStuck: Bool = page.nextSequence <= next && bytes.isEmpty
        next = max(next, page.nextSequence)
        mode = .behind
        if !bytes.isEmpty { send(bytes, peer, at: now, to: &outputs) }
        // A history that has nothing where the bus has something is behind for a moment: the next tick asks again.
        if !isStuck, underWay == 0 { pump(peer, bus, at: now, to: &outputs) }
    }

    func tick(_ peer: PeerID, _ bus: EventBus, at now: Instant, to outputs: inout [GatewayOutput]) {
        settle(peer, bus, at: now, to: &outputs)
        guard (now - lastSent) >= heartbeat, underWay == 0 else { return }
        var bytes: [UInt8] = []
        ServerSentEventEncoder.appendKeepAlive(to: &bytes)
        send(bytes, peer, at: now, to: &outputs)
    }

    private func pump(_ peer: PeerID, _ bus: EventBus, at now: Instant, to outputs: inout [GatewayOutput]) {
        var bytes: [UInt8] = []
        catching: while bytes.count < GatewayEventStream.chunk {
            guard let recent: [Event] = bus.recent(from: next) else {
                guard bytes.isEmpty else { break catching }
                mode = .reading
                outputs.append(
                    .read(.events(from: next, limit: GatewayEventStream.pageLimit, types: types), for: peer))
                return
            }
            guard !recent.isEmpty else {
                mode = .live
                break catching
            }
            for event: Event in recent {
                append(event, to: &bytes)
                next = event.sequence + 1
                if bytes.count >= GatewayEventStream.chunk { break catching }
            }
        }
        if !bytes.isEmpty { send(bytes, peer, at: now, to: &outputs) }
    }

    private func isWanted(_ event: Event) -> Bool {
        guard types.isEmpty || types.contains(event.type) else { return false }
        return !isLimited || GatewayProjection.shows(event, to: principal)
    }

    private func append(_ event: Event, to bytes: inout [UInt8]) {
        guard isWanted(event) else { return }
        GatewayEventEncoder.append(event, for: isLimited ? principal : nil, projection, to: &bytes)
    }

    private func send(_ bytes: [UInt8], _ peer: PeerID, at now: Instant, to outputs: inout [GatewayOutput]) {
        underWay += bytes.count
        lastSent = now
        outputs.append(.send(bytes, to: peer))
    }
}
