internal import CLinux
internal import Glibc
internal import MAOSSystem

/// A program that this one has started, and ends at the latest when it lets go of it.
final class ChildProcess {
    let probe: ProcessProbe
    /// When it was started, in nanoseconds of the monotonic clock.
    let startedAt: Int64
    private let output: Descriptor
    private var input: Descriptor?
    private var unread: [UInt8] = []
    private var hasEnded: Bool = false

    /// Starts a program; its standard error is appended to a file.
    init(_ program: String, _ arguments: [String], errorLog: String) throws {
        let outer: Pipe = try Descriptor.pipe(nonBlocking: false)
        let inner: Pipe = try Descriptor.pipe(nonBlocking: false)
        let log: Descriptor = try Descriptor.open(errorLog, flags: O_WRONLY | O_CREAT | O_APPEND)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, inner.reading.number, 0)
        posix_spawn_file_actions_adddup2(&actions, outer.writing.number, 1)
        posix_spawn_file_actions_adddup2(&actions, log.number, 2)
        var process: pid_t = 0
        let start: Int64 = SystemClock.monotonicNanoseconds()
        let code: CInt = ArgumentVector.with([program] + arguments) { argv in
            ArgumentVector.with(ChildProcess.environment()) { envp in
                posix_spawn(&process, program, &actions, nil, argv, envp)
            }
        }
        guard code == 0 else { throw BenchError("\(program) cannot be started: \(String(cString: strerror(code)))") }
        probe = ProcessProbe(pid: process)
        startedAt = start
        output = try outer.reading.duplicate()
        input = try inner.writing.duplicate()
    }

    deinit {
        kill()
    }

    /// Ends it at once.
    func kill() {
        guard !hasEnded else { return }
        Glibc.kill(probe.pid, SIGKILL)
        reap()
    }

    /// What programs need to run, and nothing that would configure them.
    private static func environment() -> [String] {
        ["PATH", "HOME", "LD_LIBRARY_PATH"].compactMap { (name: String) -> String? in
            getenv(name).map { "\(name)=\(String(cString: $0))" }
        }
    }

    /// The next line of its standard output.
    ///
    /// - Parameter seconds: How long to wait.
    /// - Returns: The line without its end; `nil` when there is nothing more to come.
    /// - Throws: ``BenchError`` when nothing came in time.
    func nextLine(within seconds: Int) throws -> String? {
        let end: Int64 = SystemClock.monotonicMilliseconds() + Int64(seconds) * 1_000
        let part = UnsafeMutableRawBufferPointer.allocate(byteCount: 4_096, alignment: 16)
        defer { part.deallocate() }
        while true {
            if let newline: Int = unread.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: unread[..<newline], as: UTF8.self)
                unread.removeSubrange(...newline)
                return line
            }
            let left: Int64 = end - SystemClock.monotonicMilliseconds()
            var watched = pollfd(fd: output.number, events: Int16(POLLIN), revents: 0)
            guard left > 0, poll(&watched, 1, CInt(left)) != 0 else {
                throw BenchError("process \(probe.pid) printed nothing for \(seconds) s")
            }
            guard case .count(let count) = output.read(into: part), count > 0 else { return nil }
            unread.append(contentsOf: part[..<count])
        }
    }

    /// Ends it in an orderly way: its standard input closes, and it gets SIGTERM; SIGKILL if that is not enough.
    func stop(within seconds: Int = 30) {
        guard !hasEnded else { return }
        input = nil
        Glibc.kill(probe.pid, SIGTERM)
        let end: Int64 = SystemClock.monotonicMilliseconds() + Int64(seconds) * 1_000
        while SystemClock.monotonicMilliseconds() < end {
            var status: CInt = 0
            if waitpid(probe.pid, &status, WNOHANG) != 0 {
                hasEnded = true
                return
            }
            usleep(1_000)
        }
        kill()
    }

    private func reap() {
        var status: CInt = 0
        while waitpid(probe.pid, &status, 0) < 0, errno == EINTR {}
        hasEnded = true
    }
}

/// This program, for parts of it that run as processes of their own.
enum OwnProgram {
    /// Where it is.
    static func path() throws(BenchError) -> String {
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count: Int = bytes.withUnsafeMutableBytes { buffer in
            buffer.bindMemory(to: CChar.self).baseAddress.map { readlink("/proc/self/exe", $0, buffer.count) } ?? -1
        }
        guard count > 0 else { throw BenchError("the path of this program is not known") }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}
