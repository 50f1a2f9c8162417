import MAOSCore
import MAOSProtocols
import MAOSSystem
import MAOSTestSupport
import MAOSTransport
import Testing

@Suite("API keys")
struct APIKeyTests {
    /// Knows no tokens.
    private final class NoTokens: CredentialChecker {
        func check(token: String, at now: Instant) throws(CredentialProblem) -> SocketCaller { throw .invalid }
        func stillHolds(_ caller: SocketCaller) -> Bool { true }
    }

    private let now = Instant(milliseconds: 1_800_000_000_000)
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private var path: String { APIKeyFile.path(in: folder.path) }

    private func make(_ scopes: [APIKey.Scope], expires: Instant? = nil) throws -> String {
        let made = APIKey.make(name: "ci", scopes: scopes, expires: expires, at: now)
        try APIKeyFile.change(path) { $0.append(made.kept) }
        return made.key
    }

    private func check(_ key: String, at time: Instant? = nil) -> Result<SocketCaller, CredentialProblem> {
        let credentials = KeyCredentials(path: path, tokens: NoTokens())
        do throws(CredentialProblem) {
            return .success(try credentials.check(token: key, at: time ?? now))
        } catch {
            return .failure(error)
        }
    }

    @Test("a key is good for its scopes, and nothing of its secret is kept (OC-SEC-01, OC-SEC-04, OC-SEC-11)")
    func scopes() throws {
        let reader = try make([.read])
        let writer = try make([.read, .write])
        let admin = try make([.admin])
        #expect(try check(reader).get().principal.permissions == .viewer)
        let write = try check(writer).get().principal.permissions
        #expect(write.isSuperset(of: [.tasksCreate, .tasksList, .agentsCreate]))
        #expect(write.isDisjoint(with: [.systemAdmin, .processesKill]))
        #expect(try check(admin).get().principal.permissions == .all)
        #expect(try check(admin).get().principal.subject == "key:ci")
        let stored = String(decoding: try #require(try SecretFile.read(path)), as: UTF8.self)
        for key in [reader, writer, admin] {
            #expect(key.hasPrefix("sk-"))
            let secret = try #require(key.split(separator: "-", maxSplits: 2).last)
            #expect(!stored.contains(secret))
        }
    }

    @Test("what is no key, of no key, or changed, is not valid (OC-ERR-28)")
    func invalid() throws {
        let key = try make([.admin])
        var changed = key
        let last = changed.removeLast()
        changed.append(last == "A" ? "B" : "A")
        for bad in ["", "sk-", "sk-x", "sk-x-y", "sk--", changed, key + "A", String(key.dropLast()), "token"] {
            #expect(check(bad) == .failure(.invalid), "\(bad)")
        }
    }

    @Test("keys end by themselves, or are revoked (OC-SEC-09)")
    func ends() throws {
        let key = try make([.read], expires: now + .seconds(60))
        #expect(try check(key).get().expires == now + .seconds(60))
        #expect(check(key, at: now + .seconds(60)) == .failure(.expired))
        try APIKeyFile.change(path) { $0[0].revoked = now }
        #expect(check(key) == .failure(.invalid))
        #expect(try APIKeyFile.read(path).map(\.revoked) == [now])
    }

    @Test("who bears a key is known by it, and no longer once it is revoked (OC-SEC-09)")
    func revocation() throws {
        let (key, other) = (try make([.read]), try make([.read]))
        func credentials() -> KeyCredentials { KeyCredentials(path: path, tokens: NoTokens()) }
        let caller: SocketCaller = try credentials().check(token: key, at: now)
        let second: SocketCaller = try credentials().check(token: other, at: now)
        #expect(caller.credential != nil && caller.credential != second.credential)
        #expect(!key.hasSuffix(caller.credential ?? key))
        #expect(credentials().stillHolds(caller) && credentials().stillHolds(second))
        try APIKeyFile.change(path) { $0[0].revoked = now }
        #expect(!credentials().stillHolds(caller) && credentials().stillHolds(second))
        try APIKeyFile.change(path) { $0 = [] }
        #expect(!credentials().stillHolds(second))
        #expect(credentials().stillHolds(SocketCaller(principal: caller.principal)))
    }

    @Test("without a file, or with a broken one, no key is valid")
    func files() throws {
        #expect(try APIKeyFile.read(path).isEmpty)
        #expect(check("sk-a-b") == .failure(.invalid))
        for text in [
            "", "{}", "[]", #"{"keys":[{}]}"#,
            #"{"keys":[{"id":"a","name":"b","created":1,"salt":"zz","digest":"00"}]}"#,
        ] {
            try SecretFile.replace(path, Array(text.utf8))
            #expect(throws: APIKeyFile.Failure.self) { try APIKeyFile.read(path) }
            #expect(check("sk-a-b") == .failure(.invalid))
        }
    }

    @Test("there is room for so many keys")
    func full() throws {
        let keys = (0...APIKeyFile.limit).map { _ in APIKey.make(name: "n", scopes: [.read], expires: nil, at: now).kept
        }
        #expect(throws: APIKeyFile.Failure.self) { try APIKeyFile.change(path) { $0 = keys } }
        try APIKeyFile.change(path) { $0 = keys.dropLast() }
        #expect(try APIKeyFile.read(path).count == APIKeyFile.limit)
    }

    @Test("of several who change the keys at once, none undoes what another did")
    func together() async throws {
        let (path, now): (String, Instant) = (path, now)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<8 {
                        let made = APIKey.make(name: "n", scopes: [.read], expires: nil, at: now)
                        try APIKeyFile.change(path) { $0.append(made.kept) }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(Set(try APIKeyFile.read(path).map(\.id)).count == 64)
    }
}
