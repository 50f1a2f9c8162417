import Foundation
import MAOSCore
import MAOSProtocols
import MAOSTransport
import Testing

/// A reply of the REST API, read.
struct APIReply {
    var status: Int
    var body: JSONValue
    var head: ClientResponse

    var data: JSONValue? { body["data"] }
    var errorCode: String? { body["error"]?["code"]?.stringValue }
    var errorMessage: String? { body["error"]?["message"]?.stringValue }
}

/// Calls the REST API over one kept connection.
final class APIClient {
    let client: HTTPClient

    init(url: String, token: String?) throws {
        guard let url = ClientURL(url) else { throw HarnessError("\(url) is no URL") }
        client = HTTPClient(url, token: token)
    }

    func call(
        _ method: HTTPMethod, _ path: String, _ body: JSONValue? = nil, fields: HTTPFields = HTTPFields()
    ) throws -> APIReply {
        let bytes: [UInt8]? = body.map { Array(JSONText($0).description.utf8) }
        return try call(method, path, bytes: bytes, fields: fields)
    }

    func call(
        _ method: HTTPMethod, _ path: String, bytes: [UInt8]?, fields: HTTPFields = HTTPFields()
    ) throws -> APIReply {
        let response: ClientResponse = try client.send(method, path, fields: fields, body: bytes)
        let value: JSONValue =
            response.body.isEmpty ? .null : (try? JSONReader.parse(response.body, depthLimit: 64)) ?? .null
        return APIReply(status: response.status, body: value, head: response)
    }

    /// Creates a task with a command; returns its id.
    func createTask(_ command: JSONValue, _ more: JSONObject = [:]) throws -> String {
        var body: JSONObject = [
            "type": "code", "description": "a test", "requirements": [], "priority": "medium",
            "context": ["command": command],
        ]
        for member in more { body[member.key] = member.value }
        let reply: APIReply = try call(.post, "/api/v1/tasks", .object(body))
        guard reply.status == 201 else { throw HarnessError("create answered \(reply.status): \(reply.body)") }
        return try #require(reply.data?["taskId"]?.stringValue)
    }

    func task(_ id: String) throws -> JSONValue {
        let reply: APIReply = try call(.get, "/api/v1/tasks/\(id)")
        return try #require(reply.data, "GET task answered \(reply.status)")
    }

    /// Waits until a task has ended; returns it.
    func waitForEnd(of id: String, seconds: Double = 30) throws -> JSONValue {
        var last: JSONValue = .null
        try eventually(seconds: seconds, "the end of task \(id)") {
            last = try task(id)
            return ["completed", "failed", "cancelled"].contains(last["status"]?.stringValue ?? "")
        }
        return last
    }
}
