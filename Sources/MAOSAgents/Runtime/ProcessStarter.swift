internal import Glibc
internal import MAOSCore
internal import MAOSSystem

/// Why a process was not started; for people.
struct StartFailure: Error, Hashable {
    let message: String
}

/// Makes processes out of tasks and agents: what to run, where, and with which variables.
final class ProcessStarter {
    // Confined to the loop's thread.

    private var configuration: ProcessAgentConfiguration
    private let supervisor: ProcessSupervisor
    private var workspaces: Workspaces
    private let runs: RunFolders

    /// Prepares the folders that runs need.
    init(configuration: ProcessAgentConfiguration, supervisor: ProcessSupervisor) throws(SystemError) {
        self.configuration = configuration
        self.supervisor = supervisor
        runs = try RunFolders(parent: "\(configuration.dataFolder)/run")
        workspaces = try Workspaces(root: configuration.workspaceRoot ?? "\(configuration.dataFolder)/workspaces")
    }

    /// Goes by other runners from the next start on.
    func use(_ runners: RunnerTable) { configuration.runners = runners }

    // MARK: - Attempts

    /// Starts an attempt at a task.
    func start(_ launch: AttemptLaunch, host: ProcessHost) throws(StartFailure) -> AttemptProcess {
        let task: TaskSpecification = launch.task.specification
        let agent: AgentSpecification = launch.agent.specification
        let runner: RunnerConfiguration? = runner(of: agent)
        let workspace: String = try workspace(of: launch.agent)
        let template: RunnerTemplate = template(launch.agent, launch.task, workspace: workspace)
        let arguments: [String] = try command(task, runner, template, type: agent.type.name)
        // A workspace that the client chose comes before what the runner says for all.
        let wanted: String? =
            task.workingDirectory ?? (agent.workspace == nil ? runner?.workingDirectory.map(template.fill) : nil)
        let folder: RunFolder = try makeFolder(launch)
        do throws(StartFailure) {
            let (variables, searchPath) = configuration.environment.list(
                layers: [runner?.environment ?? [:], agent.environment, task.environment],
                own: variables(launch, folder))
            var request = SpawnRequest(arguments: arguments, environment: variables, searchPath: searchPath)
            request.directory = try directory(wanted, workspace: workspace)
            let limits = ResourceLimits(agent.resources, runner: runner?.limits ?? ResourceLimits())
            return try spawn(request, owner: "task:\(launch.id)", limits, workspace: workspace) {
                parts throws(SystemError) in
                try AttemptProcess(parts, launch, folder: folder, host: host)
            }
        } catch {
            runs.giveBack(folder)
            throw error
        }
    }

    private func command(
        _ task: TaskSpecification, _ runner: RunnerConfiguration?, _ template: RunnerTemplate, type: String
    ) throws(StartFailure) -> [String] {
        switch task.command {
        case .arguments(let arguments): return arguments
        case .shell(let line): return ["/bin/sh", "-c", line]
        case nil where runner == nil && task.agent != nil:
            // Without a runner, the agent is a shell.
            return ["/bin/sh", "-c", task.description]
        case nil:
            guard let command: [String] = runner?.command, !command.isEmpty else {
                throw StartFailure(
                    message:
                        "nothing says what to run: give the task a command (context.command; over OpenCode, "
                        + "metadata.command), or configure a runner for the agent type \(type) (runners.\(type).command "
                        + "or runners.*.command in the configuration file)"
                )
            }
            return command.map(template.fill)
        }
    }

    private func variables(_ launch: AttemptLaunch, _ folder: RunFolder) -> [(String, String)] {
        var variables: [(String, String)] = [
            ("MAOS_TASK_ID", launch.id.task.rawValue), ("MAOS_ATTEMPT", String(launch.id.number)),
            ("MAOS_AGENT_ID", launch.agent.id.rawValue), ("MAOS_TASK_FILE", folder.taskFile),
            ("MAOS_RESULT_FILE", folder.resultFile), ("MAOS_URL", configuration.url),
            supervisor.marker(of: "task:\(launch.id)"),
        ]
        if let token: String = configuration.makeToken(launch) { variables.append(("MAOS_TOKEN", token)) }
        return variables
    }

