/// A status code with its phrase (RFC 9110 §15).
package struct HTTPStatus: Sendable, Hashable {
    /// Three digits, 100 … 599.
    package let code: Int

    /// A status by its code.
    package init(_ code: Int) {
        self.code = code
    }

    /// Code 100.
    package static let `continue` = HTTPStatus(100)
    /// Code 101.
    package static let switchingProtocols = HTTPStatus(101)
    /// Code 200.
    package static let ok = HTTPStatus(200)
    /// Code 201.
    package static let created = HTTPStatus(201)
    /// Code 202.
    package static let accepted = HTTPStatus(202)
    /// Code 204.
    package static let noContent = HTTPStatus(204)
    /// Code 304.
    package static let notModified = HTTPStatus(304)
    /// Code 400.
    package static let badRequest = HTTPStatus(400)
    /// Code 401.
    package static let unauthorized = HTTPStatus(401)
    /// Code 403.
    package static let forbidden = HTTPStatus(403)
    /// Code 404.
    package static let notFound = HTTPStatus(404)
    /// Code 405.
    package static let methodNotAllowed = HTTPStatus(405)
    /// Code 408.
    package static let requestTimeout = HTTPStatus(408)
    /// Code 409.
    package static let conflict = HTTPStatus(409)
    /// Code 411.
    package static let lengthRequired = HTTPStatus(411)
    /// Code 413.
    package static let contentTooLarge = HTTPStatus(413)
    /// Code 414.
    package static let targetTooLong = HTTPStatus(414)
    /// Code 415.
    package static let unsupportedMediaType = HTTPStatus(415)
    /// Code 417.
    package static let expectationFailed = HTTPStatus(417)
    /// Code 421.
    package static let misdirectedRequest = HTTPStatus(421)
    /// Code 426.
    package static let upgradeRequired = HTTPStatus(426)
    /// Code 429.
    package static let tooManyRequests = HTTPStatus(429)
    /// Code 431.
    package static let headerFieldsTooLarge = HTTPStatus(431)
    /// Code 500.
    package static let internalServerError = HTTPStatus(500)
    /// Code 501.
    package static let notImplemented = HTTPStatus(501)
    /// Code 503.
    package static let serviceUnavailable = HTTPStatus(503)
    /// Code 504.
    package static let gatewayTimeout = HTTPStatus(504)
    /// Code 505.
    package static let versionNotSupported = HTTPStatus(505)

    /// Whether this is an interim answer, which another one follows.
    package var isInformational: Bool { code < 200 }

    /// Whether an answer of this status has no body, whatever its fields say (RFC 9110 §6.4.1).
    package var hasNoBody: Bool { code < 200 || code == 204 || code == 304 }

    /// The phrase that goes with the code, empty for codes without one.
    package var phrase: String {
        switch code {
        case 100: "Continue"
        case 101: "Switching Protocols"
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 203: "Non-Authoritative Information"
        case 204: "No Content"
        case 205: "Reset Content"
        case 206: "Partial Content"
        case 300: "Multiple Choices"
        case 301: "Moved Permanently"
        case 302: "Found"
        case 303: "See Other"
        case 304: "Not Modified"
        case 307: "Temporary Redirect"
        case 308: "Permanent Redirect"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 402: "Payment Required"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 406: "Not Acceptable"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 410: "Gone"
        case 411: "Length Required"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 416: "Range Not Satisfiable"
        case 417: "Expectation Failed"
        case 421: "Misdirected Request"
        case 422: "Unprocessable Content"
        case 426: "Upgrade Required"
        case 428: "Precondition Required"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        case 507: "Insufficient Storage"
        default: ""
        }
    }
}
