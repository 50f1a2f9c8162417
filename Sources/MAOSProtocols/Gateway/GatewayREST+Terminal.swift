internal import MAOSCore

/// `GET /agents/{id}/terminal`: everything that is to be said before it is a WebSocket.
extension GatewayREST {
    /// Whether a request is for an agent's terminal, whose token may stand where browsers can put it.
    package static func isTerminal(_ head: HTTPRequestHead) -> Bool {
        GatewayRoute(head.target).place == .endpoint(.agentTerminal)
    }

    func attach(
        _ id: AgentID, _ request: GatewayRequest, _ context: GatewayContext, _ now: Instant
    ) -> GatewayAction {
        var query = GatewayQuery(request.head.target)
        let followsRestarts: Bool = query.boolean("restarts") ?? false
        if let failure: GatewayFailure = query.failure { return refuse(failure, agent: id, context, now) }
        guard let agent: AgentRecord = view.agent(id) else {
            let gone: GatewayFailure = GatewayREST.conflict("agent_terminated", "The agent has been terminated")
            return refuse(gone, agent: id, context, now)
        }
        guard agent.specification.resident == .terminal else {
            return fail(
                GatewayREST.conflict(
                    "no_terminal", "The agent has no terminal: spawn one with configuration.terminal"), context, now)
        }
        guard followsRestarts || agent.status != .error else {
            let reason: String = agent.state.error.map { ": \($0)" } ?? ""
            return fail(
                GatewayREST.conflict(
                    "terminal_not_running",
                    "The agent's process has ended and is about to be started again\(reason)"), context, now)
        }
        guard WebSocketHandshake.isUpgrade(request.head) else {
            var failure = GatewayFailure(
                .validation, "This path speaks WebSocket (RFC 6455) only", status: .upgradeRequired)
            failure.fields = [.upgrade: "websocket"]
            return fail(failure, context, now)
        }
        return .attach(GatewayTerminal(agent: id, followsRestarts: followsRestarts))
    }

    private static func conflict(_ reason: String, _ message: String) -> GatewayFailure {
        GatewayFailure(.conflict, message, details: .members(["reason": .string(reason)]))
    }
}
