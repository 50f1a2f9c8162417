package import MAOSCore
package import MAOSSystem

/// What a ``ProcessAgentRuntime`` needs to know.
package struct ProcessAgentConfiguration: Sendable {
    /// The server's data folder, an absolute path; runs and workspaces are kept in it.
    package var dataFolder: String
    /// Names this server among others on the host, the same after each restart; letters, digits, `-` and `_`.
    package var instance: String
    /// What is started for tasks without a command, and for agents with a terminal.
    package var runners: RunnerTable
    /// The folder inside which clients may choose workspaces; nil for `workspaces` in the data folder.
    package var workspaceRoot: String?
    /// Where a child reaches the server.
    package var url: String
    /// The variables that every child gets.
    package var environment: ChildEnvironment
    /// Makes a token that is good for one task only; called on the runtime's loop.
    package var makeToken: @Sendable (AttemptLaunch) -> String?
    /// Milliseconds between asking a process tree to end and killing it.
    package var grace: Int64 = 2_000
    /// Milliseconds between asking an agent's conversation to end and killing it.
    package var conversationGrace: Int64 = 10_000
    /// Milliseconds between two reports of the agents that live.
    package var heartbeat: Int64 = 5_000
    /// Bytes of output that may wait to be stored before nothing more is read.
    package var outputBound: Int = 8 << 20
    /// Whether nothing else in this program starts processes, so that every unknown child is an orphan of a task.
    package var isExclusive: Bool = false
    /// Where limits can be enforced for whole trees; nil to watch them instead.
    package var controlGroups: ControlGroups?

    /// Where it is noted that a task reports something impossible.
    package var log: Log?

    /// Takes what has no usual value.
    package init(
        dataFolder: String, instance: String, runners: RunnerTable = RunnerTable(), url: String = "",
        environment: ChildEnvironment = ChildEnvironment(),
        makeToken: @escaping @Sendable (AttemptLaunch) -> String? = { _ in nil }
    ) {
        self.dataFolder = dataFolder
        self.instance = instance
        self.runners = runners
        self.url = url
        self.environment = environment
        self.makeToken = makeToken
    }
}
