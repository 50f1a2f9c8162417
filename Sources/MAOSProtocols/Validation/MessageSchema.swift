package import MAOSCore

/// The members of a message, or of an object inside one; members that are not declared are ignored.
package final class MessageSchema: Sendable {
    /// The name of the message in schemas and documentation.
    package let name: String
    /// Its members, in the order in which mistakes are reported.
    package let fields: [Field]
    /// How many members it has at least, declared or not.
    package let minimumMembers: Int
    /// Whether whoever decodes it refuses members that are not declared.
    package let isClosed: Bool
    /// By bit: the fields that a message has to have.
    let required: UInt32
    /// The names of the fields.
    private let names: [String]
    /// By the length of a name: the first field that has it, plus one.
    private let firstOfLength: [UInt8]
    /// By field: the next one whose name is as long, plus one.
    private let nextOfLength: [UInt8]

    /// Members that a message may declare.
    static let fieldLimit: Int = 32

    /// Declares a message.
    ///
    /// - Parameters:
    ///   - name: Its name in schemas.
    ///   - minimumMembers: How many members it has at least.
    ///   - isClosed: Whether whoever decodes it refuses members that are not declared.
    ///   - fields: Its members.
    package init(_ name: String, minimumMembers: Int = 0, isClosed: Bool = false, _ fields: [Field]) {
        self.name = name
        self.fields = fields
        self.minimumMembers = minimumMembers
        self.isClosed = isClosed
        precondition(fields.count <= MessageSchema.fieldLimit, "a message declares at most 32 members")
        required = fields.indices.reduce(0) { $0 | (fields[$1].isRequired ? 1 << UInt32($1) : 0) }
        names = fields.map(\.name)
        var first = [UInt8](repeating: 0, count: (names.map(\.utf8.count).max() ?? 0) + 1)
        var next: [UInt8] = []
        for (index, name) in names.enumerated() {
            next.append(first[name.utf8.count])
            first[name.utf8.count] = UInt8(index + 1)
        }
        firstOfLength = first
        nextOfLength = next
    }

    /// The place of the field with that name in ``fields``.
    func index(of name: String) -> Int? {
        guard name.utf8.count < firstOfLength.count else { return nil }
        var candidate = Int(firstOfLength[name.utf8.count])
        while candidate > 0 {
            // Declared names are ASCII: what equals one and is as long has the same bytes.
            if names[candidate - 1] == name { return candidate - 1 }
            candidate = Int(nextOfLength[candidate - 1])
        }
        return nil
    }

    /// Everything that is wrong with a value, in the order of declaration; empty for a valid message.
    package func issues(in value: JSONValue, limits: ValidationLimits = ValidationLimits()) -> [ValidationIssue] {
        var validator = Validator(limits: limits)
        validator.check(value, self)
        return validator.issues
    }
}

/// How much a validation reports: a broken message must not be answered with a larger one.
package struct ValidationLimits: Sendable, Hashable {
    /// Mistakes that are reported; the rest is not looked for.
    package var issues: Int = 32
    /// Characters of a refused string that are repeated.
    package var echo: Int = 100

    /// The usual limits.
    package init() {}
}
