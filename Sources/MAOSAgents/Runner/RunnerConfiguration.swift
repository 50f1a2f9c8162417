/// What is started for the tasks of one type of agent.
package struct RunnerConfiguration: Hashable, Sendable {
    /// Program and arguments of one run for one task; nil where tasks bring their own command.
    package var command: [String]?
    /// Program and arguments of a resident agent's process.
    package var interactive: [String]?
    /// Variables of its runs, which those of agents and tasks replace.
    package var environment: [String: String]
    /// The folder that runs start in where neither task nor agent names one.
    package var workingDirectory: String?
    /// What a run may use where its agent says nothing.
    package var limits: ResourceLimits

    /// Describes a runner.
    package init(
        command: [String]? = nil, interactive: [String]? = nil, environment: [String: String] = [:],
        workingDirectory: String? = nil, limits: ResourceLimits = ResourceLimits()
    ) {
        self.command = command
        self.interactive = interactive
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.limits = limits
    }
}

/// The configured runners, by agent type, by model, or `*` for all others.
package struct RunnerTable: Sendable {
    private let runners: [String: RunnerConfiguration]

    /// Takes the runners by their names.
    package init(_ runners: [String: RunnerConfiguration] = [:]) {
        self.runners = runners
    }

    /// The runner of an agent's type, else of its model, else the one for all others.
    package func runner(type: String, model: String?) -> RunnerConfiguration? {
        runners[type] ?? runner(model: model)
    }

    /// The runner of a model, else the one for all others.
    package func runner(model: String?) -> RunnerConfiguration? {
        if let model, let runner: RunnerConfiguration = runners[model] { return runner }
        return runners["*"]
    }
}
