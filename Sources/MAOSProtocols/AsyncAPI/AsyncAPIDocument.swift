internal import MAOSCore
internal import Synchronization

/// The description of a listener's WebSocket endpoints (AsyncAPI 3.0.0), made of declarations when it is first asked for.
package final class AsyncAPIDocument: Sendable {
    /// The dialects that speak WebSocket.
    ///
    /// Naming one costs nothing: its declarations are made when it is described.
    package enum Dialect: Sendable, CaseIterable {
        case gateway
        case terminal
        case hive
        case openCode
        case dashboard

        /// What it declares.
        package var channel: DeclaredChannel {
            switch self {
            case .gateway: .gateway
            case .terminal: .terminal
            case .hive: .hive
            case .openCode: .openCode
            case .dashboard: .dashboard
            }
        }
    }

    /// A dialect, and where the listener serves it.
    package struct Endpoint: Sendable, Hashable {
        /// The dialect.
        package var dialect: Dialect
        /// The paths that lead to it; the first is the one that is described.
        package var paths: [String]

        /// Names a dialect and the paths that lead to it.
        package init(_ dialect: Dialect, at paths: [String]) {
            self.dialect = dialect
            self.paths = paths
        }
    }

    /// The document around the place where the server's name goes.
    private struct Parts {
        var head: ArraySlice<UInt8>
        var tail: ArraySlice<UInt8>
    }

    private let version: String
    private let endpoints: [Endpoint]
    private let parts = Mutex<Parts?>(nil)

    /// Describes a listener.
    ///
    /// - Parameters:
    ///   - version: The server's version.
    ///   - endpoints: The dialects that it serves, in the order in which they are listed.
    package init(version: String, endpoints: [Endpoint]) {
        self.version = version
        self.endpoints = endpoints
    }

    /// The document as JSON text; the same for the same host.
    ///
    /// - Parameter host: The name and port under which the client has reached the listener.
    /// - Returns: The document, as UTF-8.
    package func encoded(host: String) -> [UInt8] {
        let parts: Parts = parts.withLock { (parts: inout Parts?) in
            if let parts { return parts }
            let made: Parts = encode()
            parts = made
            return made
        }
        let isName: Bool = !host.isEmpty && host.utf8.allSatisfy { AsyncAPIDocument.nameBytes.contains($0) }
        return parts.head + Array((isName ? host : "localhost").utf8) + parts.tail
    }

    /// What names, addresses and ports consist of; nothing that JSON text would have to say in another way.
    private static let nameBytes: [UInt8] = Array(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:[]".utf8)

    // MARK: Writing

    private func encode() -> Parts {
        var writer = JSONWriter(reservingCapacity: 65_536)
        writer.beginObject()
        writer.member("asyncapi", "3.0.0")
        writeInfo(to: &writer)
        writer.member("defaultContentType", "application/json")
        writer.beginObject("servers")
        writer.beginObject("maos")
        writer.key("host")
        writer.string("")
        // Before the second quotation mark.
        let place: Int = writer.count - 1
        writer.member("protocol", "ws")
        writer.member("title", "This server, as it was asked.")
        writer.endObject()
        writer.endObject()
        let channels: [DeclaredChannel] = endpoints.map(\.dialect.channel)
        let schemas = JSONSchemaWriter(shared: AsyncAPIDocument.shared(by: channels))
        writer.beginObject("channels")
        for (endpoint, channel) in zip(endpoints, channels) { write(channel, endpoint, schemas, to: &writer) }
        writer.endObject()
        writer.beginObject("operations")
        for channel: DeclaredChannel in channels { AsyncAPIDocument.writeOperations(of: channel, to: &writer) }
        writer.endObject()
        AsyncAPIDocument.writeComponents(of: channels, schemas, to: &writer)
        writer.endObject()
        let text: [UInt8] = writer.take()
        return Parts(head: text[..<place], tail: text[place...])
    }

    private func writeInfo(to writer: inout JSONWriter) {
        writer.beginObject("info")
        writer.member("title", "MAOS")
        writer.member("version", version)
        writer.member(
            "description",
            "The WebSocket endpoints of this listener. Members that are not declared may be added to any message later."
        )
        writer.beginObject("license")
        writer.member("name", "Apache-2.0")
        writer.member("url", "https://www.apache.org/licenses/LICENSE-2.0")
        writer.endObject()
        writer.endObject()
    }

    private func write(
        _ channel: DeclaredChannel, _ endpoint: Endpoint, _ schemas: JSONSchemaWriter, to writer: inout JSONWriter
    ) {
        let address: String = endpoint.paths.first ?? "/"
        let sharers: [Endpoint] = endpoints.filter { $0.paths.first == address }
        writer.beginObject(channel.name)
        writer.member("address", address)
        writer.member("title", channel.title)
        writer.member("description", AsyncAPIDocument.description(of: channel, endpoint, isAlone: sharers.count == 1))
        writer.beginObject("messages")
        for message: DeclaredMessage in channel.messages {
            writer.beginObject(message.title)
            writer.member("$ref", "#/components/messages/\(channel.name).\(message.title)")
            writer.endObject()
        }
        writer.endObject()
        if !channel.parameters.isEmpty {
            writer.beginObject("parameters")
            for parameter: (name: String, summary: String) in channel.parameters {
                writer.beginObject(parameter.name)
                writer.member("description", parameter.summary)
                writer.endObject()
            }
            writer.endObject()
        }
        writer.beginObject("bindings")
        writer.beginObject("ws")
        writer.member("method", "GET")
        writer.key("query")
        let query: [Field] = channel.query.fields + (sharers.count == 1 ? [] : [AsyncAPIDocument.choice])
        schemas.write(MessageSchema(channel.query.name, query), to: &writer)
        writer.member("bindingVersion", "0.1.0")
        writer.endObject()
        writer.endObject()
        writer.endObject()
    }

    private static func description(of channel: DeclaredChannel, _ endpoint: Endpoint, isAlone: Bool) -> String {
        var text: String = channel.summary
        if !isAlone {
            text += " The path is shared: a client whose first message is the dashboard's gets the dashboard, "
            text += "one that says nothing for 250 ms the hive, unless the query decides."
        }
        let others: ArraySlice<String> = endpoint.paths.dropFirst()
        if !others.isEmpty { text += " Also served at " + others.joined(separator: ", ") + "." }
        return text
    }

    /// What the query of a shared path may hold beside.
    private static let choice: Field = .optional(
        "dialect", .enumeration(["hive", "dashboard"]), "Which of the two dialects of this path is meant.")

    // MARK: Operations

    private static func writeOperations(of channel: DeclaredChannel, to writer: inout JSONWriter) {
        for request: DeclaredRequest in channel.received {
            let message: DeclaredMessage = request.message
            writer.beginObject("\(channel.name).receive.\(message.title)")
            writeOperation("receive", message.summary, channel, [message.title], to: &writer)
            if !request.answers.isEmpty {
                writer.beginObject("reply")
                writeReference("channel", "#/channels/\(channel.name)", to: &writer)
                writeMessages(request.answers, of: channel, to: &writer)
                writer.endObject()
            }
            writer.endObject()
        }
        let pushed: [String] = channel.sent.filter { !$0.isAnswer }.map(\.title)
        writer.beginObject("\(channel.name).send")
        writeOperation("send", "What clients are sent without asking each time.", channel, pushed, to: &writer)
        writer.endObject()
    }

    private static func writeOperation(
        _ action: String, _ summary: String, _ channel: DeclaredChannel, _ messages: [String],
        to writer: inout JSONWriter
    ) {
        writer.member("action", action)
        writer.member("summary", summary)
        writeReference("channel", "#/channels/\(channel.name)", to: &writer)
        writeMessages(messages, of: channel, to: &writer)
        guard !channel.security.isEmpty else { return }
        writer.beginArray("security")
        for scheme: SecurityScheme in channel.security {
            writer.beginObject()
            writer.member("$ref", "#/components/securitySchemes/\(scheme.rawValue)")
            writer.endObject()
        }
        writer.endArray()
    }

    private static func writeMessages(_ titles: [String], of channel: DeclaredChannel, to writer: inout JSONWriter) {
        writer.beginArray("messages")
        for title: String in titles {
            writer.beginObject()
            writer.member("$ref", "#/channels/\(channel.name)/messages/\(title)")
            writer.endObject()
        }
        writer.endArray()
    }

    private static func writeReference(_ name: String, _ target: String, to writer: inout JSONWriter) {
        writer.beginObject(name)
        writer.member("$ref", target)
        writer.endObject()
    }
}
