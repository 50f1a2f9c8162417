internal import MAOSCore

/// The body of a followed log: catches up from what is stored, then goes on live, and ends when nothing more can come.
///
/// It keeps no output: a reader that is too slow falls back to the stored log and catches up when it has drained.
package final class GatewayOutputStream {
    /// What the body looks like.
    enum Form {
        /// Server-sent events, to the end of the task or agent.
        case events
        /// The bytes themselves, as far as there are some.
        case text
    }

    private enum Mode {
        /// Goes on with ``next`` when the connection has drained.
        case behind
        /// Waits for a page of the log.
        case reading
        /// Takes entries as they come.
        case live
        case finished
    }

    let owner: OutputOwner
    var isFollowing: Bool { form == .events }
    private let form: Form
    private let budget: Int
    private let heartbeat: Milliseconds
    private var mode: Mode = .behind
    /// The first entry that has not been sent.
    private var next: UInt64
    /// The newest entry that is known of.
    private var newest: UInt64 = 0
    private var isEnded = false
    /// The newest entry that was known of when the page that is being read was asked for.
    private var newestAsked: UInt64 = 0
    /// Whether the page that is being read was asked for after the end.
    private var readsAfterEnd = false
    /// Bytes sent since the connection last drained.
    private var underWay: Int = 0
    private var lastSent = Instant(milliseconds: 0)

    private static let pageBytes: Int = 256 * 1_024
    private static let pageLimit: Int = 1_000

    init(owner: OutputOwner, form: Form, from sequence: UInt64, configuration: GatewayConfiguration) {
        self.owner = owner
        self.form = form
        budget = configuration.streamBudget
        heartbeat = configuration.heartbeat
        next = sequence
    }

    func open(_ peer: PeerID, isEnded: Bool, at now: Instant, to outputs: inout [GatewayOutput]) {
        self.isEnded = isEnded
        if form == .events {
            var bytes: [UInt8] = []
            ServerSentEventEncoder.appendRetry(milliseconds: 1_000, to: &bytes)
            send(bytes, peer, at: now, to: &outputs)
        }
        read(peer, to: &outputs)
    }

    /// Takes one entry, live.
    func receive(_ entry: OutputEntry, _ peer: PeerID, at now: Instant, to outputs: inout [GatewayOutput]) {
        newest = max(newest, entry.sequence)
        guard mode == .live, entry.sequence >= next else { return }
        guard entry.sequence == next, underWay < budget else {
            mode = .behind
            return
        }
        next = entry.sequence + 1
        var bytes: [UInt8] = []
        append(entry, to: &bytes)
        send(bytes, peer, at: now, to: &outputs)
    }

    /// Takes note of entries that it is not handed.
    func skipped(_ gap: OutputGap) {
        newest = max(newest, gap.sequences.upperBound)
        if mode == .live, newest >= next { mode = .behind }
    }

    /// Nothing new will come: reads once more to be sure that all is sent, then finishes.
    func end(_ peer: PeerID, to outputs: inout [GatewayOutput]) {
        isEnded = true
        if mode == .live { read(peer, to: &outputs) }
    }

    /// Goes on after a batch that left it behind with nothing under way.
    func settle(_ peer: PeerID, to outputs: inout [GatewayOutput]) {
        if mode == .behind, underWay == 0 { read(peer, to: &outputs) }
    }

    func drained(_ peer: PeerID, to outputs: inout [GatewayOutput]) {
        underWay = 0
        if mode == .behind { read(peer, to: &outputs) }
    }

    func complete(_ page: OutputPage, _ peer: PeerID, at now: Instant, to outputs: inout [GatewayOutput]) {
        guard mode == .reading else { return }
        var bytes: [UInt8] = []
        if form == .events, page.firstSequence > next, page.lastSequence >= next {
            var writer = JSONWriter()
            writer.beginObject()
            writer.member("from", next)
            writer.member("to", page.firstSequence - 1)
            writer.endObject()
            ServerSentEventEncoder.append(id: nil, event: "gap", data: writer.takeText(), to: &bytes)
        }
        for entry: OutputEntry in page.entries where entry.sequence >= next { append(entry, to: &bytes) }
        // Something has come since the page was asked for: it is worth asking again at once.
        let isOutdated: Bool = newest > newestAsked
        let isStuck: Bool = page.entries.isEmpty && page.nextSequence <= next && !isOutdated
        next = max(next, page.nextSequence)
        let isCaughtUp: Bool = next > page.lastSequence && next > newest
        mode = .behind
        if isCaughtUp, form == .text || readsAfterEnd {
            finish(&bytes, peer, at: now, to: &outputs)
            return
        }
        if !bytes.isEmpty { send(bytes, peer, at: now, to: &outputs) }
        if isCaughtUp, !isEnded {
            mode = .live
        } else if underWay < budget, !isStuck || isCaughtUp {
            // Otherwise it goes on when the connection has drained, or with the next tick.
            read(peer, to: &outputs)
        }
    }

    func tick(_ peer: PeerID, at now: Instant, to outputs: inout [GatewayOutput]) {
        settle(peer, to: &outputs)
        guard form == .events, mode != .finished, (now - lastSent) >= heartbeat, underWay == 0 else { return }
        var bytes: [UInt8] = []
        ServerSentEventEncoder.appendKeepAlive(to: &bytes)
        send(bytes, peer, at: now, to: &outputs)
    }

    private func read(_ peer: PeerID, to outputs: inout [GatewayOutput]) {
        mode = .reading
        readsAfterEnd = isEnded
        newestAsked = newest
        outputs.append(
            .read(
                .output(
                    owner, from: next, limit: GatewayOutputStream.pageLimit, byteLimit: GatewayOutputStream.pageBytes),
                for: peer))
    }

    private func finish(
        _ bytes: inout [UInt8], _ peer: PeerID, at now: Instant, to outputs: inout [GatewayOutput]
    ) {
        mode = .finished
        if form == .events {
            var writer = JSONWriter()
            writer.beginObject()
            writer.member("nextSequence", next)
            writer.endObject()
            ServerSentEventEncoder.append(id: nil, event: "end", data: writer.takeText(), to: &bytes)
        }
        if !bytes.isEmpty { send(bytes, peer, at: now, to: &outputs) }
        outputs.append(.finish(peer))
    }

    private func append(_ entry: OutputEntry, to bytes: inout [UInt8]) {
        guard form == .events else {
            bytes.append(contentsOf: entry.data)
            return
        }
        var writer = JSONWriter(reservingCapacity: entry.data.count + 128)
        GatewayProjection.write(entry, to: &writer)
        ServerSentEventEncoder.append(
            id: Int64(clamping: entry.sequence), event: nil, data: writer.takeText(), to: &bytes)
    }

    private func send(_ bytes: [UInt8], _ peer: PeerID, at now: Instant, to outputs: inout [GatewayOutput]) {
        underWay += bytes.count
        lastSent = now
        outputs.append(.send(bytes, to: peer))
    }
}
