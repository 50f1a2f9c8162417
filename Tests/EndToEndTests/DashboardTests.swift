import Foundation
import MAOSCore
import MAOSProtocols
import MAOSTransport
import Testing

/// The team dashboard of a real server, through our own client; `Tests/Interop` has those of others.
@Suite("The team dashboard, served")
struct DashboardServedTests {
    private struct Dashboard {
        let client: WebSocketClient

        init(_ server: ServerProcess) throws {
            guard let url = ClientURL(server.baseURL) else { throw HarnessError("no URL") }
            client = try WebSocketClient(url, "/ws")
        }

        /// The next message; alerts of a busy host are passed over.
        func receive() throws -> JSONValue {
            while true {
                let message: JSONValue = try receiveAny()
                if message["type"] != "system:alert" { return message }
            }
        }

        private func receiveAny() throws -> JSONValue {
            switch try client.receive(timeout: 60_000) {
            case .text(let text): return try JSONReader.parse(Array(text.utf8), depthLimit: 64)
            case .binary: throw HarnessError("a binary message came")
            case .closed(let code, let reason): throw HarnessError("closed with \(code.value) \(reason)")
            }
        }

        /// The next message of a type; others are passed over.
        func next(_ type: String) throws -> JSONValue {
            while true {
                let message: JSONValue = try receive()
                if message["type"] == .string(type) { return message["payload"] ?? .null }
            }
        }

        @discardableResult
        func succeed(_ type: String, _ payload: JSONObject) throws -> JSONValue {
            try client.send("\(JSONText(["type": .string(type), "payload": .object(payload)]))")
            let answer: JSONValue = try next("ack")
            guard answer["success"] == true else { throw HarnessError("\(type) was refused: \(answer)") }
            return answer
        }
    }

    private static let server: [String] = ["--limits", "off", "--auth", "local", "--listen", "127.0.0.1:0=dashboard"]

    /// Reads what an agent prints to its standard output up to a text; gives it.
    private func output(_ client: Dashboard, upTo end: String) throws -> String {
        var printed: String = ""
        var last: Int = 0
        while !printed.hasSuffix(end) {
            let output: JSONValue = try client.next("agent:output")
            let sequence: Int = try #require(output["sequence"]?.intValue)
            #expect(sequence > last)
            last = sequence
            if output["stream"] == "stdout" { printed += output["data"]?.stringValue ?? "" }
        }
        return printed
    }

    @Test(
        "200,000 lines of one character come whole to whoever takes its time, each once and in order (DASH-SC-02, DASH-CS-11)"
    )
    func shortLines() throws {
        let server = try ServerProcess(arguments: DashboardServedTests.server)
        let owner = try Dashboard(server)
        let made: JSONValue = try owner.succeed(
            "agent:create", ["name": "a", "model": "claude-3-opus", "workspace": "w", "environment": ["PS1": ""]])
        let agent: JSONValue = try #require(made["agentId"])
        let readers: [Dashboard] = try (0..<20).map { _ in try Dashboard(server) }
        for reader: Dashboard in readers {
            for type in ["subscribe:agent", "subscribe:logs"] {
                try reader.succeed(type, ["agentId": agent, "filters": ["stdout"]])
            }
        }
        let count: Int = 200_000
        try owner.succeed(
            "agent:command",
            ["agentId": agent, "command": .string("yes \"$(seq 0 9)\" | head -n \(count); echo END")])
        let expected: String = String(repeating: "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n", count: count / 10) + "END\n"
        #expect(try output(owner, upTo: "END\n") == expected)

        // By now everything is printed, and nobody else has taken anything of it.
        let reader: Dashboard = readers[0]
        var printed: String = ""
        var number: Int = 0
        var ids: Set<String> = []
        while number <= count {
            let message: JSONValue = try reader.receive()
            ids.insert(message["id"]?.stringValue ?? "")
            switch message["type"]?.stringValue {
            case "agent:output": printed += message["payload"]?["data"]?.stringValue ?? ""
            case "log:entry":
                let line: String = number < count ? "\(number % 10)" : "END"
                guard message["payload"]?["message"] == .string(line) else {
                    throw HarnessError("line \(number) is \(message), not \(line)")
                }
                number += 1
            default: throw HarnessError("\(message) came instead of line \(number)")
            }
        }
        #expect(printed == expected)
        #expect(ids.count > count + 1)
        let peak: Int = Processes.number("VmHWM", of: server.process.processIdentifier) ?? 0
        #expect(peak < 150_000, "\(peak) KB of memory")
    }
}
