package import MAOSCore

/// What an operator may set about the hive feed.
package struct HiveConfiguration: Sendable {
    /// How often everybody is told how the whole fares.
    package var statusInterval: Milliseconds = .seconds(30)
    /// Which type of agent a kind of task goes to, as the engine has it.
    package var routing: [TaskKind: AgentType] = EngineConfiguration().routing
    /// Events of the history that are read at a time for a client that comes back.
    package var pageLimit: Int = 500
    /// Bytes that such a client is given at a time.
    package var chunk: Int = 256 * 1_024

    /// The defaults of the contract.
    package init() {}
}
