import Foundation
import MAOSCore
import MAOSProtocols
import MAOSTransport
import Testing

/// Agents' terminals over the gateway's WebSocket; `maos-cli attach` has tests of its own.
@Suite(
    "Terminals",
    .server([
        "runners": [
            "tester": ["interactive": ["/bin/cat"]],
            "documenter": ["interactive": ["/bin/sh", "-c", "stty -echo; read x; exit 7"]],
        ]
    ]),
    .serialized)
struct TerminalSocketTests {
    let client: APIClient

    init() throws { client = try SharedServer.current.client() }

    /// A connection to a terminal.
    private final class Terminal {
        let socket: WebSocketClient
        private(set) var text: String = ""
        private(set) var told: [JSONValue] = []
        private(set) var end: WebSocketCloseCode?

        init(_ agent: String, query: String = "", token: String? = nil, subprotocols: [String] = []) throws {
            let server: ServerProcess = try SharedServer.current
            let url: ClientURL = try #require(ClientURL(server.baseURL))
            let token: String? = try query.isEmpty && subprotocols.isEmpty ? token ?? server.adminToken() : nil
            socket = try WebSocketClient(
                url, "/api/v1/agents/\(agent)/terminal\(query)", token: token, subprotocols: subprotocols)
        }

        func type(_ text: String) throws { try socket.send(Array(text.utf8)) }
        func say(_ message: JSONValue) throws { try socket.send("\(JSONText(message))") }

        /// Reads on until something is there.
        func read(until what: String, _ isThere: () -> Bool) throws {
            while !isThere() {
                switch try socket.receive(timeout: 30_000) {
                case .binary(let bytes): text += String(decoding: bytes, as: UTF8.self)
                case .text(let message): told.append(try JSONReader.parse(message, depthLimit: 8))
                case .closed(let code, _):
                    end = code
                    guard isThere() else { throw HarnessError("closed with \(code) before \(what); \(text) \(told)") }
                }
            }
        }

        func read(until wanted: String) throws { try read(until: wanted) { text.contains(wanted) } }
        func readToEnd() throws { try read(until: "the end") { end != nil } }
    }

    private func spawn(_ type: String = "coder") throws -> String {
        try client.spawnAgent(["type": .string(type), "configuration": ["terminal": true]])
    }

    @Test("are typed on, show what is typed and printed, and know their size")
    func typing() throws {
        let agent: String = try spawn()
        #expect(try client.agent(agent)["configuration"]?["terminal"] == true)
        let terminal = try Terminal(agent)
        try terminal.say(["resize": ["columns": 101, "rows": 33]])
        try terminal.type("stty size; echo sum=$((40 + 2))\n")
        try terminal.read(until: "sum=42")
        #expect(terminal.text.contains("33 101"))
        #expect(terminal.text.contains("echo sum=$((40 + 2))"), "the terminal echoes")
        try terminal.say(["resize": ["columns": 7, "rows": 5]])
        try terminal.type("stty size\n")
        try terminal.read(until: "5 7\r\n")
        try terminal.say(["resize": ["columns": 0, "rows": 5]])
        try terminal.read(until: "a complaint") { !terminal.told.isEmpty }
        #expect(terminal.told.first?["error"]?["code"] == "VALIDATION_ERROR")
        // A key that interrupts; for what is in the foreground by its own word, as a shell that is about to start something
        // may lose the key.
        try terminal.type("sh -c 'echo sleep''ing; exec sleep 1000'\n")
        try terminal.read(until: "sleeping")
        try terminal.type("\u{3}")
        try terminal.type("echo on$((1))\n")
        try terminal.read(until: "on1")
    }

    @Test("show the same to all who are there, and what was printed last to who comes later")
    func sharing() throws {
        let agent: String = try spawn("tester")
        let first = try Terminal(agent)
        let second = try Terminal(agent)
        try first.type("one\n")
        for terminal in [first, second] { try terminal.read(until: "one\r\none\r\n") }
        try second.type("two\n")
        for terminal in [first, second] { try terminal.read(until: "two\r\ntwo\r\n") }
        let third = try Terminal(agent)
        try third.read(until: "two\r\ntwo\r\n")
        #expect(third.text == first.text)
        try third.type("three\n")
        for terminal in [first, second, third] { try terminal.read(until: "three\r\nthree\r\n") }
        #expect(first.text == second.text && second.text == third.text)
        #expect(third.text == "one\r\none\r\ntwo\r\ntwo\r\nthree\r\nthree\r\n")
    }