    private func makeFolder(_ launch: AttemptLaunch) throws(StartFailure) -> RunFolder {
        do throws(SystemError) {
            return try runs.take(for: launch)
        } catch {
            throw StartFailure(message: "could not write the task file: \(error)")
        }
    }

    /// Takes back the folder of a run that has ended.
    func giveBack(_ folder: RunFolder) {
        runs.giveBack(folder)
    }

    /// Removes the folders of all runs; nothing runs any more.
    func removeFolders() {
        runs.removeAll()
    }

    // MARK: - Agents

    /// What is configured for an agent: one that is talked to goes by its model, others by their type.
    private func runner(of agent: AgentSpecification) -> RunnerConfiguration? {
        switch agent.resident {
        case .conversation: configuration.runners.runner(model: agent.model)
        case .none, .terminal: configuration.runners.runner(type: agent.type.name, model: agent.model)
        }
    }

    /// Starts an agent's resident process on a terminal.
    func start(_ agent: AgentRecord, host: ProcessHost) throws(StartFailure) -> AgentProcess {
        let specification: AgentSpecification = agent.specification
        let runner: RunnerConfiguration? = runner(of: specification)
        let workspace: String = try workspace(of: agent)
        let template: RunnerTemplate = template(agent, nil, workspace: workspace)
        let owner: String = "agent:\(agent.id)"
        let isTalkedTo: Bool = specification.resident == .conversation
        let arguments: [String] = runner?.interactive?.map(template.fill) ?? ["/bin/sh", "-i"]
        let (variables, searchPath) = configuration.environment.list(
            layers: [
                ["TERM": isTalkedTo ? "dumb" : "xterm-256color"], runner?.environment ?? [:], specification.environment,
            ],
            own: [
                ("MAOS_AGENT_ID", agent.id.rawValue), ("MAOS_URL", configuration.url), supervisor.marker(of: owner),
            ])
        var request = SpawnRequest(arguments: arguments, environment: variables, searchPath: searchPath)
        request.streams = isTalkedTo ? .conversation(TerminalSize()) : .terminal(TerminalSize())
        let wanted: String? = specification.workspace == nil ? runner?.workingDirectory.map(template.fill) : nil
        request.directory = try directory(wanted, workspace: workspace)
        let limits = ResourceLimits(specification.resources, runner: runner?.limits ?? ResourceLimits())
        return try spawn(request, owner: owner, limits, workspace: workspace) { parts throws(SystemError) in
            try AgentProcess(parts, agent: agent, host: host)
        }
    }

    // MARK: - Both

    private func template(_ agent: AgentRecord, _ task: TaskRecord?, workspace: String) -> RunnerTemplate {
        var values: [String: String] = [
            "agent.id": agent.id.rawValue, "agent.name": agent.name, "model": agent.specification.model ?? "",
            "workspace": workspace,
        ]
        if let task {
            values["description"] = task.specification.description
            values["task.id"] = task.id.rawValue
            values["task.kind"] = task.specification.kind.rawValue
        }
        return RunnerTemplate(values: values)
    }

    private func workspace(of agent: AgentRecord) throws(StartFailure) -> String {
        do throws(Workspaces.Refusal) {
            return try workspaces.workspace(of: agent)
        } catch {
            throw StartFailure(message: error.reason)
        }
    }

    private func directory(_ wanted: String?, workspace: String) throws(StartFailure) -> String {
        do throws(Workspaces.Refusal) {
            return try Workspaces.directory(wanted, workspace: workspace)
        } catch {
            throw StartFailure(message: error.reason)
        }
    }

    private func spawn<Process: SupervisedProcess>(
        _ request: SpawnRequest, owner: String, _ limits: ResourceLimits, workspace: String,
        _ make: (consuming SupervisedProcess.Parts) throws(SystemError) -> Process
    ) throws(StartFailure) -> Process {
        do throws(SpawnError) {
            do throws(SpawnError) {
                return try supervisor.start(request, owner: owner, limits: limits, make: make)
            } catch {
                guard case .directory(workspace) = error.step, error.code == ENOENT, workspaces.restore(workspace)
                else {
                    throw error
                }
                return try supervisor.start(request, owner: owner, limits: limits, make: make)
            }
        } catch {
            throw StartFailure(message: error.description)
        }
    }
}
