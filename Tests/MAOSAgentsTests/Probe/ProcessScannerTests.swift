import Foundation
import MAOSAgents
import MAOSCore
import MAOSSystem
import MAOSTestSupport
import Testing

/// Looks at processes that a folder pretends there are.
@Suite("The scanner of processes") struct ProcessScannerTests {
    private static let ticks: Int = Int(ProcessTable.ticksPerSecond)

    @Test("a process is shown with what it is, and percentages are those between two looks [OC-TYPE-11]")
    func figures() throws {
        let processes = try FakeProcesses()
        let scanner = ProcessScanner(folder: processes.path)
        try processes.put(
            30, "python", parent: 20, group: 21, session: 22, state: "R", ticks: 5 * ProcessScannerTests.ticks,
            threads: 4,
            start: UInt64(ProcessScannerTests.ticks), pages: 100, arguments: ["python", "opencode", "run"])
        let first: ProcessReading = try #require(
            scanner.look(at: FakeProcesses.moment(0), .init()).scan.processes.first)
        #expect(first.identity == ProcessIdentity(pid: 30, startTicks: UInt64(ProcessScannerTests.ticks)))
        #expect(first.parent == 20 && first.group == 21 && first.session == 22 && first.user == getuid())
        #expect(first.name == "python" && first.commandLine == "python opencode run" && first.program == .opencode)
        #expect(first.state == .running && first.threads == 4 && first.processorTime == .seconds(5))
        #expect(first.residentBytes == 100 * Int64(sysconf(CInt(_SC_PAGESIZE))) && first.cpuPercent == 0)
        #expect(first.workingDirectory == "/srv/of-30" && first.owner == nil)
        let boot = 1_700_000_000_000 - SystemClock.bootMilliseconds()
        #expect(abs(first.startedAt.milliseconds - boot - 1_000) < 5_000)

