package import MAOSCore

/// One thing that is wrong with a message, and where.
package struct ValidationIssue: Sendable, Hashable {
    /// What kind of mistake it is; the raw value is its name on the wire.
    package enum Code: String, Sendable, CaseIterable {
        case required
        case type = "invalid_type"
        case enumeration = "invalid_enum_value"
        case format = "invalid_format"
        case tooSmall = "too_small"
        case tooBig = "too_big"
        case unacceptable = "invalid_value"
        case syntax = "invalid_json"
    }

    /// A step from a container to what it holds.
    package enum PathElement: Sendable, Hashable {
        case key(String)
        case index(Int)
    }

    /// From the message's root to the value; empty for the message itself.
    package var path: [PathElement]
    /// What kind of mistake it is.
    package var code: Code
    /// For people: what is wrong, without the name of the member.
    package var message: String
    /// What would have been right.
    package var expected: String?
    /// The value that was refused, where it is no container; long strings are cut.
    package var value: JSONValue?

    /// Notes a mistake.
    ///
    /// - Parameters:
    ///   - path: From the message's root to the value.
    ///   - code: What kind of mistake.
    ///   - message: What is wrong.
    ///   - expected: What would have been right.
    ///   - value: The value that was refused.
    package init(
        path: [PathElement], code: Code, message: String, expected: String? = nil, value: JSONValue? = nil
    ) {
        self.path = path
        self.code = code
        self.message = message
        self.expected = expected
        self.value = value
    }

    /// The path with dots between its steps: `requirements.0.name`; empty for the message itself.
    package var field: String {
        path.map { (step: PathElement) -> String in
            switch step {
            case .key(let name): name
            case .index(let index): String(index)
            }
        }.joined(separator: ".")
    }

    /// Writes `{field, path, message, code, value?, expected?}`.
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("field", field)
        writer.beginArray("path")
        for step: PathElement in path {
            switch step {
            case .key(let name): writer.string(name)
            case .index(let index): writer.integer(index)
            }
        }
        writer.endArray()
        writer.member("message", message)
        writer.member("code", code.rawValue)
        if let value { writer.member("value", value) }
        writer.memberIfPresent("expected", expected)
        writer.endObject()
    }
}
