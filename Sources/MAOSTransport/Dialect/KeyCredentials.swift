package import MAOSCore
package import MAOSProtocols
internal import MAOSSystem

/// Checks API keys, and the tokens that this server has signed.
package final class KeyCredentials: CredentialChecker {
    private struct Ring {
        var keys: [String: APIKey] = [:]
        var readAt: Int64?
    }

    private let tokens: any CredentialChecker
    private let path: String
    private let ring = Locked(Ring())

    /// Milliseconds after which the file is looked at again.
    private static let interval: Int64 = 1_000

    /// Checks by the keys of a file.
    ///
    /// - Parameters:
    ///   - path: The file of keys; it may come and change later.
    ///   - tokens: Decides about everything that is no key.
    package init(path: String, tokens: any CredentialChecker) {
        self.path = path
        self.tokens = tokens
    }

    package func check(token: String, at now: Instant) throws(CredentialProblem) -> SocketCaller {
        guard token.hasPrefix(APIKey.prefix) else { return try tokens.check(token: token, at: now) }
        let parts: [Substring] = token.split(separator: "-", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, let key: APIKey = key(String(parts[1])), key.matches(Array(parts[2].utf8)),
            key.revoked == nil
        else { throw .invalid }
        guard key.isValid(at: now) else { throw .expired }
        return SocketCaller(
            principal: Principal(subject: "key:\(key.name)", permissions: key.permissions),
            issued: key.created, expires: key.expires, credential: APIKey.prefix + key.id)
    }

    package func stillHolds(_ caller: SocketCaller) -> Bool {
        guard let name: String = caller.credential, name.hasPrefix(APIKey.prefix) else {
            return tokens.stillHolds(caller)
        }
        return key(String(name.dropFirst(APIKey.prefix.count))).map { $0.revoked == nil } ?? false
    }

    /// The key of that name; what cannot be read makes no key valid.
    private func key(_ id: String) -> APIKey? {
        let now: Int64 = SystemClock.monotonicMilliseconds()
        return ring.withLock { (ring: inout Ring) in
            if ring.readAt.map({ now - $0 >= KeyCredentials.interval }) ?? true {
                ring.readAt = now
                let keys: [APIKey] = (try? APIKeyFile.read(path)) ?? []
                ring.keys = Dictionary(keys.map { ($0.id, $0) }) { first, _ in first }
            }
            return ring.keys[id]
        }
    }
}
