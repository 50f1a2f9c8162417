import MAOSCore
import MAOSProtocols
import MAOSTestSupport
import Testing

@Suite("HTTP/1 vectors of other servers") struct HTTP1VectorTests {
    private func vectors(_ name: String) throws -> [JSONValue] {
        let bytes = try Fixture.bytes("HTTP/\(name)")
        return try #require(try JSONReader.parse(bytes, depthLimit: 32).arrayValue)
    }

    // MARK: gunicorn

    /// Valid for gunicorn, refused here: fragments, quotes and bytes beyond ASCII in targets, user information, codings besides
    /// chunked, tunnels, a content type behind the body.
    private static let stricterThanGunicorn: [String: HTTP1Error] = [
        "valid/005": .target, "valid/009": .target, "valid/014": .target, "valid/027": .target,
        "valid/rfc9112_target_absolute_userinfo_01": .target, "valid/012": .trailer,
        "valid/025": .transferCoding, "valid/025_line": .transferCoding,
        "valid/rfc9112_smuggle_gzip_chunked_01": .transferCoding,
        "valid/029": .transferEncoding, "valid/030": .transferEncoding,
        "valid/rfc9112_smuggle_te_identity_chunked_01": .transferEncoding,
        "valid/rfc9112_target_authority_connect_01": .tunnel, "valid/rfc9112_target_authority_ipv6_01": .tunnel,
    ]

    /// Cases of gunicorn's own limits and taste: long lines, methods of three capitals, messages that are not whole.
    private static let gunicornOnly: Set<String> = [
        "invalid/001", "invalid/003c", "invalid/006", "invalid/007", "invalid/008", "invalid/017", "valid/099",
        "invalid/rfc9112_chunked_missing_final_crlf_01",
    ]

    @Test("gunicorn's requests: valid ones hold what they should, invalid ones are refused")
    func gunicorn() throws {
        var checked = 0
        for vector in try vectors("gunicorn-requests.json") where vector["settings"]?.objectValue?.isEmpty ?? true {
            let id = try #require(vector["id"]?.stringValue)
            let base64 = try #require(vector["wireBase64"]?.stringValue)
            var wire = try #require(Base64.decode(base64, .standard))
            if CollectedRequests([wire[...]]).error == .host {
                wire = HTTPVector.withHosts(wire)
            }
            let result = CollectedRequests([wire[...]])
            if HTTP1VectorTests.gunicornOnly.contains(id) {
                continue
            } else if let expected = HTTP1VectorTests.stricterThanGunicorn[id] {
                #expect(result.error == expected, "\(id)")
            } else if id.hasPrefix("invalid/") {
                #expect(result.error != nil, "\(id)")
                #expect(result.complete.isEmpty || id == "invalid/chunked_01", "\(id)")
            } else {
                #expect(result.error == nil, "\(id)")
                let expected = try #require(vector["requests"]?.arrayValue)
                #expect(result.complete.count == expected.count, "\(id)")
                for (request, description) in zip(result.complete, expected) {
                    try compare(request, description, id)
                }
                everySplit(of: Array(wire.prefix(700))) { pieces in
                    #expect(CollectedRequests(pieces) == CollectedRequests([wire.prefix(700)]), "\(id)")
                }
            }
            checked += 1
        }
        #expect(checked > 100)
    }

    private func compare(_ request: CollectedRequest, _ description: JSONValue, _ id: String) throws {
        #expect(request.method == description["method"]?.stringValue, "\(id)")
        let target = try #require(description["target"]?.stringValue)
        #expect(target.hasSuffix(request.target), "\(id)")
        let body = try #require(Base64.decode(description["bodyBase64"]?.stringValue ?? "", .standard))
        #expect(request.body == body, "\(id)")
        let names = request.fields.map { $0.prefix { $0 != ":" }.lowercased() }
        for field in description["headers"]?.arrayValue ?? [] {
            let name = try #require(field[0]?.stringValue).lowercased()
            let value = try #require(field[1]?.stringValue)
            let isThere =
                request.fields.contains("\(name): \(value)")
                || value.utf8.contains { $0 > 0x7F } && names.contains(name)
            #expect(isThere || request.trailers.contains("\(name): \(value)"), "\(id): \(name)")
        }
    }

    // MARK: llhttp

    /// Accepted by llhttp, refused here.
    private static let stricterThanLLHTTP: [String: HTTP1Error] = [
        "CRLF between requests, implicit `keep-alive`": .requestLine,  // two empty lines
        "`Content-Length` with zeroes": .contentLength, "`Content-Length` with follow-up headers": .contentLength,
        "M-SEARCH request": .target, "SOURCE request with ICE": .requestLine, "OPTIONS request with RTSP": .requestLine,
        "ANNOUNCE request with RTSP": .requestLine, "No HTTP version": .requestLine,
        "POST with `chunked` as last transfer-encoding": .target,
        "POST with `chunked` as last transfer-encoding (multiple headers)": .target,
        "CONNECT request": .tunnel, "CONNECT request with CAPS": .tunnel, "CONNECT with body": .tunnel,
        "PRI request HTTP2": .target, "Trailing headers": .trailer, "Underscore in hostname": .tunnel,
        "Quotes in URI": .target, "Fragment in URI": .target, "Host terminated by a query string": .target,
        "`host:port` terminated by a query string": .target, "`host:port` and basic auth": .target,
        "`host:port` terminated by a space": .target,  // another host than in Host
    ]

