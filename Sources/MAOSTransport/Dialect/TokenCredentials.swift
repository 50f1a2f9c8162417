package import MAOSCore
package import MAOSProtocols
internal import MAOSSystem

/// Checks the tokens that this server has signed, for all dialects.
package final class TokenCredentials: CredentialChecker {
    private let tokens: Locked<TokenCache>
    private let administrator: CurrentToken

    /// Checks by a key.
    ///
    /// - Parameters:
    ///   - verifier: Decides about tokens.
    ///   - administrator: The administrator's token, which has no end.
    package init(verifier: TokenVerifier, administrator: CurrentToken) {
        tokens = Locked(TokenCache(verifier: verifier))
        self.administrator = administrator
    }

    package func check(token: String, at now: Instant) throws(CredentialProblem) -> SocketCaller {
        let bytes: [UInt8] = Array(token.utf8)
        let result: Result<VerifiedToken, TokenError> = tokens.withLock { (cache: inout TokenCache) in
            do throws(TokenError) {
                return .success(try cache.verify(bytes[...], at: now.milliseconds / 1_000))
            } catch {
                return .failure(error)
            }
        }
        switch result {
        case .success(let verified):
            let claims: TokenClaims = verified.claims
            guard claims.exp != nil || administrator.matches(bytes[...], at: SystemClock.monotonicMilliseconds()) else {
                throw .invalid
            }
            return SocketCaller(
                principal: verified.principal, issued: claims.iat.map { Instant(milliseconds: $0 * 1_000) },
                expires: claims.exp.map { Instant(milliseconds: $0 * 1_000) })
        case .failure(.expired):
            throw .expired
        case .failure:
            throw .invalid
        }
    }
}
