/// JSON text that is known to be valid, kept as compact UTF-8 so that it can be stored and sent on without building values.
///
/// It has no white space between its tokens, so it never holds a line end. Two texts are equal when their bytes are.
public struct JSONText: Sendable, Hashable {
    /// How many arrays and objects may stand inside each other in a text that is checked here.
    public static let depthLimit = 128

    /// The compact text.
    package let utf8: [UInt8]

    /// Checks a text, and drops the white space between its tokens.
    ///
    /// - Throws: The first mistake with its byte offset; nesting beyond ``depthLimit`` is one.
    public init(_ text: String) throws(JSONError) {
        utf8 = try JSONReader.compact(text.utf8.span, depthLimit: JSONText.depthLimit)
    }

    /// Checks a text in bytes, and drops the white space between its tokens.
    ///
    /// - Throws: The first mistake with its byte offset; nesting beyond ``depthLimit`` is one.
    public init(utf8 bytes: [UInt8]) throws(JSONError) {
        utf8 = try JSONReader.compact(bytes.span, depthLimit: JSONText.depthLimit)
    }

    /// Takes bytes that are known to be compact and valid, for example because ``JSONWriter`` made them.
    package init(trusted utf8: [UInt8]) {
        self.utf8 = utf8
    }

    /// The text of a value.
    public init(_ value: JSONValue) {
        var writer = JSONWriter()
        writer.value(value)
        utf8 = writer.take()
    }

    /// `{}`.
    public static let emptyObject = JSONText(trusted: [UInt8(ascii: "{"), UInt8(ascii: "}")])

    /// `[]`.
    public static let emptyArray = JSONText(trusted: [UInt8(ascii: "["), UInt8(ascii: "]")])

    /// The value that the text describes.
    public func value() -> JSONValue {
        do throws(JSONError) {
            return try JSONReader.parse(utf8.span, depthLimit: .max)
        } catch {
            preconditionFailure("trusted JSON text is broken: \(error)")
        }
    }
}

extension JSONText: CustomStringConvertible {
    /// The text.
    public var description: String {
        String(decoding: utf8, as: UTF8.self)
    }
}
