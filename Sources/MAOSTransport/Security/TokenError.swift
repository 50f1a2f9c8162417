/// Why a token is refused.
package enum TokenError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Not three parts of base64url, or their JSON is broken.
    case malformed
    /// Longer than any token of ours.
    case tooLong
    /// Signed with another algorithm, or not at all; only HS256 is accepted.
    case algorithm
    /// The header asks for something that is not supported (`crit`, `b64`, a foreign `typ`).
    case unsupportedHeader
    /// The signature is not of our key.
    case signature
    /// A claim is missing.
    case missingClaim(String)
    /// A claim has another type than it should.
    case wrongType(String)
    /// Made by somebody else for somebody else.
    case foreignIssuer
    /// `exp` has passed.
    case expired
    /// `nbf` has not come yet.
    case notYetValid

    /// What to tell whoever debugs it; holds nothing of the token.
    package var description: String {
        switch self {
        case .malformed: "the token is malformed"
        case .tooLong: "the token is too long"
        case .algorithm: "the token's algorithm is not HS256"
        case .unsupportedHeader: "the token's header asks for something unsupported"
        case .signature: "the token's signature is wrong"
        case .missingClaim(let name): "the token has no claim \(name)"
        case .wrongType(let name): "the token's claim \(name) has the wrong type"
        case .foreignIssuer: "the token was issued by somebody else"
        case .expired: "the token has expired"
        case .notYetValid: "the token is not valid yet"
        }
    }
}
