import MAOSCore

/// What an answer has to know of its request.
package struct HTTP1Exchange: Sendable, Hashable {
    /// Whether the request was `HEAD`, so that the answer has no body.
    package var isHead: Bool
    /// The version the client speaks.
    package var version: HTTPVersion
    /// Whether the connection goes on after the answer; a server that drains sets it to false.
    package var keepsAlive: Bool

    /// An exchange by its parts.
    package init(isHead: Bool, version: HTTPVersion, keepsAlive: Bool) {
        self.isHead = isHead
        self.version = version
        self.keepsAlive = keepsAlive
    }
}

/// The first lines of an answer: what all answers of a status and a type have in common within a second.
package struct HTTP1ResponseLead: Sendable {
    /// The answer's status.
    package let status: HTTPStatus
    /// The type of the answer's body.
    package let contentType: String
    let bytes: [UInt8]

    /// The lines for answers with a body; `date` is the value of the `Date` field.
    package init(_ status: HTTPStatus, contentType: String, date: [UInt8]) {
        self.status = status
        self.contentType = contentType
        var lines: [UInt8] = []
        HTTP1Serializer.appendStatusLine(status, date: date, to: &lines)
        if !status.hasNoBody {
            HTTP1Serializer.appendField("content-type: ", contentType, to: &lines)
        }
        bytes = lines
    }
}

