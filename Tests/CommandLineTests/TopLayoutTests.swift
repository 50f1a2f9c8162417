import MAOSCore
import Testing
import maos_cli

@Suite("The table of top")
struct TopLayoutTests {
    private static let health: JSONValue = [
        "overall": "degraded", "serverVersion": "1.2.3", "uptimeSeconds": 7_265,
        "components": [
            ["name": "storage", "status": "degraded", "message": "the disk is slow"],
            ["name": "agents", "status": "healthy"],
        ],
    ]

    private static func metric(_ name: String, _ value: Double, _ labels: JSONObject = [:]) -> JSONValue {
        ["name": .string(name), "value": JSONValue(value), "labels": .object(labels)]
    }

    private static func metrics(received: Double = 1_000_000) -> JSONValue {
        [
            "metrics": [
                metric("maos_tasks", 3, ["status": "running"]), metric("maos_tasks", 0, ["status": "paused"]),
                metric("maos_tasks", 40, ["status": "queued"]), metric("maos_agents", 2, ["status": "busy"]),
                metric("maos_host_cpu_ratio", 0.43), metric("maos_host_cpus", 2),
                metric("maos_host_load", 1.5, ["window": "1m"]), metric("maos_host_load", 0.25, ["window": "5m"]),
                metric("maos_host_memory_total_bytes", 8_589_934_592),
                metric("maos_host_memory_available_bytes", 6_442_450_944),
                metric("maos_host_disk_used_ratio", 0.41), metric("maos_host_disk_free_bytes", 1e11),
                metric("maos_host_network_bytes_total", received, ["direction": "receive"]),
                metric("maos_host_network_bytes_total", 0, ["direction": "transmit"]),
                metric("maos_other", 1),
            ]
        ]
    }

    private static func agent(_ name: String, _ status: String, tasks: Int = 0) -> JSONValue {
        [
            "id": .string("agent-\(name)"), "name": .string(name), "type": "coder", "status": .string(status),
            "currentTasks": .array((0..<tasks).map { .string("t\($0)") }),
        ]
    }

    private static func details(_ processor: Double, _ memory: Int) -> JSONValue {
        [
            "health": ["cpuPercent": JSONValue(processor), "memoryBytes": JSONValue(memory)],
            "statistics": ["tasksCompleted": 5, "tasksFailed": 1],
        ]
    }

    private static func task(_ id: String, _ status: String, _ description: String) -> JSONValue {
        [
            "id": .string(id), "coreStatus": .string(status), "type": "code", "priority": "high", "progress": 0.5,
            "createdAt": "2030-01-01T00:00:00.000Z", "description": .string(description),
        ]
    }

    private static let time: Int64 = 1_893_456_090_000  // 2030-01-01T00:01:30Z

    private static func frame(
        agents: [JSONValue] = [agent("ada", "idle"), agent("bob", "busy", tasks: 2), agent("小さい", "busy")],
        tasks: [JSONValue] = [task("t2", "queued", "wait"), task("t1", "running", "build the 世界 now\u{1B}[31m")]
    ) -> TopLayout.Frame {
        let details: [String: JSONValue] = [
            "agent-ada": details(1, 100 << 20), "agent-bob": details(87.26, 30 << 20),
        ]
        func shot(_ received: Double, _ time: Int64) -> TopSnapshot {
            TopSnapshot(
                health: health, metrics: metrics(received: received), agents: ["agents": .array(agents)],
                details: details, tasks: [["tasks": .array(tasks)]], at: time)
        }
        return TopLayout.Frame(
            server: "http://localhost:7400", snapshot: shot(3_097_152, time), before: shot(1_000_000, time - 2_000))
    }

