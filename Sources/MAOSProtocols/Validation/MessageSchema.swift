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
    /// By the key's length and first byte: the first field that has both, plus one.
    private let firstOfBucket: [UInt8]
    /// By field: the next one of the same bucket, plus one.
    private let nextOfBucket: [UInt8]

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
        var first = [UInt8](repeating: 0, count: 64)
        var next: [UInt8] = []
        for (index, field) in fields.enumerated() {
            let bucket: Int = MessageSchema.bucket(of: field.name)
            next.append(first[bucket])
            first[bucket] = UInt8(index + 1)
        }
        firstOfBucket = first
        nextOfBucket = next
    }

    private static func bucket(of name: String) -> Int {
        let bytes: String.UTF8View = name.utf8
        return (bytes.count &* 11 &+ Int(bytes.first ?? 0)) & 63
    }

    /// The place of the field with that name in ``fields``.
    func index(of name: String) -> Int? {
        var candidate = Int(firstOfBucket[MessageSchema.bucket(of: name)])
        while candidate > 0 {
            // Declared names are ASCII: what equals one and is as long has the same bytes.
            let declared: String = fields[candidate - 1].name
            if declared.utf8.count == name.utf8.count, declared == name { return candidate - 1 }
            candidate = Int(nextOfBucket[candidate - 1])
        }
        return nil
    }

    /// Everything that is wrong with a value, in the order of declaration; empty for a valid message.
    package func issues(in value: JSONValue, limits: ValidationLimits = ValidationLimits()) -> [ValidationIssue] {
        var validator = Validator(limits: limits)
        validator.check(value, .object(self))
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
