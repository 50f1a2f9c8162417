internal import MAOSCore

/// What is to be done for a WebSocket connection of the gateway.
enum GatewaySocketAction: Sendable {
    /// Send this text message.
    case send([UInt8])
    /// Close with this code (RFC 6455 §7.4).
    case close(code: UInt16, reason: String)
}

/// One WebSocket connection of the gateway, confined to its loop.
///
/// What clients send is answered here; what they have subscribed to comes from ``GatewaySocketDialect``. A message is
/// flat or has its members under `payload`; every answer has both shapes.
final class GatewayWebSocketSession {
    /// The identifier that the client is told.
    let id: String
    /// The connection.
    let peer: PeerID
    /// Who the client is.
    let principal: Principal
    /// The client's `User-Agent`, where it sent one.
    let userAgent: String?
    /// Where the client connects from.
    let address: String
    /// When the last frame came in, valid or not.
    private(set) var lastActivity: Instant
    /// What the client listens to.
    private(set) var channels: Set<GatewayChannel> = []

    private let subscriptions: GatewaySubscriptions
    private let subscriptionLimit: Int
    private let expires: Instant?
    private var sent: UInt64 = 0
    private var isClosed = false

    private static let depthLimit: Int = 64

    static let subscribeSchema = MessageSchema(
        "GatewaySubscription",
        [
            .required("channel", .string(1...200, .gatewayChannel), "The channel's name."),
            .optional("filter", .map(values: .any, limit: 16), "Members that a message must have, with their values."),
            .optional("delivery", .enumeration(["broadcast", "direct"]), "With the wrapper or without."),
        ])

    static let unsubscribeSchema = MessageSchema(
        "GatewayUnsubscription", [.required("channel", .string(1...200), "The channel's name.")])

    /// Takes over a connection whose handshake is done.
    ///
    /// - Parameters:
    ///   - id: The identifier that the client is told; unique.
    ///   - peer: The connection.
    ///   - principal: Who the client is.
    ///   - expires: When its token ends; `nil` for never.
    ///   - userAgent: The client's `User-Agent`.
    ///   - address: Where it connects from.
    ///   - subscriptions: Who listens to what on the loop.
    ///   - limit: Channels that the connection may subscribe to.
    ///   - now: The time.
    init(
        id: String, peer: PeerID, principal: Principal, expires: Instant?, userAgent: String?, address: String,
        subscriptions: GatewaySubscriptions, limit: Int, at now: Instant
    ) {
        self.id = id
        self.peer = peer
        self.principal = principal
        self.expires = expires
        self.userAgent = userAgent
        self.address = address
        self.subscriptions = subscriptions
        subscriptionLimit = limit
        lastActivity = now
    }

    /// The first message.
    func open(at now: Instant) -> [GatewaySocketAction] {
        [
            send("connected", id: nil, at: now) { (writer: inout JSONWriter) in
                writer.member("connectionId", self.id)
                writer.member("userId", principal.subject)
            }
        ]
    }

    /// Forgets everything that the connection listens to; it is gone.
    func close() {
        isClosed = true
        for channel: GatewayChannel in channels { subscriptions.remove(peer, from: channel) }
        channels = []
    }

    /// Closes the connection when its token has ended.
    func tick(at now: Instant) -> [GatewaySocketAction] {
        guard !isClosed, let expires, expires <= now else { return [] }
        close()
        return [
            error(.invalidToken, id: nil, at: now), .close(code: 1008, reason: GatewayFailure.invalidToken.message),
        ]
    }

    // MARK: What clients send

    /// Takes a whole text message.
    func receive(_ text: [UInt8], at now: Instant) -> [GatewaySocketAction] {
        guard !isClosed else { return [] }
        lastActivity = now
        let message: JSONValue
        do throws(JSONError) {
            message = try JSONReader.parse(text, depthLimit: GatewayWebSocketSession.depthLimit)
        } catch {
            return [self.error(GatewayFailure(.validation, "Invalid JSON message"), id: nil, at: now)]
        }
        guard case .object(let members) = message else {
            let issue = ValidationIssue(
                path: [], code: .type, message: "must be an object, not \(message.typeName)", expected: "object")
            return [error(.invalid([issue]), id: nil, at: now)]
        }
        let id: String? = members["id"]?.stringValue.flatMap { $0.unicodeScalars.count <= 200 ? $0 : nil }
        guard let type: String = members["type"]?.stringValue else {
            let issue = ValidationIssue(
                path: [.key("type")], code: members["type"] == nil ? .required : .type, message: "must be a string",
                expected: "subscribe, unsubscribe, ping or pong")
            return [error(.invalid([issue]), id: id, at: now)]
        }
        switch type {
        case "subscribe": return [subscribe(message, id: id, at: now)]
        case "unsubscribe": return [unsubscribe(message, id: id, at: now)]
        case "ping": return [send("pong", id: id, at: now) { _ in }]
        case "pong": return []
        default:
            let issue = ValidationIssue(
                path: [.key("type")], code: .enumeration, message: "must be one of subscribe, unsubscribe, ping, pong",
                expected: "subscribe, unsubscribe, ping, pong", value: .string(String(type.prefix(100))))
            return [error(.invalid([issue]), id: id, at: now)]
        }
    }

