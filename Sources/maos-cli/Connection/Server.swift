internal import MAOSCore
internal import MAOSProtocols
internal import MAOSTransport

/// What the server answered, read.
struct Reply {
    let status: Int
    let body: JSONValue

    /// The reply's data; `null` where it has none.
    var data: JSONValue { body["data"] ?? .null }
}

/// The REST interface of one server.
final class Server {
    let endpoint: Endpoint
    private let client: HTTPClient

    init(_ endpoint: Endpoint) {
        self.endpoint = endpoint
        client = HTTPClient(endpoint.url, token: endpoint.token)
    }

    /// Asks for something.
    ///
    /// - Parameters:
    ///   - action: What is attempted, for the message: `create the task`.
    ///   - method: What is to be done.
    ///   - path: Encoded, as ``APIPath`` makes it.
    ///   - body: JSON text.
    ///   - fields: More header fields.
    ///   - accepted: Statuses beside those of success that are answers, too.
    /// - Returns: The reply.
    /// - Throws: ``Failure``, also when the server says no.
    func call(
        _ action: String, _ method: HTTPMethod, _ path: String, body: [UInt8]? = nil,
        fields: HTTPFields = HTTPFields(), accepting accepted: Set<Int> = []
    ) throws(Failure) -> Reply {
        let response: ClientResponse
        do throws(ClientError) {
            response = try client.send(method, path, fields: fields, body: body)
        } catch {
            throw Server.failure(of: error, endpoint)
        }
        let value: JSONValue? = try? JSONReader.parse(response.body, depthLimit: 128)
        let reply = Reply(status: response.status, body: value ?? .null)
        guard response.isSuccess || accepted.contains(response.status) else {
            throw Refusal(
                action: action, status: response.status, retryAfter: response.fields[.retryAfter], body: value
            ).failure(endpoint)
        }
        guard value != nil || response.body.isEmpty else {
            throw Failure(
                code: .refused, message: "cannot \(action): the answer is no JSON",
                hints: ["is \(endpoint.url) a MAOS server?"])
        }
        return reply
    }

    /// Asks for something, with a body.
    func call(_ action: String, _ method: HTTPMethod, _ path: String, _ body: JSONObject) throws(Failure) -> Reply {
        try call(action, method, path, body: JSONText(.object(body)).utf8)
    }

    /// What went wrong on the way to the server and back.
    static func failure(of error: ClientError, _ endpoint: Endpoint) -> Failure {
        switch error {
        case .unreachable(let reason):
            var hints: [String] = ["is it running? maos-server starts one"]
            hints.append(
                endpoint.isDefaultURL
                    ? "name another with --url or MAOS_URL" : "the default is \(Endpoint.defaultURL)")
            return Failure(code: .unreachable, message: reason, hints: hints)
        case .timedOut(let reason):
            return Failure(code: .unreachable, message: reason)
        case .notUnderstood(let reason):
            return Failure(code: .unreachable, message: reason, hints: ["is \(endpoint.url) a MAOS server?"])
        case .refused:
            return Failure(code: .refused, message: error.description, hints: endpoint.tokenHints)
        }
    }
}

/// Paths of the REST interface, with everything encoded that needs to be.
struct APIPath {
    private var path: String
    private var hasQuery: Bool = false

    /// A path below `/api/v1`.
    init(_ parts: String...) {
        path = "/api/v1" + parts.map { "/" + APIPath.encoded($0) }.joined()
    }

    /// The path with one more parameter, unless there is no value.
    func with(_ name: String, _ value: String?) -> APIPath {
        guard let value else { return self }
        var longer: APIPath = self
        longer.path += (hasQuery ? "&" : "?") + name + "=" + APIPath.encoded(value)
        longer.hasQuery = true
        return longer
    }

    var text: String { path }

    /// Percent-encodes everything but the unreserved characters (RFC 3986 §2.3).
    static func encoded(_ text: String) -> String {
        var bytes: [UInt8] = []
        for byte: UInt8 in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"), UInt8(ascii: ","):
                bytes.append(byte)
            default:
                bytes.append(UInt8(ascii: "%"))
                bytes.append(contentsOf: Hex.encode([byte]).uppercased().utf8)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
