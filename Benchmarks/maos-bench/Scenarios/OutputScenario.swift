internal import CLinux
internal import Glibc
internal import MAOSCore
internal import MAOSSystem

/// A process that prints a lot: stored by the server, and followed by one client, as server-sent events or as a dashboard.
enum OutputScenario {
    private static let line: String = String(repeating: "0123456789", count: 9) + "abcdefghi"
    private static let lines: Int = 2_000_000
    private static var size: Int { lines * (line.utf8.count + 1) }
    private static let partSize: Int = 1 << 20
    /// The last event and what ends the stream are not longer.
    private static let tailSize: Int = 400

    /// The line for `sh` that prints.
    private static var command: String { "yes \(line) | head -c \(size)" }

    /// What following took.
    private struct Run {
        var nanoseconds: Int64
        var serverCPU: Int64
        var peak: Double

        var rate: Double { quotient(Double(size) / 1e6, Double(nanoseconds) / 1e9) }
    }

    static func measure(_ options: Options) throws -> ScenarioResult {
        var runs: [Run] = []
        var dashboard: [Run] = []
        var bare: [Double] = []
        for _ in 0..<options.runs {
            let folder: WorkFolder = try WorkFolder(in: options.folder)
            let server: ServerProcess = try ServerProcess(
                try options.requireServer(), data: try folder.fresh("data"), folder: folder)
            runs.append(try follow(server))
            server.stop()
            let other: ServerProcess = try ServerProcess(
                try options.requireServer(), data: try folder.fresh("dashboard"), folder: folder, surface: "dashboard",
                more: ["--auth", "local"])
            dashboard.append(try watch(other))
            other.stop()
            bare.append(try readAndStore(in: folder))
        }
        return ScenarioResult(
            scenario: .output,
            figures: [
                Figure(
                    name: "MB/s of output, stored and followed", unit: .count, values: runs.map(\.rate),
                    yardstick: Figure.Yardstick(name: "read and written to a file", values: bare),
                    targets: [.atLeast(400)]),
                Figure(
                    name: "server CPU per MB", unit: .microseconds,
                    values: runs.map { quotient(Double($0.serverCPU) / 1e3, Double(size) / 1e6) }),
                Figure(name: "server's memory, at most", unit: .megabytes, values: runs.map(\.peak)),
                Figure(
                    name: "MB/s to a dashboard", unit: .count, values: dashboard.map(\.rate),
                    yardstick: Figure.Yardstick(name: "read and written to a file", values: bare),
                    targets: [.atLeast(400)]),
                Figure(
                    name: "server CPU per MB", unit: .microseconds,
                    values: dashboard.map { quotient(Double($0.serverCPU) / 1e3, Double(size) / 1e6) }),
                Figure(name: "server's memory, at most", unit: .megabytes, values: dashboard.map(\.peak)),
            ])
    }

    /// Has a task print, and follows it to its end.
    private static func follow(_ server: ServerProcess) throws -> Run {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("type", "code")
        writer.member("description", "Print \(lines) lines")
        writer.beginArray("requirements")
        writer.endArray()
        writer.member("priority", "medium")
        writer.beginObject("context")
        writer.member("command", command)
        writer.endObject()
        writer.endObject()
        let body = String(decoding: writer.take(), as: UTF8.self)
        let begin: Int64 = SystemClock.monotonicNanoseconds()
        let cpu: Int64 = server.probe.cpuNanoseconds()
        let answer: HTTPClient.Answer = try HTTPClient(to: server.address)
            .send(server.requests.post("/api/v1/tasks", body), expecting: 201)
        guard let id: String = answer.json["data"]?["taskId"]?.stringValue else {
            throw BenchError("a creation was answered without an id: \(answer.text)")
        }
        let socket: Descriptor = try Socket.connect(to: server.address, timeout: 5_000)
        try socket.setNonBlocking(false)
        let request: [UInt8] = server.requests.get("/api/v1/tasks/\(id)/output?follow=true")
        guard request.withUnsafeBytes({ socket.send($0) }) == .count(request.count) else {
            throw BenchError("a request could not be sent")
        }
        let found: Int = try countLines(socket)
        guard found == lines else { throw BenchError("\(found) of \(lines) lines came") }
        return Run(
            nanoseconds: SystemClock.monotonicNanoseconds() - begin,
            serverCPU: server.probe.cpuNanoseconds() - cpu, peak: server.probe.peakMemory() / 1_048_576)
    }

