internal import MAOSCore

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
        /// ``decoder`` has the rest.
        case body
        /// The head is over, and the request with it.
        case bodiless
        /// The client asked for the end of the connection: what follows is not read.
        case closed
        case failed(HTTP1Error)
    }

    /// The parts of a request line.
    private struct RequestLine {
        let method: HTTPMethod
        let version: HTTPVersion
        /// What stands between the spaces; the ranges count from its start.
        let text: [UInt8]
        let target: Range<Int>
        /// The authority of an absolute target; empty for the other forms.
        let authority: Range<Int>
    }

    /// The fields of a head that was found right, with what they say; of value while the next heads have the same.
    private struct Section {
        var fields: HTTPFields
        var framing: HTTP1Framing
        /// Nil where no head was kept.
        var version: HTTPVersion?

        static let none = Section(fields: HTTPFields(), framing: HTTP1Framing())
    }

    private let headLimit: Int
    private let fieldLimit: Int
    private let bodyLimit: Int
    private var input = HTTP1Input()
    private var state = State.idle
    private var decoder: HTTP1BodyDecoder?
    /// That of a head whose fields are still to come.
    private var requestLine: RequestLine?
    /// Bytes from the start of the head to its first field.
    private var sectionOffset = 0
    private var section: HTTP1FieldSection
    /// What the connection's last head said: most clients say the same again, and are not read anew (see ``HTTPRequestHead/repeatsFields``).
    private var lastSection = Section.none
    /// Longer sections are not kept for comparison.
    private static let keptSectionLimit = 4_096
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
        case .body, .bodiless, .closed, .failed: false
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
            case .idle where input.available == 0:
                return nil
            case .idle, .head:
                return try nextInHead()
            case .body:
                switch try decoder?.next(&input) {
                case .data(let data):
                    return .body(data)
                case .end(let trailers):
                    decoder = nil
                    state = keepsAlive ? .idle : .closed
                    return .end(trailers: trailers)
                case nil:
                    return nil
                }
            case .bodiless:
                state = keepsAlive ? .idle : .closed
                return .end(trailers: HTTPFields())
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
        while true {
            if case .idle = state, input.available > 0 {
                // Bytes that begin no request, for example of TLS, are refused at once.
                let first = input.bytes[input.position]
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
                let requestLine = try HTTP1RequestParser.parse(input.bytes.span.extracting(line))
                skippedEmptyLine = false
                sectionOffset = input.lineOffset
                if lastSection.version == requestLine.version,
                    sectionOffset + lastSection.fields.bytes.count <= headLimit,
                    input.skip(lastSection.fields.bytes)
                {
                    input.dropLines()
                    return try finishHead(requestLine, isRepeated: true)
                }
                self.requestLine = requestLine
                state = .head
            } else if line.isEmpty {
                return try finishHead()
            } else {
                let (bytes, base) = (input.bytes, input.position + sectionOffset)
                try section.append(bytes.span, line: line, base: base)
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

    private mutating func finishHead() throws(HTTP1Error) -> Event? {
        guard let line = requestLine.take() else { return nil }
        let fields = section.take(bytes: input.takeLines(after: sectionOffset))
        let framing = try HTTP1Framing(fields, version: line.version)
        try HTTP1RequestParser.checkHost(fields.bytes.span, framing, line.version)
        guard line.version == .http10 || !framing.hasExpectation || framing.expectsContinue else { throw .expectation }
        lastSection = Section(fields: fields, framing: framing, version: line.version)
        let event = try finishHead(line, isRepeated: false)
        if fields.bytes.count > HTTP1RequestParser.keptSectionLimit {
            lastSection = .none
        }
        return event
    }

    /// Puts the request line together with the fields of ``lastSection``.
    private mutating func finishHead(_ line: RequestLine, isRepeated: Bool) throws(HTTP1Error) -> Event {
        let framing = lastSection.framing
        try HTTP1RequestParser.checkAuthority(line, lastSection.fields.bytes.span, framing)
        keepsAlive = !framing.closes && (line.version == .http11 || framing.keepsAlive)
        let length = framing.isChunked ? nil : framing.contentLength ?? 0
        if length == 0 {
            state = .bodiless
        } else {
            decoder = try HTTP1BodyDecoder(
                length: length, bodyLimit: bodyLimit, headLimit: headLimit, fieldLimit: fieldLimit)
            state = .body
        }
        return .head(
            HTTPRequestHead(
                method: line.method, version: line.version, fields: lastSection.fields,
                target: line.text[line.target],
                absoluteAuthority: line.authority.isEmpty
                    ? "" : String(decoding: line.text[line.authority], as: UTF8.self),
                hostRange: framing.host, contentLength: length, keepsAlive: keepsAlive,
                expectsContinue: framing.expectsContinue && line.version == .http11 && length != 0
                    && input.available == 0,
                repeatsFields: isRepeated && line.authority.isEmpty))
    }

    /// Exactly one valid `Host` (RFC 9112 §3.2).
    private static func checkHost(
        _ bytes: Span<UInt8>, _ framing: HTTP1Framing, _ version: HTTPVersion
    ) throws(HTTP1Error) {
        if framing.hostCount == 0, version == .http10 { return }
        guard framing.hostCount == 1, HTTP1Framing.isAuthority(bytes.extracting(framing.host)) else { throw .host }
    }

    /// An absolute target names the same host as the field.
    private static func checkAuthority(
        _ line: RequestLine, _ fields: Span<UInt8>, _ framing: HTTP1Framing
    ) throws(HTTP1Error) {
        guard !line.authority.isEmpty, framing.hostCount > 0 else { return }
        guard line.authority.count == framing.host.count else { throw .target }
        for offset in 0..<line.authority.count {
            let first = HTTPCharacter.lowercased(line.text[line.authority.lowerBound + offset])
            guard first == HTTPCharacter.lowercased(fields[framing.host.lowerBound + offset]) else { throw .target }
        }
    }

    // MARK: Request line (§3)

    private static func parse(_ line: Span<UInt8>) throws(HTTP1Error) -> RequestLine {
        let methodEnd = ByteSearch.first(HTTPCharacter.space, in: line)
        guard methodEnd > 0, methodEnd < line.count else { throw .requestLine }
        let method = try method(line.extracting(..<methodEnd))

        let start = methodEnd + 1
        let end = ByteSearch.first(HTTPCharacter.space, in: line, from: start)
        let target = line.extracting(start..<end)
        guard ByteSearch.firstForeignToURL(in: target) == target.count || isTargetWithBackslashes(target) else {
            throw .target
        }
        guard !target.isEmpty, end < line.count else { throw .requestLine }
        let version = try version(line.extracting((end + 1)...))
        let parts = try split(target, of: method)
        var text: [UInt8] = []
        text.reserveCapacity(target.count)
        text.append(copying: target)
        return RequestLine(
            method: method, version: version, text: text, target: parts.target, authority: parts.authority)
    }

    /// Browsers send a backslash in a query as it is; in a path it would be somebody's slash.
    private static func isTargetWithBackslashes(_ target: Span<UInt8>) -> Bool {
        var isInQuery = false
        for index in target.indices {
            let byte = target[index]
            isInQuery = isInQuery || byte == 0x3F
            guard HTTPCharacter.isTarget(byte) || byte == 0x5C && isInQuery else { return false }
        }
        return true
    }

    private static func method(_ name: Span<UInt8>) throws(HTTP1Error) -> HTTPMethod {
        switch (name.count, name[0]) {
        case (3, 0x47) where name[1] == 0x45 && name[2] == 0x54: return .get
        case (4, 0x50) where name[1] == 0x4F && name[2] == 0x53 && name[3] == 0x54: return .post
        default:
            var text = ""
            for index in name.indices {
                guard HTTPCharacter.isToken(name[index]) else { throw .requestLine }
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
        _ target: Span<UInt8>, of method: HTTPMethod
    ) throws(HTTP1Error) -> (target: Range<Int>, authority: Range<Int>) {
        guard method != .connect else { throw .tunnel }
        let first = target[0]
        if first == 0x2F { return (0..<target.count, 0..<0) }
        if first == 0x2A {
            guard target.count == 1, method == .options else { throw .target }
            return (0..<1, 0..<0)
        }
        let start: Int
        if target.count > 7, HTTPCharacter.equal(target.extracting(0..<7), "http://") {
            start = 7
        } else if target.count > 8, HTTPCharacter.equal(target.extracting(0..<8), "https://") {
            start = 8
        } else {
            throw .target
        }
        var end = start
        while end < target.count, target[end] != 0x2F, target[end] != 0x3F {
            end += 1
        }
        guard HTTP1Framing.isAuthority(target.extracting(start..<end)) else { throw .target }
        guard end == target.count || target[end] == 0x2F else { throw .target }
        return (end..<target.count, start..<end)
    }
}
