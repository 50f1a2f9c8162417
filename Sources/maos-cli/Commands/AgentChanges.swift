internal import MAOSCore
internal import MAOSProtocols

/// `agent terminate`.
enum AgentTerminate {
    private static let force = Flag(
        "--force", "do not wait for its task; that is ended, too, and queued again or failed")

    static let command = Command(
        "agent terminate", "end agents when they have finished their tasks",
        operands: [AgentCommands.ids], flags: [force],
        examples: [
            Example("agent terminate ID", "let it finish, then end it"),
            Example("agent terminate --force ID", "end it at once"),
        ]
    ) { (invocation) throws(Failure) in
        let server: Server = try invocation.server()
        let graceful: String = invocation.arguments.has(force) ? "false" : "true"
        try invocation.forEach(invocation.arguments.texts(AgentCommands.ids)) { (id) throws(Failure) in
            let path: APIPath = APIPath("agents", id).with("graceful", graceful)
            let reply: Reply = try server.call("terminate the agent \(id)", .delete, path.text)
            if invocation.wantsJSON { return invocation.printJSON(reply.data) }
            let isOver: Bool = reply.data["status"]?.stringValue == "terminated"
            invocation.output.line("\(id)  \(isOver ? "terminated" : "ends when its tasks have ended")")
        }
    }
}

/// `agent pause` and `agent resume`.
enum AgentPause {
    static let command = Command(
        "agent pause", "give agents no new tasks",
        operands: [AgentCommands.ids],
        examples: [Example("agent pause ID", "let it rest")]
    ) { (invocation) throws(Failure) in try run("pause", "paused", invocation) }

    static let resumeCommand = Command(
        "agent resume", "give paused agents tasks again",
        operands: [AgentCommands.ids],
        examples: [Example("agent resume ID", "let it work again")]
    ) { (invocation) throws(Failure) in try run("resume", "resumed", invocation) }

    private static func run(_ verb: String, _ done: String, _ invocation: Invocation) throws(Failure) {
        let server: Server = try invocation.server()
        try invocation.forEach(invocation.arguments.texts(AgentCommands.ids)) { (id) throws(Failure) in
            let reply: Reply = try server.call("\(verb) the agent \(id)", .post, APIPath("agents", id, verb).text)
            if invocation.wantsJSON { return invocation.printJSON(reply.data) }
            invocation.output.line("\(id)  \(done)")
        }
    }
}
