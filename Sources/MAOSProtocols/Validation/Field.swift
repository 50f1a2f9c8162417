/// A member of a message: declared once, for decoding, errors, schemas and documentation alike.
package final class Field: Sendable {
    /// The name on the wire.
    package let name: String
    /// What its value has to be like.
    package let constraint: Constraint
    /// Whether a message without it is refused.
    package let isRequired: Bool
    /// What it means, in one line of documentation.
    package let summary: String

    private init(name: String, constraint: Constraint, isRequired: Bool, summary: String) {
        self.name = name
        self.constraint = constraint
        self.isRequired = isRequired
        self.summary = summary
    }

    /// A member that has to be there.
    package static func required(_ name: String, _ constraint: Constraint, _ summary: String) -> Field {
        Field(name: name, constraint: constraint, isRequired: true, summary: summary)
    }

    /// A member that may be left out; `null` in its place is refused.
    package static func optional(_ name: String, _ constraint: Constraint, _ summary: String) -> Field {
        Field(name: name, constraint: constraint, isRequired: false, summary: summary)
    }
}
