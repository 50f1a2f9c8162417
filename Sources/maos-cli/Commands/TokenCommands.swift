internal import MAOSCore
internal import MAOSSystem
internal import MAOSTransport

/// The commands that make tokens with the server's key.
enum TokenCommands {
    static let all: [Command] = [create, rotate]

    private static let longest: Int = 365 * 86_400
    private static let roles: [String] = ["admin", "operator", "viewer"]
    private static let administrator: String = "admin:*"

    private static let subject = Flag("--sub", "NAME", .text, "who bears the token")
    private static let email = Flag("--email", "ADDRESS", .text, "the bearer's address")
    private static let role = Flag(
        "--role", "ROLE", .words(roles), "admin, operator or viewer (may be repeated)", repeats: true)
    private static let permission = Flag(
        "--permission", "NAME", .suggestions(permissions),
        "something the bearer may do, such as tasks:create or tasks:* (may be repeated)", repeats: true)
    private static let project = Flag(
        "--project", "NAME", .text, "a project the bearer is limited to (may be repeated)", repeats: true)
    private static let team = Flag("--team", "NAME", .text, "whose quota counts")
    private static let ttl = Flag(
        "--ttl", "SECONDS", .number(1...longest), "how long it is valid (default 3600, at most one year)")

    private static let permissions: [String] = {
        let single: [String] = Permissions.all.names
        var nouns: [String] = []
        for name: String in single {
            let noun: String = name.prefix { $0 != ":" } + ":*"
            if !nouns.contains(noun) { nouns.append(noun) }
        }
        return single + nouns + [administrator]
    }()

    private static let create = Command(
        "token create", "make a token and print it",
        details: [
            "Needs no server, but the key in its data directory. A role stands for a set of permissions: admin for all, "
                + "operator for all but administration, viewer for everything that reads."
        ],
        flags: [subject, email, role, permission, project, team, ttl], needs: .data,
        examples: [
            Example("token create --sub ci --role operator --ttl 86400", "for a machine, valid for a day"),
            Example(
                "token create --sub bob --permission tasks:create --permission tasks:read --project web",
                "for somebody who may do little"),
        ]
    ) { (invocation) throws(Failure) in
        let arguments: Arguments = invocation.arguments
        guard let name: String = arguments.text(subject) else {
            throw .usage("token create: --sub NAME is missing", hints: ["it says who bears the token"])
        }
        for name: String in arguments.texts(permission) where !permissions.contains(name) {
            throw .usage(
                "token create: there is no permission \"\(name)\"\(Nearest.hint(for: name, in: permissions))",
                hints: ["all permissions: \(permissions.joined(separator: " "))"])
        }
        let now: Int64 = SystemClock.wallMilliseconds() / 1_000
        let claims = TokenClaims(
            sub: name, email: arguments.text(email) ?? "", roles: arguments.texts(role),
            permissions: arguments.texts(permission), projects: arguments.texts(project), team: arguments.text(team),
            iat: now, exp: now + Int64(arguments.number(ttl) ?? 3_600))
        let signer = TokenSigner(key: try key(in: DataDirectory(arguments)))
        if claims.principal.permissions.isEmpty {
            invocation.errors.line("\(Program.name): note: this token permits nothing; --role or --permission would")
        }
        invocation.output.line(signer.sign(claims))
    }

    private static let rotate = Command(
        "token rotate", "replace the administrator's token",
        details: [
            "Writes a new admin.token to the data directory. Programs that read the file find the new one there. "
                + "A running server refuses the old one within a second, and closes the WebSockets that were opened "
                + "with it."
        ],
        needs: .data,
        examples: [Example("token rotate", "when somebody saw it who should not have")]
    ) { (invocation) throws(Failure) in
        let data = DataDirectory(invocation.arguments)
        let now: Int64 = SystemClock.wallMilliseconds() / 1_000
        // Even in the same second it must not be the old one again.
        let claims = TokenClaims(
            sub: "admin", roles: ["admin"], permissions: [administrator], iat: now,
            jti: Hex.encode(SystemRandom.bytes(8)))
        let token: String = TokenSigner(key: try key(in: data)).sign(claims)
        do throws(SecretFile.Failure) {
            try SecretFile.replace(data.adminTokenPath, Array((token + "\n").utf8))
        } catch {
            throw .refused("cannot write the new token: \(error)")
        }
        invocation.output.line(data.adminTokenPath)
    }

    private static func key(in data: DataDirectory) throws(Failure) -> TokenKey {
        do throws(TokenKey.Failure) {
            if let key: TokenKey = try TokenKey.load(data.keyPath) { return key }
        } catch {
            throw .refused("cannot read the server's key: \(error)")
        }
        throw .refused(
            "there is no key at \(data.keyPath)",
            hints: [
                "maos-server makes it when it first starts with this data directory",
                "the directory is from \(data.origin); name another with --data or MAOS_DATA",
            ])
    }
}