/// Writes HTTP/1.1 messages (RFC 9112) to the end of a buffer.
///
/// Values are cleaned of line ends and other control characters, so that no input can add a field or a message.
package enum HTTP1Serializer {
    /// How a message's body is framed.
    package enum Body: Sendable, Hashable {
        /// So many bytes follow.
        case length(Int)
        /// Chunks follow, or bytes until the end of the connection if the client speaks HTTP/1.0.
        case chunked
    }

    /// The interim answer that a client with ``HTTPRequestHead/expectsContinue`` waits for.
    package static let continueResponse: [UInt8] = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

    // MARK: Responses

    /// Writes a whole answer with a body.
    ///
    /// - Parameters:
    ///   - lead: Its first lines, which the caller renews once a second.
    ///   - body: Its body.
    ///   - requestID: The value of `x-request-id`; without that field if nil.
    ///   - fields: Further fields.
    ///   - exchange: What there is to know of the request.
    ///   - output: Where to write.
    package static func appendResponse(
        _ lead: HTTP1ResponseLead, body: [UInt8], requestID: RequestID? = nil, fields: HTTPFields = HTTPFields(),
        exchange: HTTP1Exchange, to output: inout [UInt8]
    ) {
        let status = lead.status
        output.append(contentsOf: lead.bytes)
        if let requestID {
            output.append(literal: "x-request-id: ")
            requestID.append(to: &output)
            appendLineEnd(to: &output)
        }
        finishHead(status, .length(body.count), fields, exchange, to: &output)
        if !exchange.isHead, !status.hasNoBody {
            output.append(contentsOf: body)
        }
    }

    /// Writes the head of an answer; the body, if the status and request allow one, is up to the caller.
    package static func appendResponseHead(
        _ status: HTTPStatus, fields: HTTPFields, body: Body, exchange: HTTP1Exchange, date: [UInt8],
        to output: inout [UInt8]
    ) {
        appendStatusLine(status, date: date, to: &output)
        finishHead(status, body, fields, exchange, to: &output)
    }

    static func appendStatusLine(_ status: HTTPStatus, date: [UInt8], to output: inout [UInt8]) {
        output.append(literal: "HTTP/1.1 ")
        Decimal.append(Int64(status.code), to: &output)
        output.append(HTTPCharacter.space)
        output.append(utf8: status.phrase)
        output.append(literal: "\r\ndate: ")
        output.append(contentsOf: date)
        appendLineEnd(to: &output)
    }

    private static func finishHead(
        _ status: HTTPStatus, _ body: Body, _ fields: HTTPFields, _ exchange: HTTP1Exchange, to output: inout [UInt8]
    ) {
        append(fields, to: &output)
        if !status.hasNoBody {
            switch body {
            case .length(let count): appendLength(count, to: &output)
            case .chunked where exchange.version == .http10: break
            case .chunked: output.append(literal: "transfer-encoding: chunked\r\n")
            }
        }
        // 101 has a Connection field of its own.
        if status != .switchingProtocols {
            if !exchange.keepsAlive || body == .chunked && exchange.version == .http10 {
                output.append(literal: "connection: close\r\n")
            } else if exchange.version == .http10 {
                output.append(literal: "connection: keep-alive\r\n")
            }
        }
        appendLineEnd(to: &output)
    }

    // MARK: Requests

    /// Writes the head of a request.
    ///
    /// A length of 0 is left out where the method expects no body. `target` is in origin form and escaped; what may not stand in one
    /// is escaped here.
    package static func appendRequestHead(
        _ method: HTTPMethod, target: String, host: String, fields: HTTPFields, body: Body, to output: inout [UInt8]
    ) {
        output.append(utf8: method.name)
        output.append(HTTPCharacter.space)
        for byte in target.utf8 {
            if HTTPCharacter.isTarget(byte) {
                output.append(byte)
            } else {
                output.append(contentsOf: [0x25, Hex.digit(byte >> 4), Hex.digit(byte & 0x0F)])
            }
        }
        output.append(literal: " HTTP/1.1\r\n")
        appendField("host: ", host, to: &output)
        append(fields, to: &output)
        switch (body, method) {
        case (.length(0), .get), (.length(0), .head), (.length(0), .delete), (.length(0), .options): break
        case (.length(let count), _): appendLength(count, to: &output)
        case (.chunked, _): output.append(literal: "transfer-encoding: chunked\r\n")
        }
        appendLineEnd(to: &output)
    }

    // MARK: Chunks (§7.1)

    /// Writes one chunk; empty data writes nothing, because an empty chunk is the last one.
    package static func appendChunk(_ data: ArraySlice<UInt8>, to output: inout [UInt8]) {
        guard !data.isEmpty else { return }
        var shift = 60
        while data.count >> shift == 0 {
            shift -= 4
        }
        while shift >= 0 {
            output.append(Hex.digit(UInt8(truncatingIfNeeded: data.count >> shift & 15)))
            shift -= 4
        }
        appendLineEnd(to: &output)
        output.append(contentsOf: data)
        appendLineEnd(to: &output)
    }

    /// Writes the end of a body in chunks.
    package static func appendLastChunk(to output: inout [UInt8]) {
        output.append(literal: "0\r\n\r\n")
    }

    // MARK: Fields

    private static func append(_ fields: HTTPFields, to output: inout [UInt8]) {
        for entry in fields.entries {
            switch entry.known {
            case .contentLength, .transferEncoding, .date: continue  // written by us, once
            default: break
            }
            output.append(contentsOf: fields.bytes[entry.name])
            output.append(HTTPCharacter.colon)
            output.append(HTTPCharacter.space)
            output.append(contentsOf: fields.bytes[entry.value])
            appendLineEnd(to: &output)
        }
    }

    private static func appendLength(_ count: Int, to output: inout [UInt8]) {
        output.append(literal: "content-length: ")
        Decimal.append(Int64(count), to: &output)
        appendLineEnd(to: &output)
    }

    /// Writes a field; the name comes with a colon and a space.
    static func appendField(_ name: StaticString, _ value: String, to output: inout [UInt8]) {
        output.append(literal: name)
        let start = output.count
        output.append(utf8: value)
        var control = ByteSearch.firstControl(in: output.span, from: start)
        while control < output.count {
            if output[control] != HTTPCharacter.tab {
                output[control] = HTTPCharacter.space
            }
            control = ByteSearch.firstControl(in: output.span, from: control + 1)
        }
        appendLineEnd(to: &output)
    }

    private static func appendLineEnd(to output: inout [UInt8]) {
        output.append(HTTPCharacter.carriageReturn)
        output.append(HTTPCharacter.lineFeed)
    }
}
