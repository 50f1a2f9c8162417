import Foundation
import MAOSCore
import MAOSTransport
import Testing

/// A real `maos-server` with a data directory of its own, ended and cleaned up with the value that holds it.
final class ServerProcess: @unchecked Sendable {
    // Confined to the test that made it; only `output` is shared with the reading thread, under its lock.
    let directory: String
    private(set) var port: UInt16 = 0
    private(set) var process = Process()
    private let arguments: [String]
    private let environment: [String: String]
    private let output = LineBuffer()
    private let errors = LineBuffer()
    private let keepsDirectory: Bool

    /// Starts a server on a free port and waits until it is ready.
    ///
    /// - Parameters:
    ///   - directory: Its data directory, which then outlives it; nil for one of its own.
    ///   - arguments: What it is told beside where its data is and where to listen.
    ///   - environment: Variables beside those of this process.
    ///   - configuration: What its configuration file says.
    /// - Throws: ``HarnessError`` when it does not get ready.
    init(
        directory: String? = nil, arguments: [String] = ["--limits", "off"], environment: [String: String] = [:],
        configuration: JSONObject? = nil
    ) throws {
        keepsDirectory = directory != nil
        self.directory = try directory ?? TemporaryFolder.make()
        var arguments: [String] = arguments
        if let configuration {
            let path: String = self.directory + "/maos.json"
            try "\(JSONText(.object(configuration)))".write(toFile: path, atomically: true, encoding: .utf8)
            arguments += ["--config", path]
        }
        self.arguments = arguments
        self.environment = environment
        try start()
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
        if !keepsDirectory { try? FileManager.default.removeItem(atPath: directory) }
    }

    /// Starts the server (again) on the same data.
    func start() throws {
        process = Process()
        process.executableURL = Products.url(of: "maos-server")
        let hasListen: Bool = arguments.contains("--listen")
        process.arguments =
            ["--data", directory] + (hasListen ? [] : ["--listen", "127.0.0.1:0=gateway"]) + arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        output.clear()
        process.standardOutput = output.pipe()
        process.standardError = errors.pipe()
        try process.run()
        guard output.wait(seconds: 60, until: { $0.contains("ready") }) else {
            throw HarnessError("the server is not ready; it said: \(errors.lines.joined(separator: "\n"))")
        }
        let line: String = try #require(output.lines.first { $0.hasPrefix("listening ") })
        let address: Substring = try #require(line.split(separator: " ").dropFirst().first)
        let number: Substring = try #require(address.split(separator: ":").last)
        port = try #require(UInt16(number))
    }

    /// Sends a signal and waits for the end.
    @discardableResult
    func end(with signal: CInt) -> CInt {
        if process.isRunning { kill(process.processIdentifier, signal) }
        process.waitUntilExit()
        return process.terminationStatus
    }

    /// What it has written to standard error.
    var errorText: String { errors.lines.joined(separator: "\n") }

    /// The lines it has written to standard output.
    var outputLines: [String] { output.lines }

    /// The administrator's token.
    func adminToken() throws -> String {
        try String(contentsOfFile: directory + "/admin.token", encoding: .utf8)
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    var baseURL: String { "http://127.0.0.1:\(port)" }

    /// A client that bears the administrator's token, or the given one.
    func client(token: String? = nil) throws -> APIClient {
        try APIClient(url: baseURL, token: token ?? adminToken())
    }
}

/// What went wrong with a test's surroundings.
struct HarnessError: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}

/// The programs that were built with the tests.
enum Products {
    static func url(of name: String) -> URL {
        if let folder: String = ProcessInfo.processInfo.environment["MAOS_BIN"] {
            return URL(fileURLWithPath: folder).appendingPathComponent(name)
        }
        return Bundle.main.bundleURL.appendingPathComponent(name).standardizedFileURL
    }
}

/// Folders that live as long as a test.
enum TemporaryFolder {
    static func make() throws -> String {
        var template: [CChar] = Array((NSTemporaryDirectory() + "/maos-test-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else { throw HarnessError("no temporary folder") }
        return template.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
    }
}

/// Lines that a process writes, gathered by a thread.
final class LineBuffer: @unchecked Sendable {
    private let condition = NSCondition()
    private var gathered: [String] = []
    private var rest = Data()

    var lines: [String] {
        condition.lock()
        defer { condition.unlock() }
        return gathered
    }

    func clear() {
        condition.lock()
        gathered = []
        condition.unlock()
    }

    func pipe() -> Pipe {
        let pipe = Pipe()
        let handle: FileHandle = pipe.fileHandleForReading
        Thread.detachNewThread { [self] in
            while case let data = handle.availableData, !data.isEmpty { take(data) }
        }
        return pipe
    }

    private func take(_ data: Data) {
        condition.lock()
        rest.append(data)
        while let end: Data.Index = rest.firstIndex(of: UInt8(ascii: "\n")) {
            gathered.append(String(decoding: rest[rest.startIndex..<end], as: UTF8.self))
            rest.removeSubrange(rest.startIndex...end)
        }
        condition.broadcast()
        condition.unlock()
    }

    /// Waits until the lines satisfy a condition; false when the time is up.
    func wait(seconds: Double, until isDone: ([String]) -> Bool) -> Bool {
        let end = Date(timeIntervalSinceNow: seconds)
        condition.lock()
        defer { condition.unlock() }
        while !isDone(gathered) {
            guard condition.wait(until: end) else { return isDone(gathered) }
        }
        return true
    }
}

/// Waits until a condition holds, looking every few milliseconds.
func eventually(
    seconds: Double = 20, _ what: String, _ condition: () throws -> Bool
) throws {
    let end = Date(timeIntervalSinceNow: seconds)
    while true {
        if try condition() { return }
        guard Date() < end else { throw HarnessError("did not happen within \(seconds) s: \(what)") }
        usleep(5_000)
    }
}
