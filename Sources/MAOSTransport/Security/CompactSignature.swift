internal import MAOSCore

/// The compact form of a signed text: header, payload and signature (RFC 7515 §7.1), HS256 only.
package enum CompactSignature {
    /// The longest token that is looked at, in bytes.
    package static let lengthLimit = 16_384

    private static let dot = UInt8(ascii: ".")

    /// Checks a token's form, header and signature, and returns its payload.
    ///
    /// - Parameters:
    ///   - token: Three parts of base64url with dots between them.
    ///   - key: What it should be signed with.
    /// - Returns: The payload's bytes.
    /// - Throws: ``TokenError``; nothing of the payload is looked at before the signature is right.
    package static func verify(_ token: ArraySlice<UInt8>, with key: TokenKey) throws(TokenError) -> [UInt8] {
        guard token.count <= lengthLimit else { throw .tooLong }
        guard let first = token.firstIndex(of: dot) else { throw .malformed }
        guard let second = token[(first + 1)...].firstIndex(of: dot) else { throw .malformed }
        let encodedSignature = token[(second + 1)...]
        guard !encodedSignature.contains(dot), let header = Base64.decode(token[..<first], .urlSafe) else {
            throw .malformed
        }
        try check(header)
        guard let signature = Base64.decode(encodedSignature, .urlSafe) else { throw .malformed }
        guard TokenKey.areEqual(key.signature(of: token[..<second])[...], signature[...]) else { throw .signature }
        guard let payload = Base64.decode(token[(first + 1)..<second], .urlSafe) else { throw .malformed }
        return payload
    }

    /// Signs a payload.
    package static func sign(_ payload: [UInt8], with key: TokenKey) -> [UInt8] {
        var token: [UInt8] = []
        Base64.append(Array(#"{"alg":"HS256","typ":"JWT"}"#.utf8)[...], .urlSafe, to: &token)
        token.append(dot)
        Base64.append(payload[...], .urlSafe, to: &token)
        let signature = key.signature(of: token[...])
        token.append(dot)
        Base64.append(signature[...], .urlSafe, to: &token)
        return token
    }

    private static func check(_ bytes: [UInt8]) throws(TokenError) {
        let header: JSONValue
        do throws(JSONError) {
            header = try JSONReader.parse(bytes, depthLimit: 8)
        } catch {
            throw .malformed
        }
        guard case .object(let members) = header else { throw .malformed }
        guard members["alg"]?.stringValue == "HS256" else { throw .algorithm }
        // RFC 7515 §4.1.11: what is critical and not understood must be refused; we understand no extension.
        guard members["crit"] == nil, members["b64"] == nil else { throw .unsupportedHeader }
        guard let type = members["typ"] else { return }
        guard type.stringValue?.uppercased() == "JWT" else { throw .unsupportedHeader }
    }
}
