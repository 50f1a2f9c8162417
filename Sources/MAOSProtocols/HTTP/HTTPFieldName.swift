/// The header fields that the product reads or writes; their names are known at sight, without comparing strings.
package enum HTTPFieldName: String, Sendable, CaseIterable {
    case accept
    case acceptEncoding = "accept-encoding"
    case accessControlAllowCredentials = "access-control-allow-credentials"
    case accessControlAllowHeaders = "access-control-allow-headers"
    case accessControlAllowMethods = "access-control-allow-methods"
    case accessControlAllowOrigin = "access-control-allow-origin"
    case accessControlExposeHeaders = "access-control-expose-headers"
    case accessControlMaxAge = "access-control-max-age"
    case accessControlRequestHeaders = "access-control-request-headers"
    case accessControlRequestMethod = "access-control-request-method"
    case allow
    case authorization
    case cacheControl = "cache-control"
    case connection
    case contentDisposition = "content-disposition"
    case contentEncoding = "content-encoding"
    case contentLength = "content-length"
    case contentSecurityPolicy = "content-security-policy"
    case contentType = "content-type"
    case cookie
    case date
    case etag
    case expect
    case forwarded
    case host
    case http2Settings = "http2-settings"
    case idempotencyKey = "idempotency-key"
    case ifMatch = "if-match"
    case ifModifiedSince = "if-modified-since"
    case ifNoneMatch = "if-none-match"
    case keepAlive = "keep-alive"
    case lastEventID = "last-event-id"
    case lastModified = "last-modified"
    case location
    case origin
    case range
    case referer
    case referrerPolicy = "referrer-policy"
    case retryAfter = "retry-after"
    case secFetchSite = "sec-fetch-site"
    case secWebSocketAccept = "sec-websocket-accept"
    case secWebSocketExtensions = "sec-websocket-extensions"
    case secWebSocketKey = "sec-websocket-key"
    case secWebSocketProtocol = "sec-websocket-protocol"
    case secWebSocketVersion = "sec-websocket-version"
    case server
    case setCookie = "set-cookie"
    case strictTransportSecurity = "strict-transport-security"
    case te
    case traceparent
    case tracestate
    case trailer
    case transferEncoding = "transfer-encoding"
    case upgrade
    case userAgent = "user-agent"
    case vary
    case via
    case wwwAuthenticate = "www-authenticate"
    case xContentTypeOptions = "x-content-type-options"
    case xForwardedFor = "x-forwarded-for"
    case xForwardedHost = "x-forwarded-host"
    case xForwardedProto = "x-forwarded-proto"
    case xFrameOptions = "x-frame-options"
    case xRateLimitLimit = "x-ratelimit-limit"
    case xRateLimitRemaining = "x-ratelimit-remaining"
    case xRateLimitReset = "x-ratelimit-reset"
    case xRequestID = "x-request-id"

    /// The field of a name in any case, `nil` if it is not in the list.
    package init?(anyCase name: String) {
        guard let known = HTTPFieldNameTable.find(HTTPFieldNameKey(name.utf8.span)) else { return nil }
        self = known
    }
}

/// The letters of a name of up to 32 bytes in small case, packed so that comparing them takes four steps.
struct HTTPFieldNameKey: Equatable {
    static let limit = 32

    private var words: [4 of UInt64] = [0, 0, 0, 0]
    private(set) var count = 0

    init() {}

    init(_ name: Span<UInt8>) {
        for index in name.indices {
            append(name[index])
        }
    }

    /// Adds a byte that is known to be one of a token.
    @inline(__always)
    mutating func append(_ byte: UInt8) {
        // Setting this bit turns capitals into small letters and leaves digits and the hyphen alone.
        if count < HTTPFieldNameKey.limit {
            words[count >> 3] = words[count >> 3] << 8 | UInt64(byte | 0x20)
        }
        count += 1
    }

    var hash: Int {
        let mixed = (words[0] ^ words[1] &* 0x9E37_79B9_7F4A_7C15 ^ words[2] ^ words[3]) &* 0xD6E8_FEB8_6659_FD93
        return Int(truncatingIfNeeded: mixed >> 48) ^ count
    }

    static func == (first: HTTPFieldNameKey, second: HTTPFieldNameKey) -> Bool {
        first.count == second.count && first.words[0] == second.words[0] && first.words[1] == second.words[1]
            && first.words[2] == second.words[2] && first.words[3] == second.words[3]
    }
}

/// All known names by the hash of their key.
enum HTTPFieldNameTable {
    private struct Slot {
        var key: HTTPFieldNameKey
        var name: HTTPFieldName?
    }

    private static let slots: [Slot] = {
        var slots = [Slot](repeating: Slot(key: HTTPFieldNameKey(), name: nil), count: 256)
        for name in HTTPFieldName.allCases {
            let key = HTTPFieldNameKey(name.rawValue.utf8.span)
            precondition(key.count <= HTTPFieldNameKey.limit, "the name fits its key")
            var index = key.hash & 255
            while slots[index].name != nil {
                index = (index + 1) & 255
            }
            slots[index] = Slot(key: key, name: name)
        }
        return slots
    }()

    static func find(_ key: HTTPFieldNameKey) -> HTTPFieldName? {
        var index = key.hash & 255
        while let name = slots[index].name {
            if slots[index].key == key { return name }
            index = (index + 1) & 255
        }
        return nil
    }
}
