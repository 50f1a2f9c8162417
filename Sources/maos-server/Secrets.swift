internal import MAOSCore
internal import MAOSSystem
internal import MAOSTransport

/// What the data directory holds that nobody else may read.
struct Secrets {
    /// What tokens are signed with (`jwt.key`).
    let key: TokenKey
    /// Names this data directory among others of the host, the same after every start.
    let instance: String

    /// Begins the identifiers of messages that are made again after every start.
    let messageSeed: UInt64

    /// Reads the key and makes what is missing; the administrator's token is written beside it.
    ///
    /// - Throws: ``StartFailure``.
    init(directory: String) throws(StartFailure) {
        do throws(TokenKey.Failure) {
            key = try TokenKey.loadOrCreate(directory + "/jwt.key")
        } catch {
            throw StartFailure(message: "cannot use the signing key: \(error)")
        }
        // Derived, so that there is nothing more to keep: two directories never share a key.
        instance = Hex.encode(key.signature(of: Array("instance".utf8)[...])[..<8])
        messageSeed = key.signature(of: Array("messages".utf8)[...])[..<8].reduce(0) { $0 << 8 | UInt64($1) }
        do throws(SecretFile.Failure) {
            var claims = TokenClaims(sub: "admin")
            claims.roles = ["admin"]
            claims.permissions = ["admin:*"]
            claims.iss = "maos"
            claims.iat = SystemClock.wallMilliseconds() / 1_000
            let token: String = TokenSigner(key: key).sign(claims) + "\n"
            _ = try SecretFile.create(directory + "/admin.token", Array(token.utf8))
        } catch {
            throw StartFailure(message: "cannot write the administrator's token: \(error)")
        }
    }
}
