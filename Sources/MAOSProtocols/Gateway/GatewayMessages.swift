internal import MAOSCore

/// What clients may send to the gateway, declared once: validation, interface description and documentation come from here.
package enum GatewayMessages {
    /// Arrays and objects that may stand inside each other in a body.
    static let depthLimit: Int = JSONText.depthLimit

    /// Times that a client may set, in milliseconds.
    static let timeouts: ClosedRange<Int> = 1_000...86_400_000

    /// Anything that stands alone: free text of a client's own.
    static let freeText: ClosedRange<Int> = 0...1_000

    /// An object whose members nobody here looks into.
    static let freeObject: Constraint = .map(values: .any, limit: 1_000)

    /// Names and values of environment variables.
    static let environment: Constraint = .map(
        keys: .environmentName, values: .string(0...32_768, .processText), limit: 256)

    /// Reads a body that has to be an object, and checks it.
    ///
    /// - Throws: ``GatewayFailure`` with every mistake.
    static func decode(_ body: [UInt8], _ schema: MessageSchema) throws(GatewayFailure) -> JSONObject {
        guard case .object(let object) = try document(body, schema).value else { throw .internalError }
        return object
    }

    /// Reads a body that has to be an object, and checks it, as ``decode(_:_:)`` does; its text stays at hand.
    ///
    /// - Throws: ``GatewayFailure`` with every mistake.
    static func document(_ body: [UInt8], _ schema: MessageSchema) throws(GatewayFailure) -> JSONDocument {
        let document: JSONDocument
        do throws(JSONError) {
            document = try JSONDocument(body, depthLimit: depthLimit)
        } catch {
            throw .malformedBody(error)
        }
        let issues: [ValidationIssue] = schema.issues(in: document.value)
        guard issues.isEmpty else { throw .invalid(issues) }
        return document
    }

    /// A map of strings, as ``environment`` has it.
    static func strings(_ value: JSONValue?) -> [String: String] {
        guard case .object(let object)? = value, !object.isEmpty else { return [:] }
        var strings: [String: String] = [:]
        for member: JSONObject.Member in object {
            if case .string(let text) = member.value { strings[member.key] = text }
        }
        return strings
    }
}
