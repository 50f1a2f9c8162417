package import MAOSCore

/// Turns declarations into JSON Schema 2020-12, for interface descriptions.
package enum JSONSchemaWriter {
    /// Writes a message's schema as the writer's next value.
    package static func write(_ schema: MessageSchema, to writer: inout JSONWriter) {
        writer.beginObject()
        writeObject(schema, to: &writer)
        writer.endObject()
    }

    /// A message's schema as a document of its own.
    package static func document(_ schema: MessageSchema) -> JSONText {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("$schema", "https://json-schema.org/draft/2020-12/schema")
        writer.member("title", schema.name)
        writeObject(schema, to: &writer)
        writer.endObject()
        return writer.takeText()
    }

    private static func writeObject(_ schema: MessageSchema, to writer: inout JSONWriter) {
        writer.member("type", "object")
        if schema.minimumMembers > 0 { writer.member("minProperties", schema.minimumMembers) }
        writer.beginObject("properties")
        for field: Field in schema.fields {
            writer.beginObject(field.name)
            writer.member("description", field.summary)
            writeMembers(field.constraint, to: &writer)
            writer.endObject()
        }
        writer.endObject()
        let required: [String] = schema.fields.filter(\.isRequired).map(\.name)
        if !required.isEmpty { writer.member("required", required) }
    }

    private static func write(_ constraint: Constraint, to writer: inout JSONWriter) {
        writer.beginObject()
        writeMembers(constraint, to: &writer)
        writer.endObject()
    }

    private static func writeMembers(_ constraint: Constraint, to writer: inout JSONWriter) {
        switch constraint {
        case .any:
            break
        case .boolean:
            writer.member("type", "boolean")
        case .integer(let range):
            writer.member("type", "integer")
            if range.lowerBound != .min { writer.member("minimum", range.lowerBound) }
            if range.upperBound != .max { writer.member("maximum", range.upperBound) }
        case .number(let range):
            writer.member("type", "number")
            if range.lowerBound != -.greatestFiniteMagnitude { writer.member("minimum", range.lowerBound) }
            if range.upperBound != .greatestFiniteMagnitude { writer.member("maximum", range.upperBound) }
        case .string(let length, let format):
            writer.member("type", "string")
            if length.lowerBound > 0 { writer.member("minLength", length.lowerBound) }
            if length.upperBound != .max { writer.member("maxLength", length.upperBound) }
            writer.memberIfPresent("pattern", format?.pattern)
            writer.memberIfPresent("format", format?.schemaName)
        case .enumeration(let choices):
            writer.member("type", "string")
            writer.member("enum", choices)
        case .array(let element, let count):
            writer.member("type", "array")
            if count.lowerBound > 0 { writer.member("minItems", count.lowerBound) }
            if count.upperBound != .max { writer.member("maxItems", count.upperBound) }
            writer.key("items")
            write(element, to: &writer)
        case .map(let keys, let values, let limit):
            writer.member("type", "object")
            if limit != .max { writer.member("maxProperties", limit) }
            if let pattern: String = keys?.pattern {
                writer.beginObject("propertyNames")
                writer.member("pattern", pattern)
                writer.endObject()
            }
            writer.key("additionalProperties")
            write(values, to: &writer)
        case .object(let schema):
            writeObject(schema, to: &writer)
        case .either(let alternatives):
            writer.beginArray("anyOf")
            for alternative: Constraint in alternatives { write(alternative, to: &writer) }
            writer.endArray()
        }
    }
}