    @Test("take more than a process reads at once, and lose none of it")
    func muchInput() throws {
        let agent: String = try client.spawnAgent(["type": "coder", "configuration": ["terminal": true]])
        let terminal = try Terminal(agent)
        try terminal.type("stty raw -echo; echo rea''dy; sleep 0.3; head -c 3000000 | cksum; stty sane; echo do''ne\n")
        try terminal.read(until: "ready")
        let block: [UInt8] = (0..<60_000).map { UInt8(truncatingIfNeeded: $0 &* 31 % 251) }
        for _ in 0..<50 { try terminal.socket.send(block) }
        try terminal.read(until: "done")
        // What `cksum` says of the same bytes from a file.
        let path: String = try TemporaryFolder.make()
        defer { try? FileManager.default.removeItem(atPath: path) }
        var all = Data()
        for _ in 0..<50 { all.append(contentsOf: block) }
        try all.write(to: URL(fileURLWithPath: path + "/all"))
        let id: String = try client.createTask(["/usr/bin/cksum", .string(path + "/all")])
        _ = try client.waitForEnd(of: id)
        let expected = String(decoding: try client.output(of: id), as: UTF8.self).prefix { $0 != "/" }
        #expect(terminal.text.contains(expected.trimmingCharacters(in: .whitespaces)), "\(terminal.text)")
    }

    @Test("end with the process: its exit code, then a close with 1000; or stay for the next one")
    func exit() async throws {
        let agent: String = try spawn("documenter")
        let (leaving, staying) = (try Terminal(agent), try Terminal(agent, query: "?restarts=true&token=\(token())"))
        try leaving.type("\n")
        try leaving.readToEnd()
        #expect(leaving.end == .normal)
        #expect(leaving.told == [["exit": 7]])
        try staying.read(until: "the first exit") { !staying.told.isEmpty }
        // For the process that is started next.
        try staying.type("\n")
        try staying.read(until: "the second exit") { staying.told.count == 2 }
        #expect(staying.told == [["exit": 7], ["exit": 7]])
        _ = try client.call(.delete, "/api/v1/agents/\(agent)?graceful=false")
        try staying.readToEnd()
        #expect(staying.end == .normal)
    }

    private func token() throws -> String { try SharedServer.current.adminToken() }

    @Test("end when the agent is terminated")
    func termination() throws {
        let agent: String = try spawn("tester")
        let terminal = try Terminal(agent)
        try terminal.type("x\n")
        try terminal.read(until: "x\r\nx")
        #expect(try client.call(.delete, "/api/v1/agents/\(agent)?graceful=false").status == 200)
        try terminal.readToEnd()
        #expect(terminal.end == .normal)
        #expect(terminal.told == [["exit": 137]], "it was killed")
    }

    @Test("are refused with the gateway's errors before there is a WebSocket")
    func refusals() throws {
        let (agent, plain) = (try spawn("tester"), try client.spawnAgent(["type": "coder"]))
        func refusal(_ body: () throws -> Terminal) throws -> (Int, JSONValue) {
            do {
                _ = try body()
            } catch ClientError.refused(let status, let text) {
                return (status, try JSONReader.parse(text, depthLimit: 16)["error"]?["code"] ?? .null)
            }
            throw HarnessError("it was not refused")
        }
        #expect(try refusal { try Terminal("agent-unknown") } == (404, "RESOURCE_NOT_FOUND"))
        #expect(try refusal { try Terminal(plain) } == (409, "RESOURCE_CONFLICT"))
        #expect(try refusal { try Terminal(agent, query: "?token=wrong") } == (401, "AUTHENTICATION_ERROR"))
        #expect(try refusal { try Terminal(agent, query: "?restarts=no") } == (401, "AUTHENTICATION_ERROR"))
        let browser = try Terminal(agent, subprotocols: ["bearer", token()])
        #expect(browser.socket.subprotocol == "bearer")
        #expect(try client.call(.get, "/api/v1/agents/\(agent)/terminal").status == 426)
    }
}
