import Foundation
import MAOSCore
import MAOSProtocols
import MAOSTransport
import Testing

/// A disk that is full while the server runs: writes are refused, reads go on, and when there is room again so does everything.
@Suite("A full disk", .serialized)
struct DiskTests {
    @Test(
        "refuses writes, serves reads, and loses nothing",
        .enabled(if: SmallDisk.isPermitted, "mounting a small disk is not permitted here"))
    func fullDisk() async throws {
        let disk = try SmallDisk(megabytes: 12)
        let filler: String = disk.path + "/filler"
        try await exercise(
            ServerProcess(directory: disk.path + "/data"), fill: { _ in SmallDisk.fill(filler) },
            release: { _ in try FileManager.default.removeItem(atPath: filler) },
            finally: { client in
                // What was printed meanwhile is gone, and that can be seen.
                let metrics: String = String(
                    decoding: try client.call(.get, "/metrics").head.body, as: UTF8.self)
                let line: Substring? = metrics.split(separator: "\n").first { $0.hasPrefix("maos_output_lost_total") }
                let count: Double? = line?.split(separator: " ").last.flatMap { Double($0) }
                #expect(count ?? 0 >= 1, "\(line ?? "there is no such series")")
                let health: JSONValue? = try client.call(.get, "/api/v1/health").data
                let execution: JSONValue? = health?["components"]?.arrayValue?.first { $0["name"] == "execution" }
                #expect(execution?["status"] == "degraded" && execution?["message"] != nil, "\(health ?? .null)")
            })
    }

    @Test("in the form of a limit on the size of files does the same")
    func fileLimit() async throws {
        try await exercise(
            ServerProcess(),
            fill: { server in
                let size = try FileManager.default.attributesOfItem(atPath: server.directory + "/maos.db-wal")[.size]
                try limitFiles(of: server, to: "\((size as? NSNumber)?.intValue ?? 0)")
            }, release: { server in try limitFiles(of: server, to: "unlimited") })
    }

    private func exercise(
        _ server: ServerProcess, fill: (ServerProcess) throws -> Void, release: (ServerProcess) throws -> Void,
        finally: (APIClient) throws -> Void = { _ in }
    ) async throws {
        let folder: String = try TemporaryFolder.make()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let client: APIClient = try server.client()
        let running: String = try client.createTask(
            .string("while [ ! -e \(folder)/go ]; do sleep 0.01; done; echo through"))
        try await client.running(running)
        let body: JSONValue = [
            "type": "code", "description": .string(String(repeating: "x", count: 1_000)), "priority": "low",
            "requirements": [["type": "capability", "name": "nobody-has-this"]],
        ]
        func create() throws -> APIReply { try client.call(.post, "/api/v1/tasks", body) }
        func id(_ reply: APIReply) throws -> String { try #require(reply.data?["taskId"]?.stringValue) }
        var acknowledged: [String] = [try id(create())]

        try fill(server)
        var refusal: APIReply?
        for _ in 0..<3_000 where refusal == nil {
            let reply: APIReply = try create()
            if reply.status == 201 { acknowledged.append(try id(reply)) } else { refusal = reply }
        }
        let refused: APIReply = try #require(refusal, "the disk was never full")
        #expect(refused.status == 503 && refused.errorCode == "SERVICE_UNAVAILABLE", "\(refused.body)")
        #expect(
            refused.head.fields[.retryAfter] != nil && refused.errorMessage?.contains("/") == false, "\(refused.body)")
        #expect(try client.call(.delete, "/api/v1/tasks/\(acknowledged[0])").status == 503)
        #expect(try client.call(.post, "/api/v1/agents", ["type": "coder"]).status == 503)

        // Everything can be read.
        for id in acknowledged.prefix(20) { #expect(try client.task(id)["status"] == "pending") }
        let list: APIReply = try client.call(.get, "/api/v1/tasks?status=pending&limit=1")
        #expect(list.status == 200 && list.data?["pagination"]?["totalItems"] == JSONValue(acknowledged.count))
        #expect(try client.events().isEmpty == false)
        let health: APIReply = try client.call(.get, "/api/v1/health")
        #expect(health.status == 503 && health.data?["overall"] == "unhealthy", "\(health.body)")
        let storage: JSONValue? = health.data?["components"]?.arrayValue?.first { $0["name"] == "storage" }
        #expect(storage?["status"] == "unhealthy" && storage?["message"] != nil)
        #expect(try client.call(.get, "/livez").status == 200)

        // What ends meanwhile is not lost.
        #expect(FileManager.default.createFile(atPath: folder + "/go", contents: nil))
        try await waitUntil("the process has ended") { Processes.ofTask(running).isEmpty }
        #expect(try client.task(running)["status"] == "running", "not told before it is stored")

        try release(server)
        try await waitUntil(seconds: 60, "writes are taken again") {
            let reply: APIReply = try create()
            if reply.status == 201 { acknowledged.append(try id(reply)) }
            return reply.status == 201
        }
        let ended: JSONValue = try await client.ended(running)
        #expect(ended["status"] == "completed" && ended["attempt"] == 1, "\(ended)")
        try await waitUntil("it is healthy") { try client.call(.get, "/api/v1/health").status == 200 }
        try finally(client)
        #expect(try await client.run(["/bin/echo", "new"])["result"]?["stdout"] == "new\n")

        // The same after a restart: what was acknowledged is there, what was refused is not.
        #expect(server.end(with: SIGKILL) != 0)
        try server.start()
        let again: APIClient = try server.client()
        for id in acknowledged { #expect(try again.task(id)["status"] == "pending") }
        let after: APIReply = try again.call(.get, "/api/v1/tasks?status=pending&limit=1")
        #expect(after.data?["pagination"]?["totalItems"] == JSONValue(acknowledged.count))
        let events: [JSONValue] = try again.events()
        #expect(events.map { $0["sequence"]?.intValue } == (1...events.count).map { $0 })
        #expect(server.end(with: SIGTERM) == 0)
    }

    /// Sets how large a file of the server's may become; only the soft limit, so that it can be raised again.
    private func limitFiles(of server: ServerProcess, to size: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/prlimit")
        process.arguments = ["--pid", "\(server.process.processIdentifier)", "--fsize=\(size):unlimited"]
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw HarnessError("prlimit ended with \(process.terminationStatus)")
        }
    }
}

/// A file system in memory that holds a few megabytes.
final class SmallDisk {
    let path: String

    /// Whether this process may mount one.
    static let isPermitted: Bool = (try? SmallDisk(megabytes: 1)) != nil

    init(megabytes: Int) throws {
        path = try TemporaryFolder.make()
        guard SmallDisk.run("/bin/mount", "-t", "tmpfs", "-o", "size=\(megabytes)m", "tmpfs", path) else {
            rmdir(path)
            throw HarnessError("a disk cannot be mounted")
        }
        try FileManager.default.createDirectory(atPath: path + "/data", withIntermediateDirectories: false)
    }

    deinit {
        _ = SmallDisk.run("/bin/umount", "-l", path)
        rmdir(path)
    }

    /// Writes until there is no room, not even for a byte.
    static func fill(_ path: String) {
        let descriptor: CInt = open(path, O_WRONLY | O_CREAT, 0o600)
        defer { close(descriptor) }
        for size in [65_536, 1] {
            let bytes = [UInt8](repeating: 0x66, count: size)
            while write(descriptor, bytes, size) > 0 {}
        }
    }

    private static func run(_ program: String, _ arguments: String...) -> Bool {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }
}
