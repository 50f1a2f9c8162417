internal import MAOSCore

/// Who on a loop listens to which channel: an event touches only those who asked for it.
final class GatewaySubscriptions {
    /// One connection's wish on one channel.
    struct Subscriber {
        var peer: PeerID
        var principal: Principal
        /// Members that a message must have, with these values; empty for all messages.
        var filter: JSONObject
        /// Whether the message comes without the wrapper.
        var isDirect: Bool

        /// Whether every message of the channel goes to it unchanged.
        var isPlain: Bool { filter.isEmpty && !GatewayProjection.isLimited(principal) }
    }

    private struct Topic {
        /// Plain subscribers who get the wrapper; handed out as they are.
        var wrapped: [PeerID] = []
        /// Plain subscribers who get the bare message.
        var direct: [PeerID] = []
        /// Subscribers whose messages are judged one by one.
        var special: [Subscriber] = []

        var isEmpty: Bool { wrapped.isEmpty && direct.isEmpty && special.isEmpty }
    }

    /// A wish that holds for the events after one that is still on its way to this loop.
    private struct Newcomer {
        var subscriber: Subscriber
        var channel: GatewayChannel
        /// Sequence number of the newest event that it is not told of.
        var last: UInt64
    }

    private var topics: [GatewayChannel: Topic] = [:]
    private var newcomers: [Newcomer] = []
    /// Sequence number of the newest event that this loop has heard of.
    private var heard: UInt64 = 0
    private let bus: EventBus
    private let encoder: GatewayEventEncoder
    private let projection: GatewayProjection

    init(bus: EventBus, encoder: GatewayEventEncoder, projection: GatewayProjection) {
        self.bus = bus
        self.encoder = encoder
        self.projection = projection
    }

    /// Puts a subscriber on a channel, in place of the same connection's earlier wish.
    ///
    /// It is told of what is committed from now on; what was before, and has not come here yet, is for the earlier wish.
    func add(_ subscriber: Subscriber, to channel: GatewayChannel) {
        let last: UInt64 = bus.lastSequence
        guard last > heard, channel != .metrics else { return enter(subscriber, channel) }
        newcomers.removeAll { $0.subscriber.peer == subscriber.peer && $0.channel == channel }
        newcomers.append(Newcomer(subscriber: subscriber, channel: channel, last: last))
    }

    private func enter(_ subscriber: Subscriber, _ channel: GatewayChannel) {
        remove(subscriber.peer, from: channel)
        if !subscriber.isPlain {
            topics[channel, default: Topic()].special.append(subscriber)
        } else if subscriber.isDirect {
            topics[channel, default: Topic()].direct.append(subscriber.peer)
        } else {
            topics[channel, default: Topic()].wrapped.append(subscriber.peer)
        }
    }

    /// Takes a connection off a channel; a channel without listeners is forgotten.
    func remove(_ peer: PeerID, from channel: GatewayChannel) {
        if !newcomers.isEmpty { newcomers.removeAll { $0.subscriber.peer == peer && $0.channel == channel } }
        guard let index = topics.index(forKey: channel) else { return }
        topics.values[index].wrapped.removeAll { $0 == peer }
        topics.values[index].direct.removeAll { $0 == peer }
        topics.values[index].special.removeAll { $0.peer == peer }
        if topics.values[index].isEmpty { topics.remove(at: index) }
    }

    // MARK: Deliveries

    /// Sends an event to everybody who asked for it.
    func deliver(_ event: Event, to outputs: inout [SocketOutput]) {
        heard = max(heard, event.sequence)
        if !newcomers.isEmpty { enterNewcomers(before: event) }
        guard !topics.isEmpty else { return }
        switch event.body {
        case .task(let task):
            let progress: String? = task.kind == .progressed ? task.id.rawValue : nil
            deliver(event, .taskUpdate, on: .task(task.id), progressOf: progress, to: &outputs)
            deliver(event, .taskUpdate, on: .tasks, progressOf: progress, to: &outputs)
        case .agent(let agent):
            deliver(event, .agentUpdate, on: .agent(agent.id), to: &outputs)
            deliver(event, .agentUpdate, on: .agents, to: &outputs)
        case .system, .workflow:
            break
        }
        guard let type: String = GatewayProjection.systemType(of: event) else { return }
        if case .workflow(let workflow) = event.body, workflow.kind.isDetail {
            // What happens inside an execution is for those who ask for it by name.
            let progress: String? = workflow.kind == .progressed ? workflow.execution.rawValue : nil
            return deliver(event, .system(type), on: .system(type), progressOf: progress, to: &outputs)
        }
        deliver(event, .system(type), on: .system(type), to: &outputs)
        deliver(event, .system(type), on: .systems, to: &outputs)
    }

