import Foundation
import MAOSCore
import MAOSProtocols
import MAOSTransport
import Testing

/// What processes print, as clients read it.
@Suite(
    "Output", .server(["retention": ["outputBytesPerTask": 2_097_152], "pools": ["default": ["max": 4]]]), .serialized)
struct OutputTests {
    let client: APIClient

    init() throws { client = try SharedServer.current.client() }

    private func page(_ id: String, _ query: String = "") throws -> JSONValue {
        try #require(try client.call(.get, "/api/v1/tasks/\(id)/output?\(query)").data)
    }

    /// The events of a stream up to its end.
    private func follow(_ id: String, _ query: String = "follow=true", after last: Int? = nil) throws -> [StreamEvent] {
        var stream = try EventStream(client, "/api/v1/tasks/\(id)/output?\(query)", after: last)
        var events: [StreamEvent] = []
        while let event = try stream.next() { events.append(event) }
        return events
    }

    @Test("is numbered from one, has its streams apart, and can be read in pieces")
    func ranges() async throws {
        let id: String = try client.createTask("for i in 1 2 3 4 5; do echo out $i; echo err $i >&2; sleep 0.03; done")
        #expect(try await client.ended(id)["status"] == "completed")
        let whole: JSONValue = try page(id)
        let entries: [JSONValue] = try #require(whole["entries"]?.arrayValue)
        #expect(entries.map { $0["sequence"]?.intValue } == (1...entries.count).map { $0 })
        #expect(whole["firstSequence"] == 1 && whole["nextSequence"] == JSONValue(entries.count + 1))
        #expect(whole["complete"] == true)
        for (stream, word) in [("stdout", "out"), ("stderr", "err")] {
            let text: String = entries.filter { $0["stream"] == .string(stream) }.map { $0["data"]?.text ?? "" }
                .joined()
            #expect(text == (1...5).map { "\(word) \($0)\n" }.joined())
        }
        #expect(entries.allSatisfy { $0["timestamp"]?.text.hasSuffix("Z") == true })
        var pieces: [JSONValue] = []
        var next: Int = 0
        repeat {
            let piece: JSONValue = try page(id, "from=\(next)&limit=3")
            pieces += try #require(piece["entries"]?.arrayValue)
            next = try #require(piece["nextSequence"]?.intValue)
            #expect(piece["complete"] == JSONValue(next > entries.count))
        } while next <= entries.count
        #expect(pieces == entries)
        #expect(try page(id, "from=1000")["entries"] == [])
    }

