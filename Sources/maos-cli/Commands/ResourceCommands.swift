internal import MAOSCore
internal import MAOSProtocols

/// The commands about resources.
enum ResourceCommands {
    static let all: [Command] = [usage, allocate, list, release]

    private static let ids = Operand("ID", .many, .text, "the allocations' ids")
    private static let requestID = Operand(
        "REQUEST", .one, .text, "your name for it; sent twice, it is allocated once")
    private static let cpu = Flag("--cpu", "N", .text, "cores (default 0)")
    private static let memory = Flag("--memory", "MB", .text, "megabytes of memory (default 0)")
    private static let gpu = Flag("--gpu", "N", .text, "graphics devices")
    private static let storage = Flag("--storage", "MB", .text, "megabytes of storage")
    private static let priority = Flag(
        "--priority", "WORD", .words(Priority.allCases.map(\.name)), "low, medium, high or critical (default medium)")
    private static let duration = Flag(
        "--for", "TIME", .duration(1_000...31_536_000_000), "give it back by itself after so long: 30s, 5m, 2h")
    private static let exclusive = Flag(
        "--exclusive", "only if nobody else has an allocation, and nobody may beside it")
    private static let project = Flag("--project", "NAME", .text, "the project it counts against")
    private static let status = Flag(
        "--status", "WORD", .words(AllocationStatus.allCases.map(\.name)),
        "active, released or expired (default active)")

    private static let usage = Command(
        "resource usage", "show what the host has, and what is allocated",
        examples: [Example("resource usage", "totals, and who has what")]
    ) { (invocation) throws(Failure) in
        let data: JSONValue = try invocation.server().call(
            "get the usage", .get, APIPath("resources", "usage").text
        ).data
        if invocation.wantsJSON { return invocation.printJSON(data) }
        var table = Table([
            .init("RESOURCE"), .init("TOTAL", isNumeric: true), .init("ALLOCATED", isNumeric: true),
            .init("AVAILABLE", isNumeric: true), .init("USED", isNumeric: true),
        ])
        for (member, title) in [
            ("cpu", "cores"), ("memory", "memory MB"), ("gpu", "gpus"), ("storage", "storage MB"),
        ] {
            let share: Double = data["utilization"]?[member]?.doubleValue ?? 0
            table.add(
                [.init(title)]
                    + ["total", "allocated", "available"].map { .init(number(data[$0]?[member])) }
                    + [.init("\(Int((share * 100).rounded()))%")])
        }
        invocation.output.write(table.text(for: invocation.output))
        let allocations: [JSONValue] = data["allocations"]?.arrayValue ?? []
        if !allocations.isEmpty { show(allocations, invocation) }
    }

    private static let allocate = Command(
        "resource allocate", "take a part of the host's resources, and print the allocation's id",
        operands: [requestID], flags: [cpu, memory, gpu, storage, priority, duration, exclusive, project],
        examples: [Example("resource allocate nightly --cpu 2 --memory 4096 --for 1h", "two cores for an hour")]
    ) { (invocation) throws(Failure) in
        let arguments: Arguments = invocation.arguments
        var requirements: JSONObject = ["cpu": 0, "memory": 0]
        for (flag, member) in [(cpu, "cpu"), (memory, "memory"), (gpu, "gpu"), (storage, "storage")] {
            guard let text: String = arguments.text(flag) else { continue }
            guard let value = Double(text), value.isFinite, value >= 0 else {
                throw .usage("resource allocate: \(flag.name) \(text): expected a number from 0")
            }
            requirements[member] = JSONValue(value)
        }
        var request: JSONObject = [
            "requestId": .string(arguments.text(requestID) ?? ""), "requirements": .object(requirements),
            "priority": .string(arguments.text(priority) ?? Priority.medium.name),
        ]
        if let time: Int64 = arguments.milliseconds(duration) { request["duration"] = JSONValue(Double(time) / 1_000) }
        if arguments.has(exclusive) { request["constraints"] = [["type": "exclusive", "value": true]] }
        if let name: String = arguments.text(project) { request["project"] = .string(name) }
        let data: JSONValue = try invocation.server().call(
            "allocate resources", .post, APIPath("resources", "allocate").text, request
        ).data
        if invocation.wantsJSON { return invocation.printJSON(data) }
        invocation.output.line(data["allocationId"]?.stringValue ?? "")
    }

    private static let list = Command(
        "resource list", "list allocations, the newest first", flags: [status],
        examples: [Example("resource list --status expired", "those whose time is over")]
    ) { (invocation) throws(Failure) in
        let path: APIPath = APIPath("resources", "allocations").with("status", invocation.arguments.text(status))
            .with("limit", "1000")
        let data: JSONValue = try invocation.server().call("list the allocations", .get, path.text).data
        if invocation.wantsJSON { return invocation.printJSON(data) }
        let allocations: [JSONValue] = data["allocations"]?.arrayValue ?? []
        guard !allocations.isEmpty else { return invocation.note("no allocations") }
        show(allocations, invocation)
    }

    private static let release = Command(
        "resource release", "give allocations back", operands: [ids],
        examples: [Example("resource release ID", "others may have it")]
    ) { (invocation) throws(Failure) in
        let server: Server = try invocation.server()
        try invocation.forEach(invocation.arguments.texts(ids)) { (id) throws(Failure) in
            let reply: Reply = try server.call(
                "release the allocation \(id)", .delete, APIPath("resources", "allocations", id).text)
            if invocation.wantsJSON { return invocation.printJSON(reply.data) }
            invocation.output.line("\(id)  released")
        }
    }

    private static func show(_ allocations: [JSONValue], _ invocation: Invocation) {
        var table = Table([
            .init("ID"), .init("OWNER"), .init("REQUEST", isFlexible: true), .init("CORES", isNumeric: true),
            .init("MEMORY", isNumeric: true), .init("GPUS", isNumeric: true), .init("STORAGE", isNumeric: true),
            .init("UNTIL"),
        ])
        for allocation: JSONValue in allocations {
            table.add(
                [
                    .init(allocation["allocationId"]?.stringValue ?? ""), .init(allocation["owner"]?.stringValue ?? ""),
                    .init(allocation["requestId"]?.stringValue ?? ""),
                ] + ["cpu", "memory", "gpu", "storage"].map { .init(number(allocation["resources"]?[$0])) }
                    + [.init(allocation["expiresAt"]?.stringValue ?? "-")])
        }
        invocation.output.write(table.text(for: invocation.output))
    }

    /// A number as short as it can be.
    static func number(_ value: JSONValue?) -> String {
        guard let number: Double = value?.doubleValue else { return "-" }
        return number == number.rounded() && abs(number) < 1e15 ? String(Int64(number)) : String(number)
    }
}
