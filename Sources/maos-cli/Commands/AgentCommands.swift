internal import MAOSCore

/// The commands about agents, and what they share.
enum AgentCommands {
    static let all: [Command] = [
        AgentSpawn.command, AgentGet.command, AgentList.command, agentLogs, AgentTerminate.command,
        AgentPause.command, AgentPause.resumeCommand,
    ]

    static let types: [String] = ["coder", "tester", "reviewer", "documenter"]
    static let id = Operand("ID", .one, .text, "the agent's id")
    static let ids = Operand("ID", .many, .text, "the agents' ids")

    private static let agentLogs = Command(
        "agent logs", "print what an agent wrote",
        details: ["Prints what its own process wrote, and what the tasks wrote that it ran."],
        operands: [id], flags: OutputReading.flags,
        examples: [
            Example("agent logs ID", "everything up to now"),
            Example("agent logs -f ID", "everything, until the agent has ended"),
        ]
    ) { (invocation) throws(Failure) in
        let name: String = invocation.arguments.text(id) ?? ""
        try OutputReading(
            invocation: invocation, collection: "agents", id: name, action: "read the output of the agent \(name)"
        ).run()
    }

    /// The lossless status, where the server tells it.
    static func status(of agent: JSONValue) -> String {
        agent["coreStatus"]?.stringValue ?? agent["status"]?.stringValue ?? ""
    }
}