    /// Errors that are llhttp's own: data after `close` is not read here, upgrades are the caller's.
    private static let llhttpOnly: Set<String> = ["5", "22", "23"]

    /// Any token is a method here.
    private static let unknownMethods: Set<String> = ["HTTP protocol and ANNOUNCE method", "Invalid method"]

    @Test("llhttp's requests: the same methods, targets and bodies, the same refusals")
    func llhttp() throws {
        var accepted = 0
        var refused = 0
        for file in try Fixture.names(in: "HTTP/llhttp/request") {
            let text = String(decoding: try Fixture.bytes("HTTP/llhttp/request/\(file)"), as: UTF8.self)
            for vector in LLHTTPVector.parse(text) where vector.isStrictRequest {
                let wire = HTTPVector.withHosts(vector.wire)
                let result = CollectedRequests([wire[...]])
                let name = "\(file): \(vector.title)"
                if let expected = HTTP1VectorTests.stricterThanLLHTTP[vector.title] {
                    #expect(result.error == expected, "\(name)")
                } else if let code = vector.errorCode, !HTTP1VectorTests.llhttpOnly.contains(code) {
                    guard !HTTP1VectorTests.unknownMethods.contains(vector.title) else { continue }
                    // What llhttp finds in the middle of a line is found here at its end, which some cases do not have.
                    #expect(result.error != nil || result.complete.count < vector.methods.count, "\(name)")
                    refused += 1
                } else {
                    #expect(result.error == nil, "\(name)")
                    compare(result, vector, name)
                    accepted += 1
                }
                everySplit(of: wire) { pieces in
                    #expect(CollectedRequests(pieces) == result, "\(name)")
                }
            }
        }
        #expect(accepted > 40)
        #expect(refused > 40)
    }

    private func compare(_ result: CollectedRequests, _ vector: LLHTTPVector, _ name: String) {
        #expect(result.complete.count == vector.completeCount, "\(name)")
        #expect(result.requests.map(\.method) == Array(vector.methods.prefix(result.requests.count)), "\(name)")
        for (request, url) in zip(result.requests, vector.urls) {
            #expect(url.hasSuffix(request.target) || request.target == "/", "\(name)")
        }
        #expect(String(decoding: result.requests.flatMap(\.body), as: UTF8.self).hasPrefix(vector.body), "\(name)")
    }

    // MARK: Http11Probe

    /// Probes whose validator wants something of the answer that is the application's: an echo, a Date, a cookie list, an Allow field.
    private static let aboutTheApplication: Set<String> = [
        "COMP-POST-CL-BODY", "COMP-CHUNKED-BODY", "COMP-CHUNKED-MULTI", "COMP-CHUNKED-EXTENSION",
        "COMP-CONNECTION-CLOSE",
        "COMP-CHUNKED-TRAILER-VALID", "COMP-CHUNKED-HEX-UPPERCASE", "COMP-DATE-HEADER", "COOK-ECHO",
        "COOK-PARSED-BASIC",
        "COOK-PARSED-MULTI",
    ]

    @Test("Http11Probe: each answer that the parser decides on is one that passes")
    func probes() throws {
        var passed = 0
        for vector in try vectors("http11probe.json") {
            let id = try #require(vector["id"]?.stringValue)
            guard let send = vector["send"] else { continue }
            let result = CollectedRequests([try HTTPVector.probeBytes(send)[...]])
            if HTTP1VectorTests.aboutTheApplication.contains(id) {
                #expect(result.error == nil && result.complete.count == 1, "\(id)")
                continue
            }
            // 413 is the answer to a length beyond the limit here; this probe would rather see 400.
            guard id != "MAL-POST-CL-HUGE-NO-BODY" else {
                #expect(result.error == .bodyTooLarge(limit: 1_000_000))
                continue
            }
            let verdict = HTTPVector.verdict(on: vector, result)
            #expect(verdict == "Pass" || verdict == "Warn", "\(id): \(verdict)")
            passed += verdict == "Pass" ? 1 : 0
        }
        #expect(passed > 130)
    }

    @Test("Http11Probe: no sequence smuggles a request")
    func sequences() throws {
        for vector in try vectors("http11probe.json") {
            guard let steps = vector["steps"]?.arrayValue, vector["scored"]?.boolValue == true else { continue }
            let id = try #require(vector["id"]?.stringValue)
            let sends = steps.compactMap { $0["send"] }
            let pieces = try sends.map { try HTTPVector.probeBytes($0)[...] }
            let result = CollectedRequests(pieces)
            #expect(result.error != nil, "\(id)")
            #expect(result.complete.isEmpty, "\(id)")
        }
    }
}
