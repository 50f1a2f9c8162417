internal import MAOSCore
internal import MAOSProtocols

/// The commands about pools.
enum PoolCommands {
    static let all: [Command] = [list, get, create, scale, autoscale, delete]

    private static let id = Operand("ID", .one, .text, "the pool's id; default is the one on demand")
    private static let ids = Operand("ID", .many, .text, "the pools' ids")
    private static let size = Operand("SIZE", .one, .number(0...1_000_000), "agents that it is to have")
    private static let name = Operand("NAME", .one, .text, "what people call it")
    private static let minimum = Flag("--min", "N", .number(0...1_000_000), "agents it has at least (default 0)")
    private static let maximum = Flag("--max", "N", .number(0...1_000_000), "agents it has at most")
    private static let target = Flag("--size", "N", .number(0...1_000_000), "agents it has at first (default --min)")
    private static let type = Flag(
        "--type", "TYPE", .suggestions(AgentCommands.types), "the role of its agents (default coder)")
    private static let capability = Flag(
        "--capability", "NAME", .text, "something that its agents can do (may be repeated)", repeats: true)
    private static let slots = Flag("--slots", "N", .number(1...1_000), "tasks that each agent works on at a time")
    private static let auto = Flag("--auto", "let its size go by how busy its agents are")
    private static let force = Flag("--force", "end agents that are too many at once, with their tasks")
    private static let reason = Flag("--reason", "TEXT", .text, "why, for people")
    private static let off = Flag("--off", "keep the size as it is; the default pool goes by the tasks that wait")
    private static let aim = Flag("--target", "SHARE", .text, "the utilisation to aim at, 0 to 1 (default 0.7)")
    private static let up = Flag("--up", "SHARE", .text, "grow above this utilisation (default 0.8)")
    private static let down = Flag("--down", "SHARE", .text, "shrink below this utilisation (default 0.3)")
    private static let cooldown = Flag(
        "--cooldown", "TIME", .duration(0...86_400_000), "the shortest time between two changes (default 1m)")
    private static let idle = Flag(
        "--idle", "TIME", .duration(1_000...86_400_000),
        "let agents go that have been idle for so long, instead of --down")

    private static let list = Command(
        "pool list", "list pools", examples: [Example("pool list", "sizes, and how busy they are")]
    ) { (invocation) throws(Failure) in
        let data: JSONValue = try invocation.server().call(
            "list the pools", .get, APIPath("agent-pools").with("limit", "1000").text
        ).data
        if invocation.wantsJSON { return invocation.printJSON(data) }
        var table = Table([
            .init("ID"), .init("MODE"), .init("AGENTS", isNumeric: true), .init("TARGET", isNumeric: true),
            .init("MIN", isNumeric: true), .init("MAX", isNumeric: true), .init("BUSY", isNumeric: true), .init("TYPE"),
            .init("NAME", isFlexible: true),
        ])
        for pool: JSONValue in data["pools"]?.arrayValue ?? [] {
            func capacity(_ name: String) -> Table.Cell { .init(String(pool["capacity"]?[name]?.intValue ?? 0)) }
            let busy: Double = pool["utilization"]?.doubleValue ?? 0
            table.add([
                .init(pool["id"]?.stringValue ?? ""), .init(pool["mode"]?.stringValue ?? ""), capacity("current"),
                capacity("target"), capacity("min"), capacity("max"), .init("\(Int((busy * 100).rounded()))%"),
                .init(pool["agentType"]?.stringValue ?? ""), .init(pool["name"]?.stringValue ?? ""),
            ])
        }
        invocation.output.write(table.text(for: invocation.output))
    }

    private static let get = Command(
        "pool get", "show a pool", operands: [id], examples: [Example("pool get default", "the one on demand")]
    ) { (invocation) throws(Failure) in
        let id: String = invocation.arguments.text(id) ?? ""
        let data: JSONValue = try invocation.server().call(
            "get the pool \(id)", .get, APIPath("agent-pools", id).text
        ).data
        if invocation.wantsJSON { return invocation.printJSON(data) }
        var sheet = Sheet()
        sheet.add("id", data["id"]?.stringValue)
        sheet.add("name", data["name"]?.stringValue)
        sheet.add("mode", data["mode"]?.stringValue)
        let capacity: JSONValue? = data["capacity"]
        func number(_ name: String) -> Int { capacity?[name]?.intValue ?? 0 }
        sheet.add("agents", "\(number("current")) of \(number("target")), \(number("min")) to \(number("max"))")
        let busy: Double = data["utilization"]?.doubleValue ?? 0
        sheet.add("busy", "\(Int((busy * 100).rounded()))%")
        sheet.add("type", data["agentType"]?.stringValue)
        let health: String = data["health"]?["status"]?.stringValue ?? ""
        sheet.add("health", health, TaskView.style(of: health))
        sheet.add("last scaled", data["health"]?["lastScaledAt"]?.stringValue)
        if data["autoscaling"]?["enabled"]?.boolValue == true, let settings: JSONValue = data["autoscaling"] {
            func share(_ name: String) -> String { ResourceCommands.number(settings[name]) }
            let shrinking: String =
                settings["idlePeriod"] == nil
                ? "below \(share("scaleDownThreshold"))" : "by what is idle for \(share("idlePeriod")) s"
            sheet.add(
                "autoscaling",
                "grows above \(share("scaleUpThreshold")), shrinks \(shrinking), aims at "
                    + "\(share("targetUtilization")), every \(share("cooldownPeriod")) s at most")
        }
        if data["configured"]?.boolValue == true { sheet.add("made by", "the server's configuration") }
        sheet.add("error", data["error"]?.stringValue, .red)
        invocation.output.write(sheet.text(for: invocation.output))
    }