        try processes.put(
            30, "python", state: "T", ticks: 6 * ProcessScannerTests.ticks, start: UInt64(ProcessScannerTests.ticks),
            arguments: ["python", "opencode", "run"])
        let second: ProcessReading = try #require(
            scanner.look(at: FakeProcesses.moment(2), .init()).scan.processes.first)
        #expect(second.cpuPercent == 50 && second.state == .stopped && second.startedAt == first.startedAt)
    }

    @Test("processes that come, go and get the number of another are told apart, by number in order")
    func comings() throws {
        let processes = try FakeProcesses()
        let scanner = ProcessScanner(folder: processes.path, descriptors: 2)
        for pid: Int32 in [9, 100, 20, 3] { try processes.put(pid) }
        try processes.write("", to: "uptime")
        #expect(
            scanner.look(at: FakeProcesses.moment(0), .init()).scan.processes.map(\.identity.pid) == [3, 9, 20, 100])
        try processes.remove(9)
        try processes.remove(3)
        try processes.put(50)
        try processes.put(100, ticks: 1_000_000, start: 999, arguments: ["claude"])
        let scan: ProcessScan = scanner.look(at: FakeProcesses.moment(1), .init()).scan
        #expect(scan.processes.map(\.identity.pid) == [20, 50, 100])
        #expect(scan.process(100)?.program == .claude && scan.process(100)?.cpuPercent == 0)
        #expect(scan.process(3) == nil && scan.process(1_000) == nil)
        for pid: Int32 in [20, 50, 100] { try processes.remove(pid) }
        #expect(scanner.look(at: FakeProcesses.moment(2), .init()).scan.processes.isEmpty)
    }

    @Test("another program in the same process is noticed at once, a new title in time")
    func programs() throws {
        let processes = try FakeProcesses()
        let scanner = ProcessScanner(folder: processes.path)
        func look(_ second: Double) -> ProcessReading? {
            scanner.look(at: FakeProcesses.moment(second), .init()).scan.processes.first
        }
        try processes.put(7, "sh", stack: 1, arguments: ["sh", "-c", "exec claude"])
        #expect(look(0)?.program == .other)
        try processes.put(7, "sh", stack: 2, arguments: ["claude"])
        #expect(look(1)?.program == .claude, "another stack")
        try processes.put(7, "opencode", stack: 2, arguments: ["opencode"])
        #expect(look(2)?.program == .opencode && look(2)?.name == "opencode", "another name")
        try processes.put(7, "opencode", stack: 2, arguments: ["title"])
        #expect((3..<40).contains { look(Double($0))?.commandLine == "title" })
    }

    @Test("broken and vanishing processes are left out, and come when they are well")
    func broken() throws {
        let processes = try FakeProcesses()
        let scanner = ProcessScanner(folder: processes.path)
        try processes.put(5)
        try processes.write("nonsense", to: "6/stat")
        try processes.write("", to: "7/stat")
        try processes.write("1", to: "8/cmdline")
        try processes.put(9, arguments: [])
        #expect(scanner.look(at: FakeProcesses.moment(0), .init()).scan.processes.map(\.identity.pid) == [5, 9])
        try processes.put(6)
        try processes.write("nonsense", to: "5/stat")
        let scan: ProcessScan = scanner.look(at: FakeProcesses.moment(1), .init()).scan
        #expect(scan.processes.map(\.identity.pid) == [6, 9] && scan.process(9)?.commandLine.isEmpty == true)
        let nowhere = ProcessScanner(folder: "\(processes.path)/none")
        #expect(nowhere.look(at: FakeProcesses.moment(0), .init()).scan.processes.isEmpty)
    }

    @Test("what belongs to an agent is known by descent, session and process group, and added up [DASH-SC-06]")
    func trees() throws {
        let processes = try FakeProcesses()
        let scanner = ProcessScanner(folder: processes.path)
        let table = SupervisionTable()
        let (agent, other) = (AgentID(unchecked: "a1"), AgentID(unchecked: "a2"))
        let attempt = AttemptID(task: TaskID(unchecked: "t1"), number: 1)
        let root = ProcessIdentity(pid: 100, startTicks: 50)
        try processes.put(100, parent: 10, ticks: 0, start: 50)
        try processes.put(101, parent: 100, group: 100, session: 100, threads: 3, pages: 5)
        try processes.put(90, parent: 101)
        try processes.put(102, parent: 10, session: 77)
        try processes.put(103, parent: 102)
        try processes.put(104, parent: 10, group: 100, session: 5, state: "Z", pages: 0)
        try processes.put(200, parent: 10, start: 60)
        try processes.put(300, parent: 10)
        try processes.put(10, parent: 1)
        table.add(root, owner: ProcessOwner(agent: agent, attempt: attempt))
        table.add(group: 77, of: root)
        table.add(ProcessIdentity(pid: 200, startTicks: 59), owner: ProcessOwner(agent: other))
        let finding: ProcessScanner.Finding = scanner.look(at: FakeProcesses.moment(0), table.current)
        let owned: [Int32] = finding.scan.processes.filter { $0.owner?.agent == agent }.map(\.identity.pid)
        #expect(owned == [90, 100, 101, 102, 103, 104])
        #expect(finding.scan.process(90)?.owner?.attempt == attempt)
        #expect(finding.scan.process(101)?.workingDirectory == "/srv/of-101")
        #expect(finding.scan.process(300)?.workingDirectory == nil && finding.scan.process(300)?.isOfInterest == false)
        let usage: ProcessUsage = try #require(finding.usage[agent])
        #expect(usage.processes == 5 && usage.threads == 7 && usage.cpuPercent == 0)
        #expect(usage.residentBytes == 45 * Int64(sysconf(CInt(_SC_PAGESIZE))))

        // Half of the time by a process that lives, half by one that has ended in between.
        try processes.put(
            101, parent: 100, ticks: ProcessScannerTests.ticks / 2, childTicks: ProcessScannerTests.ticks / 2)
        let next: ProcessScanner.Finding = scanner.look(at: FakeProcesses.moment(1), table.current)
        #expect(next.usage[agent]?.cpuPercent == 100)

        table.remove(root, groups: [100, 77])
        let last: ProcessScanner.Finding = scanner.look(at: FakeProcesses.moment(2), table.current)
        #expect(last.usage[agent] == nil && last.scan.processes.allSatisfy { $0.owner?.agent != agent })
        #expect(last.scan.process(101)?.workingDirectory == nil)
    }

    @Test("a table forgets only what it was told to forget")
    func table() {
        let table = SupervisionTable()
        let (old, new) = (ProcessIdentity(pid: 5, startTicks: 1), ProcessIdentity(pid: 5, startTicks: 2))
        let owner = ProcessOwner(agent: AgentID(unchecked: "a"))
        table.add(old, owner: owner)
        table.add(new, owner: owner)
        table.remove(old, groups: [5])
        table.add(group: 9, of: old)
        #expect(table.current.roots[5]?.process == new && table.current.groups == [5: 5])
        table.remove(new, groups: [5])
        #expect(table.current.roots.isEmpty && table.current.groups.isEmpty)
    }

    @Test("parents that lead in a circle lead nowhere")
    func circles() throws {
        let processes = try FakeProcesses()
        let scanner = ProcessScanner(folder: processes.path)
        let table = SupervisionTable()
        table.add(ProcessIdentity(pid: 9, startTicks: 1), owner: ProcessOwner(agent: AgentID(unchecked: "a")))
        try processes.put(5, parent: 6)
        try processes.put(6, parent: 5)
        try processes.put(7, parent: 7)
        let finding: ProcessScanner.Finding = scanner.look(at: FakeProcesses.moment(0), table.current)
        #expect(finding.scan.processes.count == 3 && finding.scan.processes.allSatisfy { $0.owner == nil })
    }

    @Test("the processes of this machine can be looked at")
    func real() throws {
        let scanner = ProcessScanner(descriptors: 16)
        for second in 0..<3 {
            let scan: ProcessScan = scanner.look(at: FakeProcesses.moment(Double(second)), .init()).scan
            let own: ProcessReading = try #require(scan.process(getpid()))
            #expect(own.residentBytes > 100_000 && own.threads >= 1 && !own.commandLine.isEmpty)
            #expect(own.user == geteuid() && own.parent == getppid())
        }
    }

    @Test("as many files stay open as there are descriptors to spare, and none of what is gone")
    func descriptors() throws {
        let processes = try FakeProcesses()
        func open() throws -> Int {
            try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count { file in
                let target: String? = try? FileManager.default.destinationOfSymbolicLink(
                    atPath: "/proc/self/fd/\(file)")
                return target?.hasPrefix(processes.path) == true
            }
        }
        for pid: Int32 in 1...40 { try processes.put(pid) }
        do {
            let scanner = ProcessScanner(folder: processes.path, descriptors: 16)
            for second in 0..<3 {
                #expect(scanner.look(at: FakeProcesses.moment(Double(second)), .init()).scan.processes.count == 40)
                #expect(try open() == 16)
            }
            for pid: Int32 in 1...30 { try processes.remove(pid) }
            #expect(scanner.look(at: FakeProcesses.moment(3), .init()).scan.processes.count == 10)
            #expect(try open() == 0)
            for pid: Int32 in 41...50 { try processes.put(pid) }
            #expect(scanner.look(at: FakeProcesses.moment(4), .init()).scan.processes.count == 20)
            #expect(try open() == 10)
        }
        #expect(try open() == 0)
    }
}
