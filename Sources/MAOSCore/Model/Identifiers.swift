/// What every entity identifier has in common: an opaque string of 1 to 100 letters, digits, `_` and `-`.
public protocol EntityIdentifier: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The identifier as clients see it.
    var rawValue: String { get }

    /// Takes text that is already known to have the grammar.
    init(unchecked rawValue: String)
}

extension EntityIdentifier {
    /// Reads an identifier; `nil` when the text is empty, longer than 100 bytes, or holds another character.
    public init?(_ text: String) {
        let bytes: String.UTF8View = text.utf8
        guard (1...100).contains(bytes.count), bytes.allSatisfy(isIdentifierByte) else { return nil }
        self.init(unchecked: text)
    }

    /// The identifier as clients see it.
    public var description: String { rawValue }

    /// Orders by the bytes of the text.
    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

func isIdentifierByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
        true
    default:
        false
    }
}

/// An identifier that is kept in the form that suits its text.
package protocol CompactIdentifier: EntityIdentifier {
    /// Takes UTF-8 that is already known to have the grammar.
    init(unchecked utf8: Span<UInt8>)

    /// Reads an identifier from bytes; `nil` as with a string.
    init?(utf8: Span<UInt8>)

    /// Calls a body with the bytes of the text, which need not be made a string for it.
    func withText<Value, Failure: Error>(_ body: (Span<UInt8>) throws(Failure) -> Value) throws(Failure) -> Value

    /// Appends the bytes of the text.
    func append(to bytes: inout [UInt8])
}

/// Names one task, for as long as its record is kept.
public struct TaskID: EntityIdentifier, CompactIdentifier, SlabKey {
    private let form: IdentifierForm

    init(_ form: IdentifierForm) { self.form = form }
    /// Takes text that is already known to have the grammar.
    public init(unchecked rawValue: String) { form = IdentifierForm(rawValue) }
    /// Takes UTF-8 that is already known to have the grammar.
    package init(unchecked utf8: Span<UInt8>) { form = IdentifierForm(utf8: utf8) }
    /// Reads an identifier from bytes; `nil` as with a string.
    package init?(utf8: Span<UInt8>) {
        guard let form = IdentifierForm(checking: utf8) else { return nil }
        self.form = form
    }

    /// The identifier as clients see it.
    public var rawValue: String { form.text }

    /// Calls a body with the bytes of the text.
    package func withText<Value, Failure: Error>(
        _ body: (Span<UInt8>) throws(Failure) -> Value
    ) throws(Failure) -> Value { try form.withText(body) }

    /// Appends the bytes of the text.
    package func append(to bytes: inout [UInt8]) { form.append(to: &bytes) }

    var slabHash: UInt64 { form.slabHash }

    /// Orders by the bytes of the text.
    public static func < (left: TaskID, right: TaskID) -> Bool { left.form < right.form }
}

/// Names one agent, for as long as its record is kept.
public struct AgentID: EntityIdentifier, CompactIdentifier, SlabKey {
    private let form: IdentifierForm

    init(_ form: IdentifierForm) { self.form = form }
    /// Takes text that is already known to have the grammar.
    public init(unchecked rawValue: String) { form = IdentifierForm(rawValue) }
    /// Takes UTF-8 that is already known to have the grammar.
    package init(unchecked utf8: Span<UInt8>) { form = IdentifierForm(utf8: utf8) }
    /// Reads an identifier from bytes; `nil` as with a string.
    package init?(utf8: Span<UInt8>) {
        guard let form = IdentifierForm(checking: utf8) else { return nil }
        self.form = form
    }

    /// The identifier as clients see it.
    public var rawValue: String { form.text }

    /// Calls a body with the bytes of the text.
    package func withText<Value, Failure: Error>(
        _ body: (Span<UInt8>) throws(Failure) -> Value
    ) throws(Failure) -> Value { try form.withText(body) }

    /// Appends the bytes of the text.
    package func append(to bytes: inout [UInt8]) { form.append(to: &bytes) }

    var slabHash: UInt64 { form.slabHash }

    /// Orders by the bytes of the text.
    public static func < (left: AgentID, right: AgentID) -> Bool { left.form < right.form }
}

/// One try at a task; results that carry an older number than the task's current one are refused.
public struct AttemptID: Hashable, Sendable, CustomStringConvertible {
    /// The task that is tried.
    public let task: TaskID
    /// 1 for the first try.
    public let number: Int

    /// A try at a task, by its number from 1.
    public init(task: TaskID, number: Int) {
        self.task = task
        self.number = number
    }

    /// Task and number, for messages.
    public var description: String { "\(task.rawValue)#\(number)" }
}
