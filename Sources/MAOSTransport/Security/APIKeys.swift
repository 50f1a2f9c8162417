package import MAOSCore
package import MAOSSystem

/// A key that a program bears: what is kept of it, which is not the key itself.
package struct APIKey: Sendable, Hashable {
    /// What a key is good for.
    package enum Scope: String, Sendable, CaseIterable {
        /// Everything that reads.
        case read
        /// Everything that changes tasks and agents.
        case write
        /// Everything.
        case admin

        /// The rights that it stands for.
        package var permissions: Permissions {
            switch self {
            case .read: .viewer
            case .write: Permissions.operator.subtracting(.viewer).subtracting(.processesKill)
            case .admin: .all
            }
        }
    }

    /// Names it in commands, and begins it.
    package var id: String
    /// Whose it is, for people.
    package var name: String
    /// What it is good for.
    package var scopes: [Scope]
    /// When it was made.
    package var created: Instant
    /// When it ends; `nil` for never.
    package var expires: Instant?
    /// When it was revoked.
    package var revoked: Instant?
    /// What its secret was mixed with.
    private let salt: [UInt8]
    /// HMAC-SHA256 of the secret under the salt.
    private let digest: [UInt8]

    /// How every key begins.
    package static let prefix = "sk-"
    private static let secretLength: Int = 32

    private init(
        id: String, name: String, scopes: [Scope], created: Instant, expires: Instant?, revoked: Instant?,
        salt: [UInt8], digest: [UInt8]
    ) {
        self.id = id
        self.name = name
        self.scopes = scopes
        self.created = created
        self.expires = expires
        self.revoked = revoked
        self.salt = salt
        self.digest = digest
    }

    /// Makes a key.
    ///
    /// - Parameters:
    ///   - name: Whose it is.
    ///   - scopes: What it is good for.
    ///   - expires: When it ends; `nil` for never.
    ///   - now: The time.
    /// - Returns: What is kept, and the key, which is not kept anywhere.
    package static func make(
        name: String, scopes: [Scope], expires: Instant?, at now: Instant
    ) -> (kept: APIKey, key: String) {
        let id: String = Hex.encode(SystemRandom.bytes(6))
        var text: [UInt8] = []
        Base64.append(SystemRandom.bytes(secretLength)[...], .urlSafe, to: &text)
        let salt: [UInt8] = SystemRandom.bytes(TokenKey.minimumLength)
        let kept = APIKey(
            id: id, name: name, scopes: scopes, created: now, expires: expires, revoked: nil, salt: salt,
            digest: digest(of: text, salt: salt))
        return (kept, "\(prefix)\(id)-\(String(decoding: text, as: UTF8.self))")
    }

    private static func digest(of secret: [UInt8], salt: [UInt8]) -> [UInt8] {
        TokenKey(salt)?.signature(of: secret[...]) ?? []
    }

    /// Whether a secret is this key's.
    func matches(_ secret: [UInt8]) -> Bool {
        let found: [UInt8] = APIKey.digest(of: secret, salt: salt)
        return !found.isEmpty && TokenKey.areEqual(found[...], digest[...])
    }

    /// Whether it is good at a time.
    package func isValid(at now: Instant) -> Bool {
        revoked == nil && (expires.map { $0 > now } ?? true)
    }

    /// The rights of all of its scopes.
    package var permissions: Permissions { scopes.reduce(into: []) { $0.formUnion($1.permissions) } }

    // MARK: In the file

    var value: JSONValue {
        var members: [(String, JSONValue)] = [
            ("id", .string(id)), ("name", .string(name)), ("scopes", .array(scopes.map { .string($0.rawValue) })),
            ("created", .integer(created.milliseconds)), ("salt", .string(Hex.encode(salt))),
            ("digest", .string(Hex.encode(digest))),
        ]
        if let expires { members.append(("expires", .integer(expires.milliseconds))) }
        if let revoked { members.append(("revoked", .integer(revoked.milliseconds))) }
        return .object(JSONObject(members))
    }

    init?(_ value: JSONValue) {
        guard let id: String = value["id"]?.stringValue, let name: String = value["name"]?.stringValue,
            let created: Int = value["created"]?.intValue,
            let salt: [UInt8] = value["salt"]?.stringValue.flatMap({ Hex.decode($0) }),
            let digest: [UInt8] = value["digest"]?.stringValue.flatMap({ Hex.decode($0) }), !digest.isEmpty
        else { return nil }
        func time(_ member: String) -> Instant? {
            value[member]?.intValue.map { Instant(milliseconds: Int64($0)) }
        }
        self.init(
            id: id, name: name,
            scopes: (value["scopes"]?.arrayValue ?? []).compactMap { $0.stringValue.flatMap(Scope.init(rawValue:)) },
            created: Instant(milliseconds: Int64(created)), expires: time("expires"), revoked: time("revoked"),
            salt: salt, digest: digest)
    }
}

/// The keys of a data directory: one file that its owner alone may read, written by `maos-cli key`.
///
/// A file, and not a table of the database, so that keys can be made and revoked whether or not a server runs, as it is
/// with tokens; a running server sees a change within a second.
package enum APIKeyFile {
    /// Keys that a file holds at most.
    package static let limit: Int = 150

    /// Why a file of keys cannot be used.
    package enum Failure: Error, Sendable, CustomStringConvertible {
        case file(SecretFile.Failure)
        /// The file holds something else.
        case malformed(path: String)
        /// There are as many keys as there may be.
        case full

        /// A line for people.
        package var description: String {
            switch self {
            case .file(let failure): failure.description
            case .malformed(let path): "\(path) does not hold API keys"
            case .full: "there are \(APIKeyFile.limit) keys already"
            }
        }
    }

    /// The file of a data directory.
    package static func path(in directory: String) -> String { directory + "/api-keys.json" }

    /// Reads the keys; none if there is no such file.
    package static func read(_ path: String) throws(Failure) -> [APIKey] {
        let bytes: [UInt8]?
        do throws(SecretFile.Failure) {
            bytes = try SecretFile.read(path)
        } catch {
            throw .file(error)
        }
        guard let bytes else { return [] }
        guard let value: JSONValue = try? JSONReader.parse(bytes, depthLimit: 8),
            let elements: [JSONValue] = value["keys"]?.arrayValue
        else { throw .malformed(path: path) }
        let keys: [APIKey] = elements.compactMap { APIKey($0) }
        guard keys.count == elements.count else { throw .malformed(path: path) }
        return keys
    }

    /// Changes the keys; whoever else wants to do so at the same time waits.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - body: Gets the keys that are there, and leaves those that are to be.
    /// - Returns: What the body returns.
    /// - Throws: ``Failure`` if the file cannot be locked, read or written, or there would be too many keys; then nothing has
    ///   changed.
    package static func change<Result>(_ path: String, _ body: (inout [APIKey]) -> Result) throws(Failure) -> Result {
        // A file of its own, as the one with the keys is replaced by another each time.
        let lock: FileLock
        do throws(SystemError) {
            lock = try FileLock(path + ".lock")
        } catch {
            throw .file(.system(error))
        }
        let before: [APIKey] = try read(path)
        var keys: [APIKey] = before
        let result: Result = body(&keys)
        if keys != before { try write(keys, to: path) }
        _ = consume lock
        return result
    }

    private static func write(_ keys: [APIKey], to path: String) throws(Failure) {
        guard keys.count <= limit else { throw .full }
        let text = JSONText(["keys": .array(keys.map(\.value))])
        do throws(SecretFile.Failure) {
            try SecretFile.replace(path, Array((text.description + "\n").utf8))
        } catch {
            throw .file(error)
        }
    }
}