    /// Has an agent print what a dashboard asked it to, and reads that to its end.
    private static func watch(_ server: ServerProcess) throws -> Run {
        let client: MessageClient = try MessageClient(to: server.address, path: "/ws", server.requests)
        try client.send(
            #"{"id":"a","type":"agent:create","payload":{"name":"A","model":"claude-3-opus","workspace":"w"}}"#)
        let answer: JSONValue = try client.next { $0["type"] == "ack" }
        guard let agent: String = answer["payload"]?["agentId"]?.stringValue else {
            throw BenchError("an agent could not be made: \(JSONText(answer))")
        }
        _ = try client.next { $0["payload"]?["status"] == "running" }
        _ = client.takeRest()
        let begin: Int64 = SystemClock.monotonicNanoseconds()
        let cpu: Int64 = server.probe.cpuNanoseconds()
        try client.send(
            #"{"id":"b","type":"agent:command","payload":{"agentId":"\#(agent)","command":"\#(command)"}}"#)
        let part = UnsafeMutableRawBufferPointer.allocate(byteCount: partSize, alignment: 16)
        defer { part.deallocate() }
        var found: Int = 0
        while found < lines {
            guard case .count(let count) = client.socket.receive(into: part), count > 0 else {
                throw BenchError("the connection ended after \(found) of \(lines) lines")
            }
            found += countBackslashes(UnsafeMutableRawBufferPointer(rebasing: part[..<count]))
        }
        return Run(
            nanoseconds: SystemClock.monotonicNanoseconds() - begin,
            serverCPU: server.probe.cpuNanoseconds() - cpu, peak: server.probe.peakMemory() / 1_048_576)
    }

    /// Reads a stream up to its last event, and counts the ends of lines, which are its only escapes.
    private static func countLines(_ socket: borrowing Descriptor) throws -> Int {
        // What came last stays before what comes next, so that the end is found across the two.
        let part = UnsafeMutableRawBufferPointer.allocate(byteCount: tailSize + partSize, alignment: 16)
        defer { part.deallocate() }
        part.initializeMemory(as: UInt8.self, repeating: 0)
        let room = UnsafeMutableRawBufferPointer(rebasing: part[tailSize...])
        var lines: Int = 0
        while true {
            guard case .count(let count) = socket.receive(into: room), count > 0 else {
                throw BenchError("the stream ended before its last event")
            }
            lines += countBackslashes(UnsafeMutableRawBufferPointer(rebasing: room[..<count]))
            let tail = UnsafeMutableRawBufferPointer(rebasing: part[count..<count + tailSize])
            if hasEnd(tail) { return lines }
            UnsafeMutableRawBufferPointer(rebasing: part[..<tailSize]).copyMemory(from: UnsafeRawBufferPointer(tail))
        }
    }

    /// Whether the name of the last event is among some bytes.
    private static func hasEnd(_ bytes: UnsafeMutableRawBufferPointer) -> Bool {
        var name: String = "event: end"
        guard let base: UnsafeMutableRawPointer = bytes.baseAddress else { return false }
        return name.withUTF8 { (name: UnsafeBufferPointer<UInt8>) in
            name.baseAddress.map { memmem(base, bytes.count, $0, name.count) != nil } ?? false
        }
    }

    private static func countBackslashes(_ bytes: UnsafeMutableRawBufferPointer) -> Int {
        guard let base: UnsafeMutableRawPointer = bytes.baseAddress else { return 0 }
        var found: Int = 0
        var place: Int = 0
        while place < bytes.count, let next = memchr(base + place, CInt(UInt8(ascii: "\\")), bytes.count - place) {
            found += 1
            place = next - base + 1
        }
        return found
    }

    /// The yardstick: the same process, whose output one loop reads and writes to a file; MB/s.
    private static func readAndStore(in folder: borrowing WorkFolder) throws -> Double {
        let file: Descriptor = try Descriptor.open("\(folder.path)/output", flags: O_WRONLY | O_CREAT, mode: 0o600)
        let pipe: Pipe = try Descriptor.pipe(nonBlocking: false)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, pipe.writing.number, 1)
        posix_spawn_file_actions_addclose(&actions, pipe.reading.number)
        let begin: Int64 = SystemClock.monotonicNanoseconds()
        var process: pid_t = 0
        let code: CInt = ArgumentVector.with(["/bin/sh", "-c", command]) { arguments in
            ArgumentVector.with(["PATH=/usr/bin:/bin"]) { environment in
                posix_spawn(&process, "/bin/sh", &actions, nil, arguments, environment)
            }
        }
        guard code == 0 else { throw BenchError("/bin/sh cannot be started: \(String(cString: strerror(code)))") }
        let part = UnsafeMutableRawBufferPointer.allocate(byteCount: partSize, alignment: 16)
        defer { part.deallocate() }
        var total: Int = 0
        while total < size, case .count(let count) = pipe.reading.read(into: part), count > 0 {
            try file.writeAll(UnsafeRawBufferPointer(rebasing: part[..<count]))
            total += count
        }
        let rate: Double = quotient(
            Double(total) / 1e6, Double(SystemClock.monotonicNanoseconds() - begin) / 1e9)
        var status: CInt = 0
        guard waitpid(process, &status, 0) == process, total == size else {
            throw BenchError("the printing process ended early")
        }
        return rate
    }
}
