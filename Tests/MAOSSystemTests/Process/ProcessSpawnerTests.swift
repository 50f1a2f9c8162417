import CLinux
import Glibc
import MAOSSystem
import MAOSTestSupport
import Testing

/// Reads until the end, waiting as needed.
private func readAll(_ descriptor: borrowing Descriptor) throws -> String {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4_096)
    while true {
        switch buffer.withUnsafeMutableBytes({ descriptor.read(into: $0) }) {
        case .count(0), .failed: return String(decoding: bytes, as: UTF8.self)
        case .count(let count): bytes.append(contentsOf: buffer[..<count])
        case .wouldBlock: _ = try Socket.wait(for: descriptor, writable: false, timeout: 10_000)
        }
    }
}

/// What a program printed, and how it ended.
private struct Run {
    var output: String = ""
    var error: String = ""
    var status: ProcessExit = .unknown

    init(_ request: SpawnRequest) throws {
        let spawner = try ProcessSpawner()
        var process: SpawnedProcess = try spawner.spawn(request)
        if let descriptor = process.output.take() { output = try readAll(descriptor) }
        if let descriptor = process.error.take() { error = try readAll(descriptor) }
        let exit: Descriptor? = process.exit.take()
        if let exit { #expect(try Socket.wait(for: exit, writable: false, timeout: 10_000)) }
        if case .ended(let child) = ProcessExit.collect(process.pid) { status = child.status }
        #expect(ProcessExit.collect(process.pid) == .notOurs)
    }
}

@Suite("Starting a program", .serialized)
struct ProcessSpawnerTests {
    private func shell(_ line: String) -> SpawnRequest {
        SpawnRequest(arguments: ["/bin/sh", "-c", line], environment: ["PATH=/usr/bin:/bin", "A=b c"])
    }

    @Test("gives it arguments and variables, and keeps its two streams apart")
    func streams() throws {
        let run = try Run(shell("echo \"$0 $A\"; echo err >&2; exit 5"))
        #expect(run.output == "/bin/sh b c\n")
        #expect(run.error == "err\n")
        #expect(run.status == .exited(5))
        #expect(run.status.description == "exited with code 5")
    }

    @Test("by name looks through the search path, as execvp does")
    func searchPath() throws {
        let folder = try TemporaryFolder()
        let denied: String = try folder.write("#!/bin/sh\n", to: "tool")
        #expect(chmod(denied, 0o644) == 0)
        var request = SpawnRequest(
            arguments: ["echo", "x"], environment: [], searchPath: "/no/such:\(folder.path):/bin")
        #expect(try Run(request).output == "x\n")
        request.arguments = ["tool"]
        request.searchPath = "\(folder.path):/no/such"
        do {
            _ = try Run(request)
            Issue.record("it was started")
        } catch let error as SpawnError {
            #expect(error.code == EACCES && error.step == .execution && error.program == "tool")
            #expect(error.description == "could not start tool: Permission denied")
        }
        request.searchPath = ""
        request.directory = "/bin"
        request.arguments = ["echo", "here"]
        #expect(try Run(request).output == "here\n")
    }

    @Test(
        "that is not possible says why",
        arguments: [
            (["no-such-program"], nil, "could not start no-such-program: No such file or directory"),
            (["/etc"], nil, "could not start /etc: Permission denied"),
            (
                ["/bin/sh", "x"], "/no/such",
                "could not start /bin/sh: working directory /no/such: No such file or directory"
            ),
            (
                ["/bin/sh", "x"], "/etc/passwd",
                "could not start /bin/sh: working directory /etc/passwd: Not a directory"
            ),
            ([], nil, "could not start : the command is empty"), ([""], nil, "could not start : the command is empty"),
            (["a", "b\0c"], nil, "could not start a: an argument holds a zero byte"),
        ] as [([String], String?, String)])
    func impossible(arguments: [String], directory: String?, message: String) throws {
        var request = SpawnRequest(arguments: arguments, environment: ["PATH=/bin"])
        request.directory = directory
        do {
            _ = try Run(request)
            Issue.record("it was started")
        } catch let error as SpawnError {
            #expect(error.description == message)
        }
    }

    @Test("refuses variables that are none", arguments: ["novalue", "=x", "", "A=\0"])
    func badVariables(variable: String) throws {
        #expect(throws: SpawnError.self) {
            _ = try Run(SpawnRequest(arguments: ["/bin/true"], environment: [variable]))
        }
    }

    @Test("limits what it may use")
    func limits() throws {
        var request: SpawnRequest = shell("ulimit -t; ulimit -d; ulimit -v; ulimit -n; ulimit -c; ulimit -f")
        request.limits = [
            ProcessLimit(.processorTime, 7), ProcessLimit(.data, 64 << 20), ProcessLimit(.addressSpace, 1 << 30),
            ProcessLimit(.openFiles, 20), ProcessLimit(.coreSize, 0), ProcessLimit(.fileSize, 4_096),
        ]
        #expect(try Run(request).output == "7\n65536\n1048576\n20\n0\n8\n")
    }

    @Test("tells a signal from a code")
    func signals() throws {
        #expect(try Run(shell("kill -TERM $$")).status == .killed(Signals.terminate))
        #expect(ProcessExit.killed(9).description == "killed by SIGKILL")
        #expect(ProcessExit.killed(40).description == "killed by signal 40")
        #expect(Signals.name(of: 0) == "signal 0")
        #expect(Signals.name(of: 31) == "SIGSYS")
    }

