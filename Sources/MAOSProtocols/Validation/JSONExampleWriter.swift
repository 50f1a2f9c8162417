package import MAOSCore

/// Turns declarations into examples: messages that are as declared, the same each time.
///
/// Every declared member is there, lists have one element, and texts say what their members are called, where no form asks
/// for something else.
package struct JSONExampleWriter {
    /// The time in examples: the beginning of 2030, in milliseconds since 1970.
    private static let time: Int = 1_893_456_000_000

    /// Makes a writer.
    package init() {}

    /// Writes an example of a message as the writer's next value.
    package func write(_ schema: MessageSchema, to writer: inout JSONWriter) {
        writer.beginObject()
        for field: Field in schema.fields {
            writer.key(field.name)
            write(field.constraint, name: field.name, to: &writer)
        }
        writer.endObject()
    }

    private func write(_ constraint: Constraint, name: String, to writer: inout JSONWriter) {
        switch constraint {
        case .any: writer.string(name)
        case .null: writer.null()
        case .boolean: writer.boolean(true)
        case .integer(let range): writer.integer(integer(in: range, name: name))
        case .number(let range): writer.number(number(in: range))
        case .string(let length, let format): writer.string(text(of: length, format, name: name))
        case .enumeration(let choices): writer.string(choices.first ?? name)
        case .array(let element, let count):
            writer.beginArray()
            for _ in 0..<min(max(count.lowerBound, 1), count.upperBound) { write(element, name: name, to: &writer) }
            writer.endArray()
        case .map(let keys, let values, let limit):
            writer.beginObject()
            if limit > 0 {
                writer.key(keys?.example ?? "name")
                write(values, name: "value", to: &writer)
            }
            writer.endObject()
        case .object(let schema): write(schema, to: &writer)
        case .either(let alternatives):
            guard let first: Constraint = alternatives.first else { return writer.null() }
            write(first, name: name, to: &writer)
        }
    }

    private func integer(in range: ClosedRange<Int>, name: String) -> Int {
        let wanted: Int = name == "timestamp" ? JSONExampleWriter.time : 1
        return min(max(wanted, range.lowerBound), range.upperBound)
    }

    private func number(in range: ClosedRange<Double>) -> Double {
        let wanted: Double = range.upperBound <= 1 ? 0.5 : 1.5
        return min(max(wanted, range.lowerBound), range.upperBound)
    }

    private func text(of length: ClosedRange<Int>, _ format: TextFormat?, name: String) -> String {
        if let example: String = format?.example { return example }
        let missing: Int = length.lowerBound - name.utf8.count
        guard missing > 0 else { return String(name.prefix(length.upperBound)) }
        return name + String(repeating: ".", count: missing)
    }
}
