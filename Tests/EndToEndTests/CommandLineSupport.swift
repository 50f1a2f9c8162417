import Foundation
import MAOSCore
import Testing

/// What a finished program left.
struct ProgramOutcome {
    var status: CInt
    var output: String
    var errors: String

    /// The output as JSON.
    var json: JSONValue? { try? JSONReader.parse(output, depthLimit: 64) }

    var outputLines: [String] { output.split(separator: "\n").map(String.init) }
}

/// Runs `maos-cli` as a user does.
struct CommandLineProgram {
    /// On top of a small, fixed environment; a value of `nil` is not there.
    var environment: [String: String] = [:]

    /// The program with these variables and no others.
    init(environment: [String: String] = [:]) { self.environment = environment }

    /// The program as somebody uses it beside a server, with the server's own token.
    init(beside server: ServerProcess) {
        self.init(environment: ["MAOS_URL": server.baseURL, "MAOS_DATA": server.directory])
    }

    private var variables: [String: String] {
        // Nothing of the machine's own settings: neither colours nor a server nor a locale.
        let path: String = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        return ["PATH": path, "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"].merging(environment) { $1 }
    }

    /// Runs the program to its end.
    func run(_ arguments: String..., input: String? = nil) throws -> ProgramOutcome {
        try run(arguments, input: input)
    }

    /// Runs the program to its end.
    func run(_ arguments: [String], input: String? = nil) throws -> ProgramOutcome {
        let process: Process = make(arguments)
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        if let input {
            let pipe = Pipe()
            process.standardInput = pipe
            try process.run()
            pipe.fileHandleForWriting.write(Data(input.utf8))
            try pipe.fileHandleForWriting.close()
        } else {
            process.standardInput = FileHandle.nullDevice
            try process.run()
        }
        // The two are read at once, so that neither pipe fills while the other is waited for.
        let collected = ErrorText()
        let done = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            collected.set(errors.fileHandleForReading.readDataToEndOfFile())
            done.signal()
        }
        let text: Data = output.fileHandleForReading.readDataToEndOfFile()
        done.wait()
        process.waitUntilExit()
        return ProgramOutcome(
            status: process.terminationStatus, output: String(decoding: text, as: UTF8.self), errors: collected.text)
    }

    /// Runs the program on a terminal of that size; what it wrote to it is the output.
    func runOnTerminal(_ arguments: String..., columns: Int = 80, rows: Int = 24) throws -> ProgramOutcome {
        func quoted(_ text: String) -> String { "'" + text.replacingOccurrences(of: "'", with: "'\\''") + "'" }
        let words: [String] = [Products.url(of: "maos-cli").path] + arguments
        let line: String = "stty cols \(columns) rows \(rows); exec " + words.map(quoted).joined(separator: " ")
        let process: Process = CommandLineProgram(environment: ["TERM": "xterm"].merging(environment) { $1 }).make([])
        process.executableURL = URL(fileURLWithPath: "/usr/bin/script")
        process.arguments = ["-qec", line, "/dev/null"]
        process.standardInput = FileHandle.nullDevice
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return ProgramOutcome(
            status: process.terminationStatus, output: output.replacingOccurrences(of: "\r\n", with: "\n"), errors: "")
    }

    /// A process that is not started yet.
    func make(_ arguments: [String]) -> Process {
        let process = Process()
        process.executableURL = Products.url(of: "maos-cli")
        process.arguments = arguments
        process.environment = variables
        return process
    }

    /// Gathers what a thread reads.
    private final class ErrorText: @unchecked Sendable {
        // Written before the semaphore is signalled, read after.
        private(set) var text: String = ""

        func set(_ data: Data) { text = String(decoding: data, as: UTF8.self) }
    }
}