    @Test("on a terminal makes that its controlling one, with the size wanted")
    func terminal() throws {
        var request: SpawnRequest = shell("test -t 0 && test -t 1 && test -t 2 && stty size && tty && echo > /dev/tty")
        request.streams = .terminal(TerminalSize(columns: 120, rows: 40))
        let run = try Run(request)
        #expect(run.output.hasPrefix("40 120\r\n/dev/pts/"))
        #expect(run.status == .exited(0))
    }

    @Test("on a terminal for a conversation: without echo, lines as they are, and errors apart")
    func conversation() throws {
        var request: SpawnRequest = shell("stty -a | grep -o -- '-echo '; test -t 2 || echo pipe >&2")
        request.streams = .conversation(TerminalSize())
        let run = try Run(request)
        #expect(run.output == "-echo \n")
        #expect(run.error == "pipe\n")
    }

    @Test("kills it when the thread that started it ends")
    func threadEnds() throws {
        let pid = Watched<Int32>(0)
        let thread = try SystemThread(name: "starter") {
            do {
                var process: SpawnedProcess = try ProcessSpawner().spawn(
                    SpawnRequest(arguments: ["/bin/sleep", "100"], environment: []))
                _ = process.output.take()
                let number: Int32 = process.pid
                pid.change { $0 = number }
            } catch {
                Issue.record(error)
            }
        }
        thread.join()
        let child: Int32 = pid.value
        #expect(child > 1)
        while case .running = ProcessExit.collect(child) { sched_yield() }
        #expect(ProcessExit.collect(child) == .notOurs)
    }

    @Test("leaves no descriptor open, also where it fails")
    func descriptors() throws {
        func open() -> Int {
            (3..<512).filter { fcntl($0, F_GETFD) >= 0 }.count
        }
        let spawner = try ProcessSpawner()
        let before: Int = open()
        for _ in 0..<20 {
            #expect(throws: SpawnError.self) {
                _ = try spawner.spawn(SpawnRequest(arguments: ["/no/such"], environment: []))
            }
            let process: SpawnedProcess = try spawner.spawn(SpawnRequest(arguments: ["/bin/true"], environment: []))
            let pid: Int32 = process.pid
            while case .running = ProcessExit.collect(pid) { sched_yield() }
        }
        // Other tests open and close some meanwhile.
        #expect(open() < before + 20)
    }
}

@Suite("The table of processes", .serialized)
struct ProcessTableTests {
    @Test("knows this process")
    func own() throws {
        let own: Int32 = ProcessSettings.processNumber
        let status: ProcessStatus = try #require(ProcessTable.status(of: own))
        #expect(status.pid == own && status.parent == getppid())
        #expect(status.group == getpgrp() && status.session == getsid(0))
        #expect(status.threads >= 1 && !status.isDead && status.startTicks > 0)
        #expect(ProcessTable.all().contains(own))
        #expect(ProcessTable.threads(of: own).contains(own))
        #expect(!ProcessTable.threadHasEnded(own))
        #expect(ProcessTable.threadHasEnded(4_000_000))
        #expect(ProcessTable.privateMemory(of: own) > 100_000)
        #expect(ProcessTable.systemIdentity() == ProcessTable.systemIdentity())
        #expect(ProcessTable.systemIdentity().contains("pid:["))
    }

    @Test("does not know processes that are not there")
    func none() {
        #expect(ProcessTable.status(of: 4_000_000) == nil)
        #expect(!ProcessTable.isBeingLoaded(getpid()))
        #expect(!ProcessTable.isBeingLoaded(4_000_000))
        #expect(ProcessTable.children(of: 4_000_000, threads: 1).isEmpty)
        #expect(ProcessTable.children(ofThread: 1, in: 4_000_000) == nil)
        #expect(ProcessTable.privateMemory(of: 4_000_000) == 0)
        #expect(ProcessTable.environmentValue(of: 4_000_000, beginning: "A=") == nil)
        #expect(!Signals.send(0, to: 4_000_000))
        #expect(!Signals.send(Signals.kill, to: 0))
        #expect(!Signals.send(Signals.kill, to: -1))
    }

    @Test("shows children with names that try to confuse, and their variables")
    func child() throws {
        let folder = try TemporaryFolder()
        let name: String = "\(folder.path)/a) S 1 (b c"
        #expect(symlink("/bin/sleep", name) == 0)
        let spawner = try ProcessSpawner()
        let process: SpawnedProcess = try spawner.spawn(
            SpawnRequest(arguments: [name, "100"], environment: ["MARK=abc/d", "B=1"]))
        let pid: Int32 = process.pid
        let status: ProcessStatus = try #require(ProcessTable.status(of: pid))
        #expect(status.parent == ProcessSettings.processNumber)
        #expect(status.group == pid && status.session == pid && status.threads == 1)
        // The kernel shows them a moment after the program has been loaded.
        while ProcessTable.environmentIsEmpty(of: pid) { sched_yield() }
        #expect(ProcessTable.environmentValue(of: pid, beginning: "MARK=abc/") == "d")
        #expect(ProcessTable.environmentValue(of: pid, beginning: "MARK=x") == nil)
        #expect(ProcessTable.environmentValue(of: pid, beginning: "B=1")?.isEmpty == true)
        #expect(ProcessTable.environmentValue(of: pid, beginning: "ARK=") == nil)
        #expect(ProcessTable.children(ofThread: gettid(), in: getpid())?.contains(pid) == true)
        #expect(Signals.send(Signals.kill, to: pid))
        while case .running = ProcessExit.collect(pid) { sched_yield() }
        #expect(ProcessTable.status(of: pid) == nil)
    }
}