    private func enterNewcomers(before event: Event) {
        let waiting: [Newcomer] = newcomers
        newcomers = waiting.filter { $0.last >= event.sequence }
        for newcomer: Newcomer in waiting where newcomer.last < event.sequence {
            enter(newcomer.subscriber, newcomer.channel)
        }
    }

    private func deliver(
        _ event: Event, _ form: GatewayEventEncoder.Form, on channel: GatewayChannel, progressOf entity: String? = nil,
        to outputs: inout [SocketOutput]
    ) {
        guard let topic: Topic = topics[channel] else { return }
        let key: SupersedingKey? = entity.map { SupersedingKey(topic: channel.name, entity: $0) }
        var wrapped: [UInt8]?
        if !topic.wrapped.isEmpty {
            let bytes = GatewaySocketMessage.wrap(encoder.message(event, form), channel: channel, at: event.time)
            wrapped = bytes
            outputs.append(.deliver(SocketDelivery(payload: bytes, peers: topic.wrapped, superseding: key)))
        }
        if !topic.direct.isEmpty {
            let bytes: [UInt8] = encoder.message(event, form)
            outputs.append(.deliver(SocketDelivery(payload: bytes, peers: topic.direct, superseding: key)))
        }
        for subscriber: Subscriber in topic.special {
            guard GatewayProjection.shows(event, to: subscriber.principal) else { continue }
            guard subscriber.filter.isEmpty || matches(encoder.value(event, form), subscriber.filter) else { continue }
            let payload: [UInt8]
            if form == .agentUpdate, GatewayProjection.isLimited(subscriber.principal) {
                let own: [UInt8] = encoder.message(event, form, for: subscriber.principal)
                payload =
                    subscriber.isDirect ? own : GatewaySocketMessage.wrap(own, channel: channel, at: event.time)
            } else if subscriber.isDirect {
                payload = encoder.message(event, form)
            } else {
                let bytes: [UInt8] =
                    wrapped
                    ?? GatewaySocketMessage.wrap(encoder.message(event, form), channel: channel, at: event.time)
                wrapped = bytes
                payload = bytes
            }
            outputs.append(
                .deliver(SocketDelivery(payload: payload, peers: [subscriber.peer], superseding: key)))
        }
    }

    /// Sends the measured values to everybody who asked for them.
    func deliverMetrics(at now: Instant, to outputs: inout [SocketOutput]) {
        guard let topic: Topic = topics[.metrics] else { return }
        var writer = JSONWriter(reservingCapacity: 4_096)
        projection.writeMetrics(at: now, to: &writer)
        let message: [UInt8] = GatewaySocketMessage.encode(
            id: "metrics-\(now.milliseconds)", type: "metrics", at: now, members: writer.take())
        let wrapped: [UInt8] = GatewaySocketMessage.wrap(message, channel: .metrics, at: now)
        var wrappedPeers: [PeerID] = topic.wrapped
        var directPeers: [PeerID] = topic.direct
        let value: JSONValue = topic.special.isEmpty ? .null : JSONText(trusted: message).value()
        for subscriber: Subscriber in topic.special where matches(value, subscriber.filter) {
            if subscriber.isDirect {
                directPeers.append(subscriber.peer)
            } else {
                wrappedPeers.append(subscriber.peer)
            }
        }
        let key = SupersedingKey(topic: GatewayChannel.metrics.name)
        if !wrappedPeers.isEmpty {
            outputs.append(.deliver(SocketDelivery(payload: wrapped, peers: wrappedPeers, superseding: key)))
        }
        if !directPeers.isEmpty {
            outputs.append(.deliver(SocketDelivery(payload: message, peers: directPeers, superseding: key)))
        }
    }

    private func matches(_ message: JSONValue, _ filter: JSONObject) -> Bool {
        filter.members.allSatisfy { message[$0.key] == $0.value }
    }
}
