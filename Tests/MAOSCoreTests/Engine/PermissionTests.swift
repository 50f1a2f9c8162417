import MAOSCore
import Testing

@Suite("Who may do what")
struct PermissionTests {
    /// A world with a running and a queued task in the project `red`, and an agent.
    private func sample() throws -> EngineWorld {
        var world = EngineWorld()
        try world.spawn(.coder, "x")
        try world.create("running") { $0.project = "red" }
        try world.create("queued") { $0.project = "red" }
        return world
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var permission: Permissions
        var command: Command
        var testDescription: String { permission.name }
    }

    /// Each command of a client, with the permission that it takes.
    static let cases: [Case] = [
        Case(
            permission: .tasksCreate,
            command: .createTask(
                TaskSpecification(kind: .code, description: "x"), id: nil, idempotency: nil)),
        Case(permission: .tasksCancel, command: .cancelTask("queued", reason: nil)),
        Case(permission: .tasksUpdate, command: .retryTask("queued")),
        Case(permission: .tasksUpdate, command: .changePriority("queued", .high, reason: nil)),
        Case(permission: .tasksUpdate, command: .pauseTask("queued")),
        Case(permission: .tasksUpdate, command: .resumeTask("queued")),
        Case(
            permission: .agentsCreate, command: .spawnAgent(AgentSpecification(type: .coder), id: nil)),
        Case(permission: .agentsUpdate, command: .configureAgent("x", AgentChange())),
        Case(permission: .agentsUpdate, command: .pauseAgent("x")),
        Case(permission: .agentsUpdate, command: .resumeAgent("x")),
        Case(permission: .agentsTerminate, command: .terminateAgent("x", graceful: true)),
    ]

    @Test(
        "without its permission a command is refused before anything is looked at", arguments: cases)
    func missing(item: Case) throws {
        var world = try sample()
        let others = Principal(subject: "bob", permissions: .all.subtracting(item.permission))
        #expect(world.refusal(of: item.command, as: others) == .forbidden(item.permission))
        world = EngineWorld()
        #expect(world.refusal(of: item.command, as: others) == .forbidden(item.permission))
    }

    @Test("with nothing but its permission a command is not forbidden", arguments: cases)
    func held(item: Case) throws {
        var world = try sample()
        let principal = Principal(subject: "bob", permissions: item.permission)
        if case .forbidden? = world.refusal(of: item.command, as: principal) {
            Issue.record("forbidden")
        }
    }

    @Test(
        "reports and the orchestrator's own commands are for those who may do everything",
        arguments: [
            .agentStarted("x", process: nil), .agentCrashed("x", reason: ""), .agentStopped("x"),
            .agentsAlive(["x"]),
            .attemptStarted(AttemptID(task: "running", number: 1), process: nil),
            .attemptProgressed(AttemptID(task: "running", number: 1), progress: 1, step: nil),
            .attemptStopping(AttemptID(task: "running", number: 1), .killed),
            .attemptEnded(AttemptID(task: "running", number: 1), .stopped), .tick, .recover, .drain,
            .announce(SystemEvent(type: "server_started")),
        ] as [Command])
    func reports(report: Command) throws {
        var world = try sample()
        let operators = Principal(subject: "bob", permissions: .operator)
        #expect(world.refusal(of: report, as: operators) == .forbidden(.all))
    }

    @Test("a task of another project does not exist, whether it is live or has ended")
    func projects() throws {
        var world = try sample()
        let blue = Principal(subject: "bob", permissions: .all, projects: ["blue"])
        let red = Principal(subject: "bob", permissions: .all, projects: ["red", "green"])
        let commands: [Command] = [
            .cancelTask("queued", reason: nil), .retryTask("queued"),
            .changePriority("queued", .high, reason: nil),
            .pauseTask("queued"), .resumeTask("queued"),
        ]
        for command: Command in commands {
            #expect(world.refusal(of: command, as: blue) == .notFound(.task, id: "queued"))
        }
        #expect(world.refusal(of: .pauseTask("queued"), as: red) == nil)
        #expect(world.refusal(of: .resumeTask("queued"), as: red) == nil)
        #expect(world.refusal(of: .changePriority("queued", .high, reason: nil), as: red) == nil)
        try world.send(.cancelTask("queued", reason: nil), as: red)
        for command: Command in commands {
            #expect(world.refusal(of: command, as: blue) == .notFound(.task, id: "queued"))
        }
        #expect(world.refusal(of: .retryTask("queued"), as: red) == nil)
    }

    @Test("a task without a project is in the reach of those who have all projects only")
    func noProject() throws {
        var world = EngineWorld()
        try world.create("a")
        let red = Principal(subject: "bob", permissions: .all, projects: ["red"])
        #expect(world.refusal(of: .cancelTask("a", reason: nil), as: red) == .notFound(.task, id: "a"))
    }

    @Test("the token of an attempt acts on its own task, and on nothing else", arguments: cases)
    func taskLimited(item: Case) throws {
        var world = try sample()
        let own = Principal(subject: "queued", permissions: .all, task: "queued")
        let other = Principal(subject: "running", permissions: .all, task: "running")
        switch item.command {
        case .createTask, .spawnAgent, .configureAgent, .pauseAgent, .resumeAgent, .terminateAgent:
            #expect(world.refusal(of: item.command, as: own) == .forbidden(item.permission))
        default:
            #expect(world.refusal(of: item.command, as: other) == .notFound(.task, id: "queued"))
            let refusal: Rejection? = world.refusal(of: item.command, as: own)
            #expect(
                refusal == nil || refusal?.conflict != nil, "its state may not allow it, its reach does")
        }
    }

    @Test("names of permissions stand for themselves, for all of a noun, or for everything")
    func names() {
        #expect(Permissions(name: "tasks:create") == .tasksCreate)
        #expect(
            Permissions(name: "tasks:*").isSuperset(of: [.tasksCreate, .tasksCancel, .tasksSubscribe]))
        #expect(Permissions(name: "tasks:*").isDisjoint(with: .agentsCreate))
        #expect(Permissions(name: "admin:*") == .all)
        for name in [
            "", "tasks", "tasks:", "*", ":*", "tasks:create ", "Tasks:create", "task:*", "admin:read",
            "quotas:read",
        ] {
            #expect(Permissions(name: name) == [], "\(name)")
        }
        #expect(Permissions.all.names.count == 37)
        for name in Permissions.all.names { #expect(Permissions(name: name).names == [name]) }
    }

    @Test(
        "roles: an operator does all but administer and set quotas, a viewer reads, lists and subscribes"
    )
    func roles() {
        #expect(Permissions(role: "admin") == .all)
        #expect(
            Permissions.all.subtracting(Permissions(role: "operator")) == [.systemAdmin, .resourcesQuota])
        let viewer = Permissions(role: "viewer")
        #expect(
            viewer.names.allSatisfy {
                $0.hasSuffix(":read") || $0.hasSuffix(":list") || $0.hasSuffix(":subscribe")
            })
        #expect(
            viewer.isSuperset(of: [
                .tasksRead, .tasksList, .tasksSubscribe, .systemRead, .metricsSubscribe,
            ]))
        #expect(Permissions(role: "root") == [])
    }
}
