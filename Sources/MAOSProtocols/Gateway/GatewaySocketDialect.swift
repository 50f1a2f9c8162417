package import MAOSCore

/// The gateway's WebSocket dialect on one loop (000, WebSocket): sessions, and what they have subscribed to.
package final class GatewaySocketDialect: SocketDialect {
    private let configuration: GatewayConfiguration
    private var identifiers: UUIDMaker
    let subscriptions: GatewaySubscriptions
    private var sessions: [PeerID: GatewayWebSocketSession] = [:]
    private var nextMetrics: Instant?

    /// Serves one loop.
    ///
    /// - Parameters:
    ///   - view: What is committed.
    ///   - bus: The live events.
    ///   - configuration: What the operator has set.
    ///   - environment: The server around it.
    ///   - seed: Makes the identifiers of its connections unlike those of others.
    package init(
        view: CommittedView, bus: EventBus, configuration: GatewayConfiguration, environment: any DialectEnvironment,
        seed: UInt64
    ) {
        let projection = GatewayProjection(view: view, configuration: configuration, environment: environment)
        subscriptions = GatewaySubscriptions(
            bus: bus, encoder: GatewayEventEncoder(projection: projection), projection: projection)
        identifiers = UUIDMaker(seed: seed)
        self.configuration = configuration
    }

    package func open(_ peer: PeerID, _ arrival: SocketArrival, at now: Instant) -> [SocketOutput] {
        guard let caller: SocketCaller = arrival.caller else {
            return [.close(peer, code: 1008, reason: GatewayFailure.authenticationRequired.message)]
        }
        let session = GatewayWebSocketSession(
            id: identifiers.next(), peer: peer, principal: caller.principal, expires: caller.expires,
            userAgent: arrival.userAgent, address: arrival.address, subscriptions: subscriptions,
            limit: configuration.subscriptions, at: now)
        sessions[peer] = session
        return outputs(session.open(at: now), peer)
    }

    package func receive(_ text: [UInt8], from peer: PeerID, at now: Instant) -> [SocketOutput] {
        sessions[peer].map { outputs($0.receive(text, at: now), peer) } ?? []
    }

    package func receiveBinary(_ bytes: [UInt8], from peer: PeerID, at now: Instant) -> [SocketOutput] {
        sessions[peer].map { outputs($0.receiveBinary(at: now), peer) } ?? []
    }

    package func close(_ peer: PeerID, at now: Instant) -> [SocketOutput] {
        sessions.removeValue(forKey: peer)?.close()
        return []
    }

    package func receive(_ events: [Event], at now: Instant) -> [SocketOutput] {
        var outputs: [SocketOutput] = []
        for event: Event in events { subscriptions.deliver(event, to: &outputs) }
        return outputs
    }

    package func complete(_ token: SocketToken, with outcome: SocketOutcome, at now: Instant) -> [SocketOutput] { [] }

    /// Sees to tokens that have ended, and to metrics.
    package func tick(at now: Instant) -> [SocketOutput] {
        var outputs: [SocketOutput] = []
        for (peer, session) in sessions { outputs += self.outputs(session.tick(at: now), peer) }
        if now >= nextMetrics ?? now {
            if nextMetrics != nil { subscriptions.deliverMetrics(at: now, to: &outputs) }
            nextMetrics = now + configuration.metricsInterval
        }
        return outputs
    }

    private func outputs(_ actions: [GatewaySocketAction], _ peer: PeerID) -> [SocketOutput] {
        actions.map { (action: GatewaySocketAction) in
            switch action {
            case .send(let text): .send(text, to: peer)
            case .close(let code, let reason): .close(peer, code: code, reason: reason)
            }
        }
    }
}
