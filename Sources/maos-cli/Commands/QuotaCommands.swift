internal import MAOSCore
internal import MAOSProtocols

/// The commands about quotas.
enum QuotaCommands {
    static let all: [Command] = [list, set, remove]

    private static let scope = Operand("SCOPE", .one, .words(QuotaScope.allCases.map(\.name)), "user, team or project")
    private static let name = Operand("NAME", .one, .text, "which user, team or project")
    private static let amounts: [(flag: Flag, member: String)] = [
        (Flag("--cpu", "N", .text, "cores"), "cpu"), (Flag("--memory", "MB", .text, "megabytes of memory"), "memory"),
        (Flag("--gpu", "N", .text, "graphics devices"), "gpu"),
        (Flag("--storage", "MB", .text, "megabytes of storage"), "storage"),
        (Flag("--network", "MBPS", .text, "megabits a second"), "network"),
    ]
    private static let counts: [(flag: Flag, member: String)] = [
        (Flag("--agents", "N", .number(0...1_000_000_000), "agents at the same time"), "maxAgents"),
        (Flag("--tasks", "N", .number(0...1_000_000_000), "tasks under way at the same time"), "maxTasks"),
    ]

    private static let list = Command(
        "quota list", "show what users, teams and projects may have, and what they have",
        examples: [Example("quota list", "limits, and what is in use")]
    ) { (invocation) throws(Failure) in
        let data: JSONValue = try invocation.server().call(
            "get the quotas", .get, APIPath("resources", "quotas").text
        ).data
        if invocation.wantsJSON { return invocation.printJSON(data) }
        var table = Table([
            .init("SCOPE"), .init("NAME", isFlexible: true), .init("OF"), .init("LIMIT", isNumeric: true),
            .init("IN USE", isNumeric: true),
        ])
        for scope: QuotaScope in QuotaScope.allCases {
            for entry: JSONObject.Member in data[scope.name]?.objectValue ?? [:] {
                let used: JSONValue? = data["usage"]?[scope.name]?[entry.key]
                for limit: JSONObject.Member in entry.value.objectValue ?? [:] {
                    let member: String =
                        limit.key == "maxAgents" ? "agents" : limit.key == "maxTasks" ? "tasks" : limit.key
                    let isOver: Bool = (used?[member]?.doubleValue ?? 0) > (limit.value.doubleValue ?? 0)
                    table.add([
                        .init(scope.name), .init(entry.key), .init(member), .init(ResourceCommands.number(limit.value)),
                        .init(ResourceCommands.number(used?[member]), isOver ? .red : nil),
                    ])
                }
            }
        }
        guard !table.isEmpty else { return invocation.note("no quotas") }
        invocation.output.write(table.text(for: invocation.output))
    }

    private static let set = Command(
        "quota set", "limit what a user, team or project may have at the same time",
        details: ["Replaces all limits of that one; what is not given has no limit."],
        operands: [scope, name], flags: (amounts + counts).map(\.flag),
        examples: [Example("quota set team blue --cpu 4 --tasks 10", "four cores and ten running tasks")]
    ) { (invocation) throws(Failure) in
        let arguments: Arguments = invocation.arguments
        var limits = JSONObject()
        for (flag, member) in amounts {
            guard let text: String = arguments.text(flag) else { continue }
            guard let value = Double(text), value.isFinite, value >= 0 else {
                throw .usage("quota set: \(flag.name) \(text): expected a number from 0")
            }
            limits[member] = JSONValue(value)
        }
        for (flag, member) in counts {
            if let number: Int = arguments.number(flag) { limits[member] = .integer(Int64(number)) }
        }
        guard !limits.isEmpty else { throw .usage("quota set: nothing is limited; quota remove takes limits away") }
        try change(invocation, limits)
    }

    private static let remove = Command(
        "quota remove", "let a user, team or project have as much as there is", operands: [scope, name],
        examples: [Example("quota remove team blue", "no limits any more")]
    ) { (invocation) throws(Failure) in try change(invocation, nil) }

    /// Reads the quotas, changes one, and writes them back.
    private static func change(_ invocation: Invocation, _ limits: JSONObject?) throws(Failure) {
        let server: Server = try invocation.server()
        let scope: String = invocation.arguments.text(scope) ?? ""
        let name: String = invocation.arguments.text(name) ?? ""
        let path: String = APIPath("resources", "quotas").text
        let known: JSONValue = try server.call("get the quotas", .get, path).data
        var request = JSONObject()
        for each: QuotaScope in QuotaScope.allCases {
            var entries: JSONObject = known[each.name]?.objectValue ?? [:]
            if each.name == scope { entries[name] = limits.map { .object($0) } }
            request[each.name] = .object(entries)
        }
        let data: JSONValue = try server.call("set the quotas", .put, path, request).data
        if invocation.wantsJSON { return invocation.printJSON(data) }
        invocation.output.line("\(scope) \(name)  \(limits == nil ? "no limits" : "limited")")
        for excess: JSONValue in data["exceeded"]?.arrayValue ?? []
        where excess["scope"]?.stringValue == scope && excess["id"]?.stringValue == name {
            invocation.errors.line(
                "\(Program.name): note: \(ResourceCommands.number(excess["inUse"])) "
                    + "\(excess["resource"]?.stringValue ?? "") are in use, more than "
                    + "\(ResourceCommands.number(excess["limit"])); nothing more is given until there is less")
        }
    }
}
