package import MAOSCore

/// The members of a message, or of an object inside one; members that are not declared are ignored.
package struct MessageSchema: Sendable {
    /// The name of the message in schemas and documentation.
    package let name: String
    /// Its members, in the order in which mistakes are reported.
    package let fields: [Field]
    /// How many members it has at least, declared or not.
    package let minimumMembers: Int

    /// Declares a message.
    ///
    /// - Parameters:
    ///   - name: Its name in schemas.
    ///   - minimumMembers: How many members it has at least.
    ///   - fields: Its members.
    package init(_ name: String, minimumMembers: Int = 0, _ fields: [Field]) {
        self.name = name
        self.fields = fields
        self.minimumMembers = minimumMembers
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
