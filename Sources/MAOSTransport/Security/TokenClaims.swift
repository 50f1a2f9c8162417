package import MAOSCore

/// What a token says about who bears it.
package struct TokenClaims: Hashable, Sendable {
    /// The user's id.
    package var sub: String
    /// The user's address; empty if unknown.
    package var email: String
    /// What to call the user.
    package var name: String?
    /// Names of permission sets.
    package var roles: [String]
    /// Permissions as `noun:verb`, `noun:*` or `admin:*`, or the scopes of API keys: `read`, `write`, `admin`.
    package var permissions: [String]
    /// The projects that the bearer may use; empty for all.
    package var projects: [String]
    /// Whose quota counts.
    package var team: String?
    /// Who made the token.
    package var iss: String?
    /// When it was made, in seconds since 1970.
    package var iat: Int64?
    /// When it begins to be valid, in seconds since 1970.
    package var nbf: Int64?
    /// When it ends, in seconds since 1970; nil for a token without end.
    package var exp: Int64?
    /// The only task that the bearer may act on: the token of an attempt's process.
    package var task: String?
    /// What tells the token from others that say the same.
    package var jti: String?

    /// What this program calls itself as a maker of tokens.
    package static let issuer: String = "maos"

    /// Makes claims.
    package init(
        sub: String, email: String = "", name: String? = nil, roles: [String] = [], permissions: [String] = [],
        projects: [String] = [], team: String? = nil, iss: String? = TokenClaims.issuer, iat: Int64? = nil,
        nbf: Int64? = nil,
        exp: Int64? = nil, task: String? = nil, jti: String? = nil
    ) {
        self.sub = sub
        self.email = email
        self.name = name
        self.roles = roles
        self.permissions = permissions
        self.projects = projects
        self.team = team
        self.iss = iss
        self.iat = iat
        self.nbf = nbf
        self.exp = exp
        self.task = task
        self.jti = jti
    }

    /// Reads a payload.
    ///
    /// - Throws: ``TokenError/malformed``, ``TokenError/missingClaim(_:)`` for `sub`, or ``TokenError/wrongType(_:)``.
    package init(payload: [UInt8]) throws(TokenError) {
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONReader.parse(payload, depthLimit: 16)
        } catch {
            throw .malformed
        }
        guard case .object(let members) = value else { throw .malformed }
        guard let sub = try TokenClaims.text(members, "sub") else { throw .missingClaim("sub") }
        guard !sub.isEmpty else { throw .wrongType("sub") }
        self.init(
            sub: sub,
            email: try TokenClaims.text(members, "email") ?? "",
            name: try TokenClaims.text(members, "name"),
            roles: try TokenClaims.texts(members, "roles"),
            permissions: try TokenClaims.texts(members, "permissions"),
            projects: try TokenClaims.texts(members, "projects"),
            team: try TokenClaims.text(members, "team"),
            iss: try TokenClaims.text(members, "iss"),
            iat: try TokenClaims.time(members, "iat"),
            nbf: try TokenClaims.time(members, "nbf"),
            exp: try TokenClaims.time(members, "exp"),
            task: try TokenClaims.text(members, "task"),
            jti: try TokenClaims.text(members, "jti"))
        // An identifier that is none would otherwise widen what the token may do.
        if let task, TaskID(task) == nil { throw .wrongType("task") }
    }

    /// The claims as JSON, without those that are empty.
    package func payload() -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("sub", sub)
        writer.member("email", email)
        writer.memberIfPresent("name", name)
        writer.member("roles", roles)
        writer.member("permissions", permissions)
        if !projects.isEmpty { writer.member("projects", projects) }
        writer.memberIfPresent("team", team)
        writer.memberIfPresent("iss", iss)
        writer.memberIfPresent("iat", iat)
        writer.memberIfPresent("nbf", nbf)
        writer.memberIfPresent("exp", exp)
        writer.memberIfPresent("task", task)
        writer.memberIfPresent("jti", jti)
        writer.endObject()
        return writer.take()
    }

    /// Who the engine is to think it deals with.
    package var principal: Principal {
        var granted: Permissions = []
        for role in roles { granted.formUnion(Permissions(role: role)) }
        for permission in permissions {
            // The OpenCode document names them by what an API key may be good for.
            granted.formUnion(APIKey.Scope(rawValue: permission)?.permissions ?? Permissions(name: permission))
        }
        return Principal(
            subject: sub, permissions: granted, projects: projects, team: team, task: task.flatMap { TaskID($0) })
    }

    private static func text(_ members: JSONObject, _ name: String) throws(TokenError) -> String? {
        guard let value = members[name] else { return nil }
        guard let text = value.stringValue else { throw .wrongType(name) }
        return text
    }

    private static func texts(_ members: JSONObject, _ name: String) throws(TokenError) -> [String] {
        guard let value = members[name] else { return [] }
        guard case .array(let elements) = value else { throw .wrongType(name) }
        var texts: [String] = []
        for element in elements {
            guard let text = element.stringValue else { throw .wrongType(name) }
            texts.append(text)
        }
        return texts
    }

    /// A NumericDate (RFC 7519 §2): seconds, whole or not.
    private static func time(_ members: JSONObject, _ name: String) throws(TokenError) -> Int64? {
        guard let value = members[name] else { return nil }
        if case .integer(let seconds) = value, seconds.magnitude < 1 << 53 { return seconds }
        guard case .number(let number) = value, number.doubleValue.magnitude < 9e15 else { throw .wrongType(name) }
        return Int64(number.doubleValue.rounded(.down))
    }
}
