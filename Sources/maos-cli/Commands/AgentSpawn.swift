internal import MAOSCore
internal import MAOSProtocols

/// `agent spawn`.
enum AgentSpawn {
    private static let type = Operand(
        "TYPE", .optional, .suggestions(AgentCommands.types), "coder, tester, reviewer or documenter")
    private static let name = Flag("--name", "NAME", .text, "what to call it")
    private static let capability = Flag(
        "--capability", "NAME", .text, "something it can do (may be repeated)", repeats: true)
    private static let model = Flag("--model", "NAME", .text, "the language model that its runner uses")
    private static let workspace = Flag(
        "--workspace", "DIR", .text, "the folder its processes start in, inside the server's workspace folder")
    private static let environment = Flag(
        "--env", "NAME=VALUE", .pair, "a variable for its processes (may be repeated)", repeats: true)
    private static let tasks = Flag("--max-tasks", "N", .number(1...1_000), "tasks it works on at a time (default 1)")
    private static let timeout = Flag(
        "--command-timeout", "TIME", .duration(1_000...86_400_000), "how long one command of it may take: 30s, 5m, 2h")
    private static let terminal = Flag(
        "--terminal", "give it a process of its own on a terminal, to work on with attach")
    private static let body = Flag("--body", "FILE", .file, "send this JSON as the request; - reads standard input")

    static let command = Command(
        "agent spawn", "start an agent and print its id",
        details: ["A server makes agents on demand, so this is only needed for agents of your own choice."],
        operands: [type],
        flags: [name, capability, model, workspace, environment, tasks, timeout, terminal, body],
        examples: [
            Example("agent spawn coder --name ada", "start an agent"),
            Example("agent spawn reviewer --capability swift --max-tasks 4", "one for tasks that ask for swift"),
            Example("agent spawn coder --name ada --terminal", "one to work with: maos-cli attach ada"),
        ]
    ) { (invocation) throws(Failure) in
        let arguments: Arguments = invocation.arguments
        let request: [UInt8]
        if let path: String = arguments.text(body) {
            let own: [Flag] = [name, capability, model, workspace, environment, tasks, timeout, terminal]
            if let other: Flag = own.first(where: { arguments.has($0) }) {
                throw .usage("--body holds the whole request; \(other.name) cannot be added to it")
            }
            guard arguments.text(type) == nil else {
                throw .usage("--body holds the whole request; TYPE cannot be added to it")
            }
            request = try InputFile.read(path)
        } else {
            request = JSONText(.object(try fields(arguments))).utf8
        }
        let reply: Reply = try invocation.server().call(
            "spawn the agent", .post, APIPath("agents").text, body: request)
        if invocation.wantsJSON { return invocation.printJSON(reply.data) }
        invocation.output.line(DisplayText.line(reply.data["agentId"]?.stringValue ?? ""))
    }

    private static func fields(_ arguments: Arguments) throws(Failure) -> JSONObject {
        guard let type: String = arguments.text(type) else {
            throw .usage("agent spawn: TYPE is missing", hints: ["usage: \(command.usage)"])
        }
        var request: JSONObject = ["type": .string(type)]
        if let name: String = arguments.text(name) { request["name"] = .string(name) }
        if arguments.has(capability) {
            request["capabilities"] = .array(arguments.texts(capability).map { .string($0) })
        }
        var configuration = JSONObject()
        if let model: String = arguments.text(model) { configuration["model"] = .string(model) }
        if let folder: String = arguments.text(workspace) { configuration["workspace"] = .string(folder) }
        if arguments.has(environment) { configuration["environment"] = .object(arguments.pairs(environment)) }
        if let count: Int = arguments.number(tasks) { configuration["maxConcurrentTasks"] = JSONValue(count) }
        if let time: Int64 = arguments.milliseconds(timeout) { configuration["commandTimeout"] = .integer(time) }
        if arguments.has(terminal) { configuration["terminal"] = true }
        if !configuration.isEmpty { request["configuration"] = .object(configuration) }
        return request
    }
}
