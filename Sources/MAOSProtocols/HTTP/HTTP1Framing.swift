import MAOSCore

/// What the fields of a message say about its body and its connection (RFC 9112 §6, §9).
struct HTTP1Framing {
    /// The single value of `Content-Length`.
    private(set) var contentLength: Int?
    /// Whether the body comes in chunks.
    private(set) var isChunked = false
    /// How many `Host` fields there are, and where the last one's value is.
    private(set) var hostCount = 0
    private(set) var host = 0..<0
    /// What `Connection` says.
    private(set) var closes = false
    private(set) var keepsAlive = false
    /// Whether there is an `Expect` field, and whether it is `100-continue`.
    private(set) var hasExpectation = false
    private(set) var expectsContinue = false

    private var transferEncodingCount = 0
    private var contentTypeCount = 0

    /// What no fields say.
    init() {}

    init(_ fields: HTTPFields, version: HTTPVersion) throws(HTTP1Error) {
        let bytes = fields.bytes.span
        var hasConnection = false
        for entry in fields.entries {
            guard let known = entry.known else { continue }
            switch known {
            case .contentLength: try take(contentLength: bytes.extracting(entry.value))
            case .transferEncoding: try take(transferEncoding: bytes.extracting(entry.value))
            case .host:
                hostCount += 1
                host = entry.value
            case .contentType:
                contentTypeCount += 1
            case .expect:
                hasExpectation = true
                expectsContinue = HTTPCharacter.equal(bytes.extracting(entry.value), "100-continue")
            case .connection:
                hasConnection = true
            default: break
            }
        }
        if hasConnection {
            closes = fields.contains("close", in: .connection)
            keepsAlive = fields.contains("keep-alive", in: .connection)
        }
        guard contentTypeCount <= 1 else { throw .duplicateField }
        // A message with both lengths, or chunks where none exist, is how requests are smuggled (§11.2).
        guard transferEncodingCount == 0 || contentLength == nil && version != .http10 else { throw .transferEncoding }
    }

    private mutating func take(contentLength value: Span<UInt8>) throws(HTTP1Error) {
        guard let length = Decimal.parse(value), value.count == 1 || value[0] != 0x30,
            contentLength == nil || contentLength == length
        else { throw .contentLength }
        contentLength = length
    }

    private mutating func take(transferEncoding value: Span<UInt8>) throws(HTTP1Error) {
        transferEncodingCount += 1
        guard transferEncodingCount == 1 else { throw .transferEncoding }
        guard !HTTPCharacter.equal(value, "chunked") else {
            isChunked = true
            return
        }
        // Codings that exist but are not spoken here are told apart from nonsense.
        for coding in ["gzip", "x-gzip", "compress", "x-compress", "deflate"] {
            for form in [coding, coding + ", chunked", coding + ",chunked"] where HTTPCharacter.equal(value, form) {
                throw .transferCoding
            }
        }
        throw .transferEncoding
    }

    /// Whether a range is `host` or `host:port` (RFC 9110 §7.2), not empty and without user information.
    static func isAuthority(_ bytes: Span<UInt8>) -> Bool {
        guard !bytes.isEmpty else { return false }
        var index = 0
        if bytes[0] == 0x5B {
            index = 1
            while index < bytes.count, bytes[index] != 0x5D {
                guard Hex.value(of: bytes[index]) != nil || bytes[index] == 0x3A || bytes[index] == 0x2E else {
                    return false
                }
                index += 1
            }
            guard index > 2, index < bytes.count else { return false }
            index += 1
        } else {
            while index < bytes.count, bytes[index] != HTTPCharacter.colon {
                guard HTTPCharacter.isHostName(bytes[index]), bytes[index] != HTTPCharacter.comma else { return false }
                index += 1
            }
            guard index > 0 else { return false }
        }
        guard index < bytes.count else { return true }
        guard bytes[index] == HTTPCharacter.colon, bytes.count - index <= 6 else { return false }
        index += 1
        while index < bytes.count {
            guard HTTPCharacter.isDigit(bytes[index]) else { return false }
            index += 1
        }
        return true
    }
}