    private static let create = Command(
        "pool create", "make a pool of agents, and print its id", operands: [name],
        flags: [minimum, maximum, target, type, capability, slots, auto],
        examples: [
            Example("pool create builders --size 3 --max 3 --min 3", "three coders, always"),
            Example("pool create testers --type tester --max 10 --auto", "up to ten testers, as they are needed"),
        ]
    ) { (invocation) throws(Failure) in
        let arguments: Arguments = invocation.arguments
        guard let most: Int = arguments.number(maximum) else { throw .usage("pool create: --max is missing") }
        var request: JSONObject = [
            "name": .string(arguments.text(name) ?? ""), "type": arguments.has(auto) ? "autoscaling" : "fixed",
            "minSize": .integer(Int64(arguments.number(minimum) ?? 0)), "maxSize": .integer(Int64(most)),
            "capabilities": .array(arguments.texts(capability).map { .string($0) }),
        ]
        if let number: Int = arguments.number(target) { request["targetSize"] = .integer(Int64(number)) }
        if let number: Int = arguments.number(slots) { request["maxConcurrentTasks"] = .integer(Int64(number)) }
        if let word: String = arguments.text(type) { request["agentType"] = .string(word) }
        let data: JSONValue = try invocation.server().call(
            "create the pool", .post, APIPath("agent-pools").text, request
        ).data
        if invocation.wantsJSON { return invocation.printJSON(data) }
        invocation.output.line(data["id"]?.stringValue ?? "")
    }

    private static let scale = Command(
        "pool scale", "fix the size of a pool", operands: [id, size], flags: [force, reason],
        examples: [Example("pool scale default 4", "four agents, whatever waits")]
    ) { (invocation) throws(Failure) in
        let arguments: Arguments = invocation.arguments
        let id: String = arguments.text(id) ?? ""
        var request: JSONObject = [
            "targetSize": .integer(Int64(arguments.text(size) ?? "") ?? 0), "graceful": .boolean(!arguments.has(force)),
        ]
        if let text: String = arguments.text(reason) { request["reason"] = .string(text) }
        let data: JSONValue = try invocation.server().call(
            "scale the pool \(id)", .post, APIPath("agent-pools", id, "scale").text, request
        ).data
        if invocation.wantsJSON { return invocation.printJSON(data) }
        invocation.output.line("\(id)  \(data["capacity"]?["target"]?.intValue ?? 0) agents")
    }

    private static let autoscale = Command(
        "pool autoscale", "let the size of a pool go by how busy its agents are", operands: [id],
        flags: [minimum, maximum, aim, up, down, cooldown, idle, off],
        examples: [
            Example("pool autoscale ID --min 1 --max 8 --up 0.9", "one to eight agents"),
            Example("pool autoscale ID --max 8 --off", "keep the size as it is"),
        ]
    ) { (invocation) throws(Failure) in
        let arguments: Arguments = invocation.arguments
        let id: String = arguments.text(id) ?? ""
        guard let most: Int = arguments.number(maximum) else { throw .usage("pool autoscale: --max is missing") }
        var request: JSONObject = [
            "enabled": .boolean(!arguments.has(off)), "minSize": .integer(Int64(arguments.number(minimum) ?? 0)),
            "maxSize": .integer(Int64(most)),
            "cooldownPeriod": JSONValue(Double(arguments.milliseconds(cooldown) ?? 60_000) / 1_000),
        ]
        if let time: Int64 = arguments.milliseconds(idle) { request["idlePeriod"] = JSONValue(Double(time) / 1_000) }
        for (flag, member, usual) in [
            (aim, "targetUtilization", 0.7), (up, "scaleUpThreshold", 0.8), (down, "scaleDownThreshold", 0.3),
        ] {
            let text: String? = arguments.text(flag)
            guard let share: Double = text.map({ Double($0) }) ?? usual, (0...1).contains(share) else {
                throw .usage("pool autoscale: \(flag.name) \(text ?? ""): expected a share from 0 to 1")
            }
            request[member] = JSONValue(share)
        }
        let data: JSONValue = try invocation.server().call(
            "set the autoscaling of the pool \(id)", .put, APIPath("agent-pools", id, "autoscaling").text, request
        ).data
        if invocation.wantsJSON { return invocation.printJSON(data) }
        invocation.output.line("\(id)  \(arguments.has(off) ? "does not scale" : "scales") by itself")
    }

    private static let delete = Command(
        "pool delete", "end pools, and their agents when they have finished their tasks", operands: [ids],
        examples: [Example("pool delete ID", "its agents go")]
    ) { (invocation) throws(Failure) in
        let server: Server = try invocation.server()
        try invocation.forEach(invocation.arguments.texts(ids)) { (id) throws(Failure) in
            let reply: Reply = try server.call("delete the pool \(id)", .delete, APIPath("agent-pools", id).text)
            if invocation.wantsJSON { return invocation.printJSON(reply.data) }
            invocation.output.line("\(id)  deleted")
        }
    }
}
