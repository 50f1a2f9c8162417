/// Turns the bytes of a client into requests (RFC 9112), one after the other as they are pulled.
///
/// However the stream is cut, the events are the same. It reads more strictly than the RFC allows wherever leniency lets two readers disagree about where a
/// message ends: CR LF only, no folding, one plain length or `chunked` alone, one valid `Host`. A failure is final.
package struct HTTP1RequestParser: Sendable {
    /// What a request consists of: its head, any number of pieces of its body, its end.
    package enum Event: Sendable {
        /// Request line and fields are there.
        case head(HTTPRequestHead)
        /// A piece of the body. It shares the parser's buffer: drop it before the next bytes are received.
        case body(ArraySlice<UInt8>)
        /// The request is over; fields after the last chunk, usually none.
        case end(trailers: HTTPFields)
    }

    private enum State {
        case idle
        case head
        case body(HTTP1BodyDecoder)
        /// The client asked for the end of the connection: what follows is not read.
        case closed
        case failed(HTTP1Error)
    }

    /// The parts of a request line, as ranges that count from the start of the head.
    private struct RequestLine {
        var method: HTTPMethod = .get
        var version: HTTPVersion = .http11
        var target = 0..<0
        /// The authority of an absolute target.
        var authority = 0..<0
    }

    private let headLimit: Int
    private let fieldLimit: Int
    private let bodyLimit: Int
    private var input = HTTP1Input()
    private var state = State.idle
    private var requestLine = RequestLine()
    private var section: HTTP1FieldSection
    private var keepsAlive = true
    private var skippedEmptyLine = false

    /// A parser at the start of a connection.
    ///
    /// A header section, the request line included, may have `headLimit` bytes and `fieldLimit` fields, a body `bodyLimit` bytes.
    package init(headLimit: Int, fieldLimit: Int, bodyLimit: Int) {
        self.headLimit = headLimit
        self.fieldLimit = fieldLimit
        self.bodyLimit = bodyLimit
        section = HTTP1FieldSection(limit: fieldLimit)
    }

    /// Whether no request has begun to arrive that is not over.
    package var isIdle: Bool {
        if case .idle = state { input.available == 0 } else { false }
    }

    /// Whether a head has begun to arrive and is not whole.
    package var isInHead: Bool {
        switch state {
        case .idle: input.available > 0
        case .head: true
        case .body, .closed, .failed: false
        }
    }

    /// Bytes that have been received and not turned into events.
    package var bufferedCount: Int { input.available }

    /// Stores bytes for ``next()``.
    package mutating func receive(_ bytes: ArraySlice<UInt8>) {
        input.append(bytes)
    }

    /// Stores bytes for ``next()``.
    package mutating func receive(_ bytes: [UInt8]) {
        input.append(bytes[...])
    }

    /// Stores borrowed bytes for ``next()``.
    package mutating func receive(_ bytes: Span<UInt8>) {
        input.append(bytes)
    }

    /// Gives up parsing and returns what has not been turned into events: the first bytes of what a connection is upgraded to.
    package mutating func takeRemaining() -> [UInt8] {
        state = .closed
        return input.takeAll()
    }

    /// The next event, `nil` until more bytes arrive.
    ///
    /// - Throws: What is wrong with the request, with the status to answer. The same again at every later call.
    package mutating func next() throws(HTTP1Error) -> Event? {
        do throws(HTTP1Error) {
            switch state {
            case .idle, .head:
                return try nextInHead()
            case .body(var decoder):
                state = .idle
                guard let part = try decoder.next(&input) else {
                    state = .body(decoder)
                    return nil
                }
                switch part {
                case .data(let data):
                    state = .body(decoder)
                    return .body(data)
                case .end(let trailers):
                    state = keepsAlive ? .idle : .closed
                    return .end(trailers: trailers)
                }
            case .closed:
                _ = input.take(atMost: .max)
                return nil
            case .failed(let error):
                throw error
            }
        } catch {
            state = .failed(error)
            throw error
        }
    }

    private mutating func nextInHead() throws(HTTP1Error) -> Event? {
        let bytes = input.bytes
        while true {
            if case .idle = state, input.available > 0 {
                // Bytes that begin no request, for example of TLS, are refused at once.
                let first = bytes[input.position]
                guard HTTPCharacter.isToken(first) || first == HTTPCharacter.carriageReturn else { throw .requestLine }
            }
            guard let line = try input.line() else { break }
            guard input.lineOffset <= headLimit else { throw tooLarge() }
            if case .idle = state {
                if line.isEmpty, !skippedEmptyLine {
                    // One empty line before a request is harmless (§2.2).
                    skippedEmptyLine = true
                    input.dropLines()
                    continue
                }
                requestLine = try HTTP1RequestParser.parse(bytes.span, line, base: input.position)
                skippedEmptyLine = false
                state = .head
            } else if line.isEmpty {
                return try finishHead()
            } else {
                try section.append(bytes.span, line: line, base: input.position)
            }
        }
        guard input.available <= headLimit else { throw tooLarge() }
        return nil
    }

    private func tooLarge() -> HTTP1Error {
        guard case .idle = state else { return .headTooLarge(limit: headLimit) }
        // Without a space among so many bytes, it is the method that does not end.
        let line = input.bytes[input.position...].prefix(headLimit)
        return line.contains(HTTPCharacter.space) ? .targetTooLong(limit: headLimit) : .requestLine
    }

    private mutating func finishHead() throws(HTTP1Error) -> Event {
        let fields = section.take(bytes: input.takeLines())
        let line = requestLine
        let framing = try HTTP1Framing(fields, version: line.version)
        try HTTP1RequestParser.checkHost(fields.bytes.span, line.authority, framing, line.version)
        guard line.version == .http10 || !framing.hasExpectation || framing.expectsContinue else { throw .expectation }

        keepsAlive = !framing.closes && (line.version == .http11 || framing.keepsAlive)
        let length = framing.isChunked ? nil : framing.contentLength ?? 0
        let head = HTTPRequestHead(
            method: line.method, version: line.version, fields: fields, targetRange: line.target,
            authorityRange: line.authority.isEmpty ? framing.host : line.authority, contentLength: length,
            keepsAlive: keepsAlive,
            expectsContinue: framing.expectsContinue && line.version == .http11 && length != 0 && input.available == 0)
        state = .body(
            try HTTP1BodyDecoder(
                length: length, bodyLimit: bodyLimit, headLimit: headLimit, fieldLimit: fieldLimit))
        return .head(head)
    }

    /// Exactly one valid `Host` (RFC 9112 §3.2), the same as in an absolute target.
    private static func checkHost(
        _ bytes: Span<UInt8>, _ authority: Range<Int>, _ framing: HTTP1Framing, _ version: HTTPVersion
    ) throws(HTTP1Error) {
        if framing.hostCount == 0, version == .http10 { return }
        guard framing.hostCount == 1, HTTP1Framing.isAuthority(bytes.extracting(framing.host)) else { throw .host }
        guard !authority.isEmpty else { return }
        guard authority.count == framing.host.count else { throw .target }
        for offset in 0..<authority.count {
            let first = HTTPCharacter.lowercased(bytes[authority.lowerBound + offset])
            guard first == HTTPCharacter.lowercased(bytes[framing.host.lowerBound + offset]) else { throw .target }
        }
    }

    // MARK: Request line (§3)

    private static func parse(_ bytes: Span<UInt8>, _ line: Range<Int>, base: Int) throws(HTTP1Error) -> RequestLine {
        var result = RequestLine()
        var index = line.lowerBound
        let end = line.upperBound
        while index < end, HTTPCharacter.isToken(bytes[index]) {
            index += 1
        }
        guard index > line.lowerBound, index < end, bytes[index] == HTTPCharacter.space else { throw .requestLine }
        result.method = method(bytes.extracting(line.lowerBound..<index))

        let start = index + 1
        index = start
        var isInQuery = false
        while index < end, bytes[index] != HTTPCharacter.space {
            let byte = bytes[index]
            isInQuery = isInQuery || byte == 0x3F
            // Browsers send a backslash in a query as it is; in a path it would be somebody's slash.
            guard HTTPCharacter.isTarget(byte) || byte == 0x5C && isInQuery else { throw .target }
            index += 1
        }
        guard index > start, index < end else { throw .requestLine }
        let target = start..<index
        result.version = try version(bytes.extracting((index + 1)..<end))
        try split(bytes, target, base: base, into: &result)
        return result
    }

    private static func method(_ name: Span<UInt8>) -> HTTPMethod {
        switch (name.count, name[0]) {
        case (3, 0x47) where name[1] == 0x45 && name[2] == 0x54: return .get
        case (4, 0x50) where name[1] == 0x4F && name[2] == 0x53 && name[3] == 0x54: return .post
        default:
            var text = ""
            for index in name.indices {
                text.unicodeScalars.append(Unicode.Scalar(name[index]))
            }
            return HTTPMethod(text)
        }
    }

    private static func version(_ text: Span<UInt8>) throws(HTTP1Error) -> HTTPVersion {
        guard text.count == 8, text[0] == 0x48, text[1] == 0x54, text[2] == 0x54, text[3] == 0x50, text[4] == 0x2F,
            HTTPCharacter.isDigit(text[5]), text[6] == 0x2E, HTTPCharacter.isDigit(text[7])
        else { throw .requestLine }
        switch (text[5], text[7]) {
        case (0x31, 0x31): return .http11
        case (0x31, 0x30): return .http10
        default: throw .version
        }
    }

    /// Sorts out the four forms of a target (§3.2).
    private static func split(
        _ bytes: Span<UInt8>, _ target: Range<Int>, base: Int, into result: inout RequestLine
    ) throws(HTTP1Error) {
        result.target = (target.lowerBound - base)..<(target.upperBound - base)
        let first = bytes[target.lowerBound]
        guard result.method != .connect else { throw .tunnel }
        if first == 0x2F { return }
        if first == 0x2A {
            guard target.count == 1, result.method == .options else { throw .target }
            return
        }
        let scheme: Int
        if target.count > 7, HTTPCharacter.equal(bytes.extracting(first: target.lowerBound, count: 7), "http://") {
            scheme = 7
        } else if target.count > 8,
            HTTPCharacter.equal(bytes.extracting(first: target.lowerBound, count: 8), "https://")
        {
            scheme = 8
        } else {
            throw .target
        }
        let start = target.lowerBound + scheme
        var end = start
        while end < target.upperBound, bytes[end] != 0x2F, bytes[end] != 0x3F {
            end += 1
        }
        guard HTTP1Framing.isAuthority(bytes.extracting(start..<end)) else { throw .target }
        guard end == target.upperBound || bytes[end] == 0x2F else { throw .target }
        result.authority = (start - base)..<(end - base)
        result.target = (end - base)..<(target.upperBound - base)
    }
}

extension Span {
    /// A part by its start and length.
    @_lifetime(copy self)
    func extracting(first: Int, count: Int) -> Span {
        extracting(first..<(first + count))
    }
}