    @Test("can be followed while it comes, to the end; whoever comes back goes on after what it has")
    func following() async throws {
        let id: String = try client.createTask("for i in $(seq 1 30); do echo line $i; sleep 0.02; done")
        let events: [StreamEvent] = try follow(id)
        let data: [StreamEvent] = events.filter { $0.name == "message" }
        #expect(data.map { $0.data["data"]?.text ?? "" }.joined() == (1...30).map { "line \($0)\n" }.joined())
        #expect(
            data.map(\.id) == (1...data.count).map { $0 } && data.allSatisfy { $0.data["sequence"]?.intValue == $0.id })
        #expect(events.last?.name == "end" && events.count == data.count + 1)
        #expect(try client.task(id)["status"] == "completed", "the end comes with the end of the task")
        let middle: Int = data.count / 2
        #expect(try follow(id, after: middle) == Array(events[middle...]))
        #expect(try follow(id, "follow=true&from=\(middle)") == Array(events[(middle - 1)...]))
        #expect(try follow(id, "", after: data.count).map(\.name) == ["end"])
    }

    @Test("can be followed from before there is any")
    func followingEarly() async throws {
        let id: String = try client.createTask("echo now", ["requirements": [["type": "capability", "name": "early"]]])
        #expect(try page(id)["entries"] == [] && page(id)["complete"] == false)
        var stream = try EventStream(client, "/api/v1/tasks/\(id)/output?follow=true")
        let agent: String = try client.spawnAgent(["type": "coder", "capabilities": ["early"]])
        #expect(try stream.next()?.data["data"] == "now\n")
        #expect(try stream.next()?.name == "end")
        #expect(try stream.next() == nil)
        #expect(try client.call(.delete, "/api/v1/agents/\(agent)").status == 200)
    }

    @Test("that is no text comes as its bytes in text/plain, and as U+FFFD in JSON")
    func binary() async throws {
        let id: String = try client.createTask("printf '\\000\\377\\376a\\303\\251\\303'; printf '\\033[31mred'")
        #expect(try await client.ended(id)["status"] == "completed")
        #expect(try client.output(of: id) == [0, 0xFF, 0xFE, 0x61, 0xC3, 0xA9, 0xC3] + Array("\u{1B}[31mred".utf8))
        let text: String = try (page(id)["entries"]?.arrayValue ?? []).map { $0["data"]?.text ?? "" }.joined()
        #expect(text.hasPrefix("\0\u{FFFD}\u{FFFD}aé\u{FFFD}") && text.hasSuffix("red"))
        let reply: APIReply = try client.call(.get, "/api/v1/tasks/\(id)/output", fields: [.accept: "text/plain"])
        #expect(reply.head.fields[.contentType]?.hasPrefix("text/plain") == true)
    }

    @Test("of a megabyte a line, or without any line end, is whole")
    func longLines() async throws {
        let id: String = try client.createTask(
            "head -c 1000000 /dev/zero | tr '\\0' x; sleep 0.01; head -c 300000 /dev/zero | tr '\\0' y; echo")
        #expect(try await client.ended(id)["status"] == "completed")
        let bytes: [UInt8] = try client.output(of: id)
        #expect(bytes.count == 1_300_001)
        #expect(bytes.prefix(1_000_000).allSatisfy { $0 == 0x78 })
        #expect(bytes.dropFirst(1_000_000).dropLast().allSatisfy { $0 == 0x79 })
    }

    @Test("of an agent is that of its tasks, one after the other")
    func ofAgents() async throws {
        let needs: JSONObject = ["requirements": [["type": "capability", "name": "print"]]]
        let agent: String = try client.spawnAgent(["type": "coder", "capabilities": ["print"]])
        for word in ["one", "two", "three"] { _ = try await client.run(["/bin/echo", .string(word)], needs) }
        let reply: APIReply = try client.call(.get, "/api/v1/agents/\(agent)/output", fields: [.accept: "text/plain"])
        #expect(reply.head.text == "one\ntwo\nthree\n")
        let page: APIReply = try client.call(.get, "/api/v1/agents/\(agent)/output")
        #expect(page.data?["entries"]?.arrayValue?.map { $0["sequence"]?.intValue } == [1, 2, 3])
        #expect(try client.call(.delete, "/api/v1/agents/\(agent)").status == 200)
    }

    @Test("of 200 MB fills neither memory nor disk: the oldest goes, and readers see the gap")
    func flood() async throws {
        let server: ServerProcess = try SharedServer.current
        let pid: Int32 = server.process.processIdentifier
        let id: String = try client.createTask("seq 1 100000000 | head -c 200000000; echo; echo the end")
        var peak: Int = 0
        var largest: Int = 0
        try await waitUntil(seconds: 80, "the end of the flood") {
            peak = max(peak, Processes.number("VmRSS", of: pid) ?? 0)
            largest = max(largest, size(of: server.directory + "/output"))
            return try client.task(id)["status"] == "completed"
        }
        #expect(peak < 150_000, "\(peak) KB of memory")
        // Two megabytes for the task and as much for its agent, a segment more for each, and what other tests printed.
        #expect(largest < 24_000_000, "\(largest) bytes on the disk")
        let rest: JSONValue = try page(id, "from=1&limit=10000")
        let first: Int = try #require(rest["firstSequence"]?.intValue)
        #expect(first > 1 && rest["entries"]?[0]?["sequence"] == JSONValue(first))
        #expect(Array(try client.output(of: id).suffix(8)) == Array("the end\n".utf8))
        let events: [StreamEvent] = try follow(id)
        #expect(events.first?.name == "gap" && events.first?.data == ["from": 1, "to": JSONValue(first - 1)])
        #expect(events.last?.name == "end" && events.count { $0.name == "gap" } == 1)
        let numbers: [Int] = events.filter { $0.name == "message" }.compactMap(\.id)
        #expect(numbers == Array(first..<(first + numbers.count)))
    }

    @Test("that nobody reads does not stop others, nor its own task")
    func slowReader() async throws {
        let id: String = try client.createTask("sleep 0.2; head -c 20000000 /dev/zero | tr '\\0' x")
        let stalled = try EventStream(client, "/api/v1/tasks/\(id)/output?follow=true")
        #expect(try await client.ended(id)["status"] == "completed")
        #expect(try await client.run(["/bin/echo", "hi"])["result"]?["stdout"] == "hi\n")
        stalled.close()
    }

    private func size(of folder: String) -> Int {
        var sum: Int = 0
        let files = FileManager.default.enumerator(atPath: folder)
        while let name = files?.nextObject() as? String {
            let attributes = try? FileManager.default.attributesOfItem(atPath: "\(folder)/\(name)")
            if attributes?[.type] as? FileAttributeType == .typeRegular {
                sum += (attributes?[.size] as? NSNumber)?.intValue ?? 0
            }
        }
        return sum
    }
}
