package import MAOSCore

/// A token that was found to be right, with who bears it.
package final class VerifiedToken: Sendable {
    /// What it says.
    package let claims: TokenClaims
    /// Who the engine deals with.
    package let principal: Principal
    /// The first second at which it is refused; `Int64.max` for a token without end.
    let validUntil: Int64
    /// The first second at which it is accepted.
    let validFrom: Int64

    init(claims: TokenClaims, leeway: Int64) {
        self.claims = claims
        principal = claims.principal
        validUntil = claims.exp.map { $0 + leeway } ?? .max
        validFrom = claims.nbf.map { $0 - leeway } ?? .min
    }

    /// Whether its times allow it now, in seconds since 1970.
    func isInForce(at now: Int64) -> Bool { validFrom <= now && now < validUntil }

    func check(at now: Int64) throws(TokenError) {
        guard now < validUntil else { throw .expired }
        guard now >= validFrom else { throw .notYetValid }
    }
}

/// Decides whether a token is one of ours and valid now (RFC 7519, HS256).
package struct TokenVerifier: Sendable {
    private let key: TokenKey
    private let leeway: Int64
    private let allowsAdminWithoutExpiry: Bool

    /// Who may call itself the issuer: this program, and the one of the OpenCode document, for tokens made by hand.
    private static let issuers: [String] = [TokenClaims.issuer, "opencode-server"]

    /// Makes a verifier.
    ///
    /// - Parameters:
    ///   - key: What tokens are signed with.
    ///   - leeway: Seconds that clocks may differ.
    ///   - allowsAdminWithoutExpiry: Whether a token without `exp` is accepted if it is an administrator's. No other is
    ///     accepted without.
    package init(key: TokenKey, leeway: Int64 = 0, allowsAdminWithoutExpiry: Bool = false) {
        self.key = key
        self.leeway = leeway
        self.allowsAdminWithoutExpiry = allowsAdminWithoutExpiry
    }

    /// Checks a token.
    ///
    /// - Parameters:
    ///   - token: The compact form, as `Authorization: Bearer` carries it.
    ///   - now: Seconds since 1970.
    /// - Returns: The token's claims and bearer.
    /// - Throws: ``TokenError``.
    package func verify(_ token: ArraySlice<UInt8>, at now: Int64) throws(TokenError) -> VerifiedToken {
        let payload = try CompactSignature.verify(token, with: key)
        let claims = try TokenClaims(payload: payload)
        if let issuer: String = claims.iss, !TokenVerifier.issuers.contains(issuer) { throw .foreignIssuer }
        let verified = VerifiedToken(claims: claims, leeway: leeway)
        if claims.exp == nil {
            guard allowsAdminWithoutExpiry, verified.principal.permissions == .all else { throw .missingClaim("exp") }
        }
        try verified.check(at: now)
        return verified
    }
}

/// Makes tokens.
package struct TokenSigner: Sendable {
    private let key: TokenKey

    /// Makes a signer.
    package init(key: TokenKey) {
        self.key = key
    }

    /// A token with these claims.
    package func sign(_ claims: TokenClaims) -> String {
        String(decoding: CompactSignature.sign(claims.payload(), with: key), as: UTF8.self)
    }
}
