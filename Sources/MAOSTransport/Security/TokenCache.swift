internal import MAOSSystem

/// Remembers tokens that were found right, so that the same one again costs a comparison instead of a signature.
///
/// Only tokens with a right signature enter, their times are checked on every use, and the table has a fixed size: a newer
/// token takes the place of an older one. Confined to one loop. It is for requests, each of which bears its token; whoever says
/// once for a connection who they are is checked by ``TokenCredentials``.
package final class TokenCache {
    private struct Entry {
        var token: [UInt8]
        var verified: VerifiedToken
    }

    private let verifier: TokenVerifier
    private var entries: [Entry?]
    private let seed: UInt64

    /// Makes an empty cache.
    ///
    /// - Parameters:
    ///   - verifier: Who decides about tokens that are not in it.
    ///   - capacity: Places in the table; a power of two.
    package init(verifier: TokenVerifier, capacity: Int = 1_024) {
        precondition(capacity > 1 && capacity & (capacity - 1) == 0, "the capacity is a power of two")
        self.verifier = verifier
        entries = Array(repeating: nil, count: capacity)
        seed = SystemRandom.bytes(8).reduce(0) { $0 << 8 | UInt64($1) } | 1
    }

    /// Checks a token.
    ///
    /// - Parameters:
    ///   - token: The compact form.
    ///   - now: Seconds since 1970.
    /// - Returns: The token's claims and bearer.
    /// - Throws: ``TokenError``, as ``TokenVerifier/verify(_:at:)`` does.
    package func verify(_ token: ArraySlice<UInt8>, at now: Int64) throws(TokenError) -> VerifiedToken {
        let place = place(of: token)
        if let entry = entries[place], TokenKey.areEqual(entry.token[...], token) {
            try entry.verified.check(at: now)
            return entry.verified
        }
        let verified = try verifier.verify(token, at: now)
        entries[place] = Entry(token: Array(token), verified: verified)
        return verified
    }

    /// The signature is at the end and as good as random, so the last bytes are hash enough.
    private func place(of token: ArraySlice<UInt8>) -> Int {
        var tail: UInt64 = 0
        for byte in token.suffix(16) { tail = (tail &* 31) &+ UInt64(byte) }
        let mixed = tail.multipliedFullWidth(by: seed)
        return Int(truncatingIfNeeded: (mixed.high ^ mixed.low) & UInt64(entries.count - 1))
    }
}
