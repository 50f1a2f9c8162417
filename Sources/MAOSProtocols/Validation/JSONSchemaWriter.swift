package import MAOSCore

/// Turns declarations into JSON Schema as interface descriptions have it: what AsyncAPI takes of draft 07.
package struct JSONSchemaWriter {
    /// Where schemas stand that are referred to by their names.
    private static let home = "#/components/schemas/"

    /// Schemas that are referred to instead of repeated.
    private let shared: Set<ObjectIdentifier>

    /// Makes a writer.
    ///
    /// - Parameter shared: Schemas that are written once, elsewhere, and referred to by their names.
    package init(shared: [MessageSchema] = []) { self.shared = Set(shared.map { ObjectIdentifier($0) }) }

    /// Writes a message's schema as the writer's next value, or what refers to it.
    package func write(_ schema: MessageSchema, to writer: inout JSONWriter) {
        writer.beginObject()
        if shared.contains(ObjectIdentifier(schema)) {
            writer.member("$ref", JSONSchemaWriter.home + schema.name)
        } else {
            writeObject(schema, to: &writer)
        }
        writer.endObject()
    }

    /// Writes a message's schema as the writer's next value, in full even if it is shared.
    package func define(_ schema: MessageSchema, to writer: inout JSONWriter) {
        writer.beginObject()
        writeObject(schema, to: &writer)
        writer.endObject()
    }

    private func writeObject(_ schema: MessageSchema, to writer: inout JSONWriter) {
        writer.member("type", "object")
        if schema.minimumMembers > 0 { writer.member("minProperties", schema.minimumMembers) }
        if !schema.fields.isEmpty {
            writer.beginObject("properties")
            for field: Field in schema.fields {
                writer.beginObject(field.name)
                writer.member("description", field.summary)
                writeMembers(field.constraint, to: &writer)
                writer.endObject()
            }
            writer.endObject()
        }
        let required: [String] = schema.fields.filter(\.isRequired).map(\.name)
        if !required.isEmpty { writer.member("required", required) }
        if schema.isClosed { writer.member("additionalProperties", false) }
    }

    private func write(_ constraint: Constraint, to writer: inout JSONWriter) {
        writer.beginObject()
        writeMembers(constraint, to: &writer)
        writer.endObject()
    }

    private func writeMembers(_ constraint: Constraint, to writer: inout JSONWriter) {
        switch constraint {
        case .any:
            break
        case .null:
            writer.member("type", "null")
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
            if choices.count == 1 { writer.member("const", choices[0]) } else { writer.member("enum", choices) }
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
        case .object(let schema) where shared.contains(ObjectIdentifier(schema)):
            // What stands beside a reference is passed over, so it stands alone.
            writer.beginArray("allOf")
            write(schema, to: &writer)
            writer.endArray()
        case .object(let schema):
            writeObject(schema, to: &writer)
        case .either(let alternatives):
            writer.beginArray("anyOf")
            for alternative: Constraint in alternatives { write(alternative, to: &writer) }
            writer.endArray()
        }
    }
}

extension MessageSchema {
    /// Hands on each schema of an object inside this one, as often as it is there; what is inside of it only if it says so.
    package func forEachInner(_ body: (MessageSchema) -> Bool) {
        for field: Field in fields { field.constraint.forEachSchema(body) }
    }
}

extension Constraint {
    fileprivate func forEachSchema(_ body: (MessageSchema) -> Bool) {
        switch self {
        case .any, .null, .boolean, .integer, .number, .string, .enumeration: break
        case .array(let element, _): element.forEachSchema(body)
        case .map(_, let values, _): values.forEachSchema(body)
        case .either(let alternatives): for alternative: Constraint in alternatives { alternative.forEachSchema(body) }
        case .object(let schema): if body(schema) { schema.forEachInner(body) }
        }
    }
}