    /// Takes a binary message: there are none.
    func receiveBinary(at now: Instant) -> [GatewaySocketAction] {
        guard !isClosed else { return [] }
        lastActivity = now
        return [error(GatewayFailure(.validation, "Messages must be text"), id: nil, at: now)]
    }

    private func subscribe(_ message: JSONValue, id: String?, at now: Instant) -> GatewaySocketAction {
        let wish: JSONValue = GatewayWebSocketSession.content(of: message)
        let issues: [ValidationIssue] = GatewayWebSocketSession.subscribeSchema.issues(in: wish)
        guard issues.isEmpty, let name: String = wish["channel"]?.stringValue,
            let channel = GatewayChannel(name: name)
        else { return error(.invalid(issues), id: id, at: now) }
        guard principal.permissions.isSuperset(of: channel.permission) else {
            return error(.forbidden(channel.permission), id: id, at: now)
        }
        guard channels.contains(channel) || channels.count < subscriptionLimit else {
            let failure = GatewayFailure(
                .conflict, "This connection has \(subscriptionLimit) subscriptions, which is the limit",
                details: .members(["reason": "too_many_subscriptions", "maximum": JSONValue(subscriptionLimit)]))
            return error(failure, id: id, at: now)
        }
        let isDirect: Bool = wish["delivery"]?.stringValue == "direct"
        channels.insert(channel)
        subscriptions.add(
            GatewaySubscriptions.Subscriber(
                peer: peer, principal: principal, filter: wish["filter"]?.objectValue ?? JSONObject(),
                isDirect: isDirect),
            to: channel)
        return send("subscribed", id: id, at: now) { (writer: inout JSONWriter) in
            writer.member("channel", name)
            writer.member("delivery", isDirect ? "direct" : "broadcast")
            writer.memberIfPresent("filter", wish["filter"].map { JSONText($0) })
        }
    }

    private func unsubscribe(_ message: JSONValue, id: String?, at now: Instant) -> GatewaySocketAction {
        let wish: JSONValue = GatewayWebSocketSession.content(of: message)
        let issues: [ValidationIssue] = GatewayWebSocketSession.unsubscribeSchema.issues(in: wish)
        guard issues.isEmpty, let name: String = wish["channel"]?.stringValue else {
            return error(.invalid(issues), id: id, at: now)
        }
        if let channel = GatewayChannel(name: name), channels.remove(channel) != nil {
            subscriptions.remove(peer, from: channel)
        }
        return send("unsubscribed", id: id, at: now) { $0.member("channel", name) }
    }

    /// The members of a message: those under `payload` where the flat form has no channel.
    private static func content(of message: JSONValue) -> JSONValue {
        if message["channel"] == nil, case .object? = message["payload"] { return message["payload"] ?? message }
        return message
    }

    // MARK: What the client is sent

    private func send(
        _ type: String, id: String?, at now: Instant, members: (inout JSONWriter) -> Void
    ) -> GatewaySocketAction {
        sent += 1
        var writer = JSONWriter(reservingCapacity: 128)
        writer.beginObject()
        members(&writer)
        writer.endObject()
        return .send(
            GatewaySocketMessage.encode(
                id: id ?? "\(self.id)-\(sent)", type: type, at: now, members: writer.take()))
    }

    private func error(_ failure: GatewayFailure, id: String?, at now: Instant) -> GatewaySocketAction {
        send("error", id: id, at: now) { (writer: inout JSONWriter) in
            writer.member("code", failure.code.rawValue)
            writer.member("message", failure.message)
            failure.writeDetails(to: &writer)
        }
    }
}
