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
        let issued: Instant? = claims.iat.map { Instant(milliseconds: $0 * 1_000) }
        if let end: Int64 = claims.exp {
            return SocketCaller(
                principal: verified.principal, issued: issued, expires: Instant(milliseconds: end * 1_000))
        }
        // What has no end is named by the file's content, whose replacement ends it.
        let clock: Int64 = SystemClock.monotonicMilliseconds()
        let name: String = administrator.name(at: clock)
        guard administrator.matches(bytes[...], at: clock) else { throw .invalid }
        return SocketCaller(principal: verified.principal, issued: issued, credential: name)
    }

    package func stillHolds(_ caller: SocketCaller) -> Bool {
        guard let name: String = caller.credential else { return true }
        return name == administrator.name(at: SystemClock.monotonicMilliseconds())
    }
}