    @Test("has everything that the server tells")
    func everything() {
        let lines: [String] = TopLayout(columns: 140, rows: 20).lines(Self.frame())
        #expect(lines.count == 20)
        #expect(lines[0] == "http://localhost:7400  1.2.3  up 2h01m  degraded")
        #expect(lines[1] == "storage: the disk is slow")
        #expect(
            lines[2]
                == "cpu ████░░░░░░ 43 % of 2  memory ███░░░░░░░ 2.0 GB of 8.0 GB  load 1.50 0.25  disk 41 %, 93 GB free  "
                + "in 1.0 MB/s  out 0 B/s")
        #expect(lines[3] == "agents 2 busy   tasks 3 running, 40 queued")
        #expect(lines[4].isEmpty)
        #expect(lines[5] == "AGENT   TYPE   STATUS  TASKS  CPU%  MEMORY  DONE  FAILED  ID")
        #expect(lines[6] == "bob     coder  busy        2  87.3   30 MB     5       1  agent-bob")
        #expect(lines[7] == "小さい  coder  busy        0     -       -     -       -  agent-小さい")
        #expect(lines[8] == "ada     coder  idle        0   1.0  100 MB     5       1  agent-ada")
        #expect(lines[10] == "TASK  STATUS   DONE  TIME  PRIORITY  TYPE  STEP  DESCRIPTION")
        #expect(lines[11] == "t1    running   50%    1m  high      code        build the 世界 now\u{FFFD}[31m")
        #expect(lines[12] == "t2    queued    50%    1m  high      code        wait")
        #expect(lines[19] == "q quit  s sort: status  p pause")
    }

    /// Columns that a text takes, where the wide characters are those of these tests.
    private func width(_ text: String) -> Int {
        text.unicodeScalars.reduce(0) { $0 + ((0x3041...0x9FFF).contains($1.value) ? 2 : 1) }
    }

    @Test("fits every terminal", arguments: [1, 2, 3, 5, 8, 12, 20, 33, 40, 60, 79, 80, 81, 120, 200])
    func fitting(_ columns: Int) {
        for rows in [1, 2, 3, 4, 6, 8, 10, 24, 60] {
            for (agents, tasks) in [(0, 0), (1, 0), (0, 1), (3, 50), (50, 3), (50, 50)] {
                let frame: TopLayout.Frame = Self.frame(
                    agents: (0..<agents).map { Self.agent("名前\($0)", "busy", tasks: $0) },
                    tasks: (0..<tasks).map { Self.task("t\($0)", "running", String(repeating: "世界 ", count: 30)) })
                let lines: [String] = TopLayout(columns: columns, rows: rows).lines(frame)
                #expect(lines.count == rows)
                for line in lines { #expect(width(line) <= columns, "\(columns): \(line)") }
            }
        }
    }

    @Test("leaves out what matters least where it is narrow, and never who and how they are")
    func narrow() throws {
        let lines: [String] = TopLayout(columns: 40, rows: 20).lines(Self.frame())
        let agents: String = try #require(lines.first { $0.hasPrefix("AGENT") })
        #expect(agents == "AGENT   STATUS  TASKS  CPU%  MEMORY")
        let tasks: String = try #require(lines.first { $0.contains("DESCRIPTION") })
        #expect(tasks.hasPrefix("STATUS   DONE  TIME"))
        #expect(lines.contains { $0.hasSuffix("…") })
        let plain: [String] = TopLayout(columns: 40, rows: 20, isUnicode: false).lines(Self.frame())
        #expect(!plain.contains { $0.contains("…") || $0.contains("█") })
    }

    @Test("shares its rows: neither table takes what the other needs")
    func sharing() {
        let agents: [JSONValue] = (0..<100).map { Self.agent("a\($0)", "idle") }
        let tasks: [JSONValue] = (0..<100).map { Self.task("t\($0)", "running", "x") }
        func count(_ frame: TopLayout.Frame) -> (agents: Int, tasks: Int) {
            let lines: [String] = TopLayout(columns: 120, rows: 45).lines(frame)
            return (lines.count { $0.contains(" idle") }, lines.count { $0.contains(" running  ") })
        }
        #expect(count(Self.frame(agents: agents, tasks: tasks)) == (17, 17))
        #expect(count(Self.frame(agents: Array(agents.prefix(5)), tasks: tasks)) == (5, 30))
        #expect(count(Self.frame(agents: agents, tasks: Array(tasks.prefix(5)))) == (30, 5))
        #expect(count(Self.frame(agents: agents, tasks: [])) == (37, 0))
        #expect(count(Self.frame(agents: Array(agents.prefix(38)), tasks: [])) == (38, 0))
    }

    @Test("says that there is more than it has room for")
    func more() {
        func lines(_ count: Int) -> [String] {
            let agents: [JSONValue] = (0..<count).map { Self.agent("a\($0)", "idle") }
            return TopLayout(columns: 120, rows: 45).lines(Self.frame(agents: agents, tasks: []))
        }
        #expect(lines(100).contains { $0.contains("and more") })
        #expect(lines(39).contains { $0.contains("and more") })
        #expect(!lines(38).contains { $0.contains("and more") })
    }

    @Test(
        "is in the order that is asked for",
        arguments: [
            (TopOrder.status, ["bob", "小さい", "ada"]), (.cpu, ["bob", "ada", "小さい"]),
            (.memory, ["ada", "bob", "小さい"]), (.tasks, ["bob", "ada", "小さい"]), (.name, ["ada", "bob", "小さい"]),
        ])
    func order(_ order: TopOrder, _ names: [String]) {
        var frame: TopLayout.Frame = Self.frame()
        frame.order = order
        let lines: [String] = TopLayout(columns: 120, rows: 30).lines(frame)
        let shown: [String] = lines.filter { $0.contains("  coder  ") }.map { String($0.prefix { $0 != " " }) }
        #expect(shown == names)
        #expect(lines[29].contains("sort: \(order.rawValue)"))
    }

    @Test("says that it is paused, and why nothing new comes")
    func states() {
        var frame: TopLayout.Frame = Self.frame()
        frame.isPaused = true
        #expect(TopLayout(columns: 80, rows: 10).lines(frame)[9] == "q quit  s sort: status  p go on  paused")
        frame.trouble = "cannot reach http://localhost:7400"
        #expect(
            TopLayout(columns: 80, rows: 10).lines(frame)[9] == "cannot reach http://localhost:7400, trying again")
    }

    @Test("as a text has everything, cut nowhere")
    func text() {
        let text: String = TopLayout(columns: 10, rows: 2).text(Self.frame())
        #expect(text.contains("\nbob     coder  busy        2  87.3   30 MB     5       1  agent-bob\n"))
        #expect(text.contains("build the 世界 now"))
        #expect(text.contains("in 1.0 MB/s"))
    }

    @Test("of a server that tells nothing is empty, and of one that tells nonsense harmless")
    func nothing() {
        let empty = TopSnapshot(health: .null, metrics: .null, agents: .null, details: [:], tasks: [], at: 0)
        let lines: [String] = TopLayout(columns: 80, rows: 8).lines(.init(server: "x", snapshot: empty))
        #expect(lines[0] == "x")
        #expect(lines[1] == "agents none   tasks none")
        #expect(lines.contains("nothing to do, and nobody to do it"))
        let odd = TopSnapshot(
            health: ["overall": 7, "components": ["x"]], metrics: ["metrics": [["name": 1], ["name": "maos_tasks"]]],
            agents: ["agents": [[:], 7, ["name": "\u{1B}]0;x\u{7}"]]], details: [:], tasks: [["tasks": [1]], .null],
            at: 0)
        for line in TopLayout(columns: 80, rows: 20).lines(.init(server: "x", snapshot: odd)) {
            #expect(!line.unicodeScalars.contains { $0.value < 0x20 })
        }
    }

    @Test(
        "writes sizes with two digits or so",
        arguments: [
            (0, "0 B"), (512, "512 B"), (1_000, "1.0 KB"), (1_536, "1.5 KB"), (10_240, "10 KB"), (1_048_576, "1.0 MB"),
            (-5, "0 B"), (3e18, "2665 PB"),
        ] as [(Double, String)])
    func sizes(_ bytes: Double, _ text: String) {
        #expect(TopLayout.size(bytes) == text)
    }
}
