internal import MAOSCore

extension DeclaredChannel {
    /// Every message, in both directions.
    package var messages: [DeclaredMessage] { received.map(\.message) + sent }
}

/// What the description's other parts refer to.
extension AsyncAPIDocument {
    /// The schemas that are there more than once, in the order in which they come.
    static func shared(by channels: [DeclaredChannel]) -> [MessageSchema] {
        var seen: Set<ObjectIdentifier> = []
        var again: Set<ObjectIdentifier> = []
        var shared: [MessageSchema] = []
        func visit(_ schema: MessageSchema) -> Bool {
            let id = ObjectIdentifier(schema)
            guard !seen.insert(id).inserted else { return true }
            if again.insert(id).inserted { shared.append(schema) }
            return false
        }
        for channel: DeclaredChannel in channels {
            for message: DeclaredMessage in channel.messages {
                guard let schema: MessageSchema = message.schema else { continue }
                if visit(schema) { schema.forEachInner(visit) }
            }
        }
        return shared
    }

    static func writeComponents(
        of channels: [DeclaredChannel], _ schemas: JSONSchemaWriter, to writer: inout JSONWriter
    ) {
        writer.beginObject("components")
        writer.beginObject("messages")
        for channel: DeclaredChannel in channels {
            for message: DeclaredMessage in channel.messages {
                writer.beginObject("\(channel.name).\(message.title)")
                write(message, schemas, to: &writer)
                writer.endObject()
            }
        }
        writer.endObject()
        writer.beginObject("schemas")
        for schema: MessageSchema in shared(by: channels) {
            writer.key(schema.name)
            schemas.define(schema, to: &writer)
        }
        writer.endObject()
        let used: [SecurityScheme] = SecurityScheme.allCases.filter { (scheme: SecurityScheme) in
            channels.contains { $0.security.contains(scheme) }
        }
        if !used.isEmpty {
            writer.beginObject("securitySchemes")
            for scheme: SecurityScheme in used {
                writer.beginObject(scheme.rawValue)
                write(scheme, to: &writer)
                writer.endObject()
            }
            writer.endObject()
        }
        writer.endObject()
    }

    private static func write(_ message: DeclaredMessage, _ schemas: JSONSchemaWriter, to writer: inout JSONWriter) {
        writer.member("name", message.title)
        writer.member("summary", message.summary)
        switch message.content {
        case .json(let schema):
            writer.key("payload")
            schemas.write(schema, to: &writer)
            writer.beginArray("examples")
            writer.beginObject()
            writer.key("payload")
            JSONExampleWriter().write(schema, to: &writer)
            writer.endObject()
            writer.endArray()
        case .bytes:
            // No example: the specification has them as objects (AsyncAPI 3.0.0, Message Example Object).
            writer.member("contentType", "application/octet-stream")
            writer.beginObject("payload")
            writer.member("type", "string")
            writer.member("format", "binary")
            writer.endObject()
        }
        guard let correlation: String = message.correlation else { return }
        writer.beginObject("correlationId")
        writer.member("location", "$message.payload#" + correlation)
        writer.endObject()
    }

    private static func write(_ scheme: SecurityScheme, to writer: inout JSONWriter) {
        switch scheme {
        case .bearer:
            writer.member("type", "http")
            writer.member("scheme", "bearer")
            writer.member("bearerFormat", "JWT")
            writer.member("description", "A token of `maos-cli token create` in the handshake's Authorization.")
        case .queryToken:
            writer.member("type", "httpApiKey")
            writer.member("in", "query")
            writer.member("name", "token")
            writer.member("description", "The same in the handshake's query, where browsers can put it.")
        }
    }
}
