internal import MAOSCore
internal import MAOSSystem
internal import MAOSTransport

/// The commands about the keys that programs bear.
enum KeyCommands {
    static let all: [Command] = [create, list, revoke]

    private static let longest: Int = 10 * 365 * 86_400

    private static let name = Flag("--name", "NAME", .text, "whose key it is")
    private static let scope = Flag(
        "--scope", "WORD", .words(APIKey.Scope.allCases.map(\.rawValue)),
        "read, write or admin (may be repeated; default read and write)", repeats: true)
    private static let ttl = Flag(
        "--ttl", "SECONDS", .number(1...longest), "how long it is valid (default 90 days)")
    private static let id = Operand("ID", .many, .text, "the keys' ids")

    private static let create = Command(
        "key create", "make an API key and print it, this once",
        details: [
            "For clients of the OpenCode surface, which send it in authenticate or as a bearer token. Needs no server, "
                + "but its data directory; a running server knows the key within a second. Only a salted hash is kept: "
                + "a key that is lost is replaced by another.",
            "read lets everything be seen, write tasks and agents be changed, admin everything.",
        ],
        flags: [name, scope, ttl], needs: .data,
        examples: [
            Example("key create --name ci --scope read --scope write", "for a machine that gives work"),
            Example("key create --name wall --scope read --ttl 31536000", "for a display, valid for a year"),
        ]
    ) { (invocation) throws(Failure) in
        let arguments: Arguments = invocation.arguments
        guard let name: String = arguments.text(name), !name.isEmpty, name.utf8.count <= 100 else {
            throw .usage("key create: --name NAME is missing", hints: ["it says whose key it is, in up to 100 bytes"])
        }
        let words: [String] = arguments.texts(scope)
        let scopes: [APIKey.Scope] = APIKey.Scope.allCases.filter { (scope: APIKey.Scope) in
            words.isEmpty ? scope != .admin : words.contains(scope.rawValue)
        }
        let now = Instant(milliseconds: SystemClock.wallMilliseconds())
        let life = Int64(arguments.number(ttl) ?? 90 * 86_400)
        let made: (kept: APIKey, key: String) = APIKey.make(
            name: name, scopes: scopes, expires: now + .seconds(life), at: now)
        try change(try path(invocation)) { (keys: inout [APIKey]) in
            keys.removeAll { !$0.isValid(at: now) && $0.revoked == nil }
            keys.append(made.kept)
        }
        invocation.note("this is shown once; the server keeps a hash of it only")
        invocation.output.line(made.key)
    }

    private static let list = Command(
        "key list", "list API keys, without their secrets",
        needs: .data, examples: [Example("key list", "whose keys there are, and until when")]
    ) { (invocation) throws(Failure) in
        let now = Instant(milliseconds: SystemClock.wallMilliseconds())
        var table = Table([
            Table.Column("ID"), Table.Column("NAME", isFlexible: true), Table.Column("SCOPES"),
            Table.Column("STATUS"), Table.Column("EXPIRES"),
        ])
        for key: APIKey in try read(try path(invocation)) {
            let status: String = key.revoked != nil ? "revoked" : key.isValid(at: now) ? "valid" : "expired"
            let end: String = key.expires.map { ISO8601.string(milliseconds: $0.milliseconds) } ?? "never"
            table.add([
                Table.Cell(key.id), Table.Cell(key.name),
                Table.Cell(key.scopes.map(\.rawValue).joined(separator: ",")), Table.Cell(status), Table.Cell(end),
            ])
        }
        guard !table.isEmpty else { return invocation.note("there are no keys") }
        invocation.output.write(table.text(for: invocation.output))
    }

    private static let revoke = Command(
        "key revoke", "end API keys at once",
        details: [
            "A running server refuses them within a second, and ends the sessions that were begun with them."
        ],
        operands: [id], needs: .data, examples: [Example("key revoke 4f2a9c01d3e7", "when somebody saw it")]
    ) { (invocation) throws(Failure) in
        let path: String = try path(invocation)
        let now = Instant(milliseconds: SystemClock.wallMilliseconds())
        try invocation.forEach(invocation.arguments.texts(id)) { (wanted: String) throws(Failure) in
            // The ids of keys of that name, where it is no key's id.
            let namesakes: [String]? = try change(path) { (keys: inout [APIKey]) in
                guard let place: Int = keys.firstIndex(where: { $0.id == wanted }) else {
                    return keys.filter { $0.name == wanted && $0.isValid(at: now) }.map(\.id)
                }
                if keys[place].revoked == nil { keys[place].revoked = now }
                return nil
            }
            if let namesakes {
                let hint: String =
                    namesakes.isEmpty
                    ? "maos-cli key list shows all"
                    : "keys are revoked by id; those of \(wanted): \(namesakes.joined(separator: " "))"
                throw .refused("there is no key \(wanted)", hints: [hint])
            }
            invocation.output.line(wanted)
        }
    }

    private static func path(_ invocation: Invocation) throws(Failure) -> String {
        let data = DataDirectory(invocation.arguments)
        let key: TokenKey?
        do throws(TokenKey.Failure) {
            key = try TokenKey.load(data.keyPath)
        } catch {
            throw .refused("cannot use the data directory: \(error)")
        }
        guard key != nil else {
            throw .refused(
                "there is no server's data at \(data.path)",
                hints: [
                    "maos-server makes it when it first starts with this data directory",
                    "the directory is from \(data.origin); name another with --data or MAOS_DATA",
                ])
        }
        return APIKeyFile.path(in: data.path)
    }

    private static func read(_ path: String) throws(Failure) -> [APIKey] {
        do throws(APIKeyFile.Failure) {
            return try APIKeyFile.read(path)
        } catch {
            throw .refused("cannot read the keys: \(error)")
        }
    }

    private static func change<Result>(
        _ path: String, _ body: (inout [APIKey]) -> Result
    ) throws(Failure) -> Result {
        do throws(APIKeyFile.Failure) {
            return try APIKeyFile.change(path, body)
        } catch {
            throw .refused("cannot change the keys: \(error)")
        }
    }
}
