import MAOSCore
import MAOSProtocols
import MAOSSystem
import MAOSTransport
import Testing

@Suite("Requests that take too long", .timeLimit(.minutes(1)))
struct GatewayTimeTests {
    static let task = #"{"type":"code","description":"late","requirements":[],"priority":"medium"}"#

    private func code(of response: RawConnection.Response) throws -> String? {
        try JSONReader.parse(response.body, depthLimit: 16)["error"]?["code"]?.stringValue
    }

    @Test("a disk that does not answer costs a 504, in order, and its late answer goes nowhere (GW-ERR-09)")
    func slowDisk() async throws {
        let bench = try await GatewayWorkbench(requestTime: 50)
        defer { bench.close() }
        let client = try bench.server.connect()
        try client.send(
            GatewayWorkbench.request("GET", "/api/v1/tasks/gone") + GatewayWorkbench.request("GET", "/livez"))
        let late = try client.response()
        #expect(late.status == 504)
        let body: JSONValue = try JSONReader.parse(late.body, depthLimit: 16)
        #expect(body["success"] == false)
        #expect(body["error"]?["code"] == "TIMEOUT_ERROR")
        #expect(body["metadata"]?["requestId"]?.stringValue == late.fields["x-request-id"])
        #expect(try client.response().status == 200)

        try bench.letDiskAnswer()
        try client.send(
            GatewayWorkbench.request("GET", "/api/v1/tasks/gone") + GatewayWorkbench.request("GET", "/livez"))
        let found = try client.response()
        #expect(found.status == 404)
        #expect(try code(of: found) == "RESOURCE_NOT_FOUND")
        #expect(try client.response().status == 200)
        #expect(bench.gateway.totals.answers == [0, 2, 0, 1, 1])
    }

    @Test("an engine that does not answer costs a 504; what it decides later holds, and is told to nobody (GW-ERR-09)")
    func slowEngine() async throws {
        let bench = try await GatewayWorkbench(requestTime: 50)
        defer { bench.close() }
        try bench.letDiskAnswer()
        let client = try bench.server.connect()
        bench.holdEngine()
        try client.send(GatewayWorkbench.request("POST", "/api/v1/tasks", GatewayTimeTests.task))
        let late = try client.response()
        bench.letEngineGoOn()
        #expect(late.status == 504)
        #expect(try code(of: late) == "TIMEOUT_ERROR")
        try client.send(GatewayWorkbench.request("POST", "/api/v1/tasks", GatewayTimeTests.task))
        #expect(try client.response().status == 201)
        try client.send(GatewayWorkbench.request("GET", "/api/v1/tasks"))
        let list: JSONValue = try JSONReader.parse(client.response().body, depthLimit: 16)
        #expect(list["data"]?["tasks"]?.arrayValue?.count == 2)
    }

    @Test("a stream lives on, however long it waits")
    func streams() async throws {
        let bench = try await GatewayWorkbench(requestTime: 50)
        defer { bench.close() }
        let stream = try bench.server.connect()
        try stream.send(GatewayWorkbench.request("GET", "/api/v1/events?follow=true"))
        let head: String = try stream.take(through: "\r\n\r\n")
        #expect(head.hasPrefix("HTTP/1.1 200"))
        let client = try bench.server.connect()
        try client.send(GatewayWorkbench.request("GET", "/api/v1/tasks/gone"))
        #expect(try client.response().status == 504)
        try bench.letDiskAnswer()
        try client.send(GatewayWorkbench.request("POST", "/api/v1/tasks", GatewayTimeTests.task))
        #expect(try client.response().status == 201)
        #expect(try stream.take(through: "task_created").contains("id: "))
    }
}
