package import MAOSCore
package import MAOSProtocols
internal import MAOSSystem

/// Checks the tokens that this server has signed, for all dialects: once a connection, so it remembers none.
package final class TokenCredentials: CredentialChecker {
    private let verifier: TokenVerifier
    private let administrator: CurrentToken

    /// Checks by a key.
    ///
    /// - Parameters:
    ///   - verifier: Decides about tokens.
    ///   - administrator: The administrator's token, which has no end.
    package init(verifier: TokenVerifier, administrator: CurrentToken) {
        self.verifier = verifier
        self.administrator = administrator
    }

    package func check(token: String, at now: Instant) throws(CredentialProblem) -> SocketCaller {
        let bytes: [UInt8] = Array(token.utf8)
        let verified: VerifiedToken
        do throws(TokenError) {
            verified = try verifier.verify(bytes[...], at: now.milliseconds / 1_000)
        } catch {
            throw error == .expired ? .expired : .invalid
        }
        let claims: TokenClaims = verified.claims
        guard claims.exp != nil || administrator.matches(bytes[...], at: SystemClock.monotonicMilliseconds()) else {
            throw .invalid
        }
        return SocketCaller(
            principal: verified.principal, issued: claims.iat.map { Instant(milliseconds: $0 * 1_000) },
            expires: claims.exp.map { Instant(milliseconds: $0 * 1_000) })
    }
}
