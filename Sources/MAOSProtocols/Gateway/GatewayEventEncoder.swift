internal import MAOSCore

/// Encodes each event once per loop and form; all who listen share the bytes.
///
/// It remembers the event that was asked for last, which is enough: an event goes to everybody before the next one does.
final class GatewayEventEncoder {
    /// The message types that an event can become.
    enum Form: Hashable {
        case taskUpdate
        case agentUpdate
        case system(String)
    }

    private let projection: GatewayProjection
    private var sequence: UInt64 = 0
    private var streamed: [UInt8]?
    private var messages: [(form: Form, bytes: [UInt8])] = []
    private var values: [(form: Form, value: JSONValue)] = []

    init(projection: GatewayProjection) { self.projection = projection }

    private func turn(to event: Event) {
        guard event.sequence != sequence else { return }
        sequence = event.sequence
        streamed = nil
        messages.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
    }

    /// The event as a piece of `text/event-stream`, for those who may see everything.
    func streamed(_ event: Event) -> [UInt8] {
        turn(to: event)
        if let streamed { return streamed }
        var bytes: [UInt8] = []
        GatewayEventEncoder.append(event, for: nil, projection, to: &bytes)
        streamed = bytes
        return bytes
    }

    /// Appends the event as a piece of `text/event-stream`.
    static func append(
        _ event: Event, for principal: Principal?, _ projection: GatewayProjection, to bytes: inout [UInt8]
    ) {
        var writer = JSONWriter(reservingCapacity: 512)
        projection.write(event, for: principal, to: &writer)
        ServerSentEventEncoder.append(
            id: Int64(clamping: event.sequence), event: nil, data: writer.takeText(), to: &bytes)
    }

    /// The event as a WebSocket message, for those who may see everything: flat members, and the same under `payload`.
    func message(_ event: Event, _ form: Form) -> [UInt8] {
        turn(to: event)
        if let known = messages.first(where: { $0.form == form }) { return known.bytes }
        let bytes: [UInt8] = message(event, form, for: nil)
        messages.append((form, bytes))
        return bytes
    }

    /// The event as a WebSocket message, as far as a principal may see it.
    func message(_ event: Event, _ form: Form, for principal: Principal?) -> [UInt8] {
        var writer = JSONWriter(reservingCapacity: 512)
        let type: String
        switch (form, event.body) {
        case (.taskUpdate, .task(let task)):
            type = "task_update"
            projection.writeTaskUpdate(event, task, to: &writer)
        case (.agentUpdate, .agent(let agent)):
            type = "agent_update"
            projection.writeAgentUpdate(event, agent, for: principal, to: &writer)
        case (.system(let name), _):
            type = "system_event"
            GatewayProjection.writeSystemUpdate(event, type: name, to: &writer)
        case (.taskUpdate, _), (.agentUpdate, _):
            preconditionFailure("the form does not fit the event")
        }
        return GatewaySocketMessage.encode(
            id: String(event.sequence), type: type, at: event.time, members: writer.take())
    }

    /// The members of the message, to compare filters with.
    func value(_ event: Event, _ form: Form) -> JSONValue {
        turn(to: event)
        if let known = values.first(where: { $0.form == form }) { return known.value }
        let value: JSONValue = JSONText(trusted: message(event, form)).value()
        values.append((form, value))
        return value
    }
}
