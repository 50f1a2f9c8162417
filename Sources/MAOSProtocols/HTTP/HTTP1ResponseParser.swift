/// Everything of an answer but its body.
package struct HTTPResponseHead: Sendable {
    /// What became of the request.
    package let status: HTTPStatus
    /// The version the server speaks.
    package let version: HTTPVersion
    /// The header fields.
    package let fields: HTTPFields
    /// The length of the body if it is known: 0 if there is none, `nil` if it comes in chunks or ends with the connection.
    package let contentLength: Int?
    /// Whether the connection may carry another request after this answer.
    package let keepsAlive: Bool
}

/// Turns the bytes of a server into answers (RFC 9112), for our own client.
///
/// Interim answers are events of their own: a head and an end with another head to come. After `101` the rest of the connection
/// belongs to another protocol, see ``takeRemaining()``. A failure is final.
package struct HTTP1ResponseParser: Sendable {
    /// What an answer consists of: its head, any number of pieces of its body, its end.
    package enum Event: Sendable {
        /// Status line and fields are there.
        case head(HTTPResponseHead)
        /// A piece of the body. It shares the parser's buffer: drop it before the next bytes are received.
        case body(ArraySlice<UInt8>)
        /// The answer is over; fields after the last chunk, usually none.
        case end(trailers: HTTPFields)
    }

    private enum State {
        case idle
        case head
        case body(HTTP1BodyDecoder, isInterim: Bool)
        case switched
        case closed
        case failed(HTTP1Error)
    }

    private let headLimit: Int
    private let fieldLimit: Int
    private let bodyLimit: Int
    private var input = HTTP1Input()
    private var state = State.idle
    private var version = HTTPVersion.http11
    private var status = HTTPStatus.ok
    private var section: HTTP1FieldSection
    private var keepsAlive = true
    /// For each request that is not answered yet, whether it was `HEAD`.
    private var requests: [Bool] = []

    /// A parser at the start of a connection.
    ///
    /// A header section may have `headLimit` bytes and `fieldLimit` fields, a body `bodyLimit` bytes.
    package init(headLimit: Int, fieldLimit: Int, bodyLimit: Int) {
        self.headLimit = headLimit
        self.fieldLimit = fieldLimit
        self.bodyLimit = bodyLimit
        section = HTTP1FieldSection(limit: fieldLimit)
    }

    /// Notes that a request was sent; answers come in the order of their requests.
    package mutating func sent(_ method: HTTPMethod) {
        requests.append(method == .head)
    }

    /// Stores bytes for ``next()``.
    package mutating func receive(_ bytes: ArraySlice<UInt8>) {
        input.append(bytes)
    }

    /// Stores bytes for ``next()``.
    package mutating func receive(_ bytes: [UInt8]) {
        input.append(bytes[...])
    }

    /// Gives up parsing and returns what has not been turned into events.
    package mutating func takeRemaining() -> [UInt8] {
        state = .closed
        return input.takeAll()
    }

    /// The next event, `nil` until more bytes arrive.
    ///
    /// - Throws: What is wrong with the answer. The same again at every later call.
    package mutating func next() throws(HTTP1Error) -> Event? {
        do throws(HTTP1Error) {
            switch state {
            case .idle, .head:
                return try nextInHead()
            case .body(var decoder, let isInterim):
                state = .idle
                guard let part = try decoder.next(&input) else {
                    state = .body(decoder, isInterim: isInterim)
                    return nil
                }
                switch part {
                case .data(let data):
                    state = .body(decoder, isInterim: isInterim)
                    return .body(data)
                case .end(let trailers):
                    state = status == .switchingProtocols ? .switched : keepsAlive || isInterim ? .idle : .closed
                    return .end(trailers: trailers)
                }
            case .switched, .closed:
                return nil
            case .failed(let error):
                throw error
            }
        } catch {
            state = .failed(error)
            throw error
        }
    }

    /// Takes note that the server has closed the connection, after ``next()`` has returned `nil`.
    ///
    /// - Returns: The end of an answer whose body had no other one, else `nil`.
    /// - Throws: ``HTTP1Error/truncated`` if an answer is incomplete.
    package mutating func finish() throws(HTTP1Error) -> Event? {
        defer { state = .closed }
        switch state {
        case .body(let decoder, _) where decoder.endsWithConnection:
            return .end(trailers: HTTPFields())
        case .idle where input.available == 0 && requests.isEmpty, .switched, .closed:
            return nil
        case .idle, .head, .body:
            throw .truncated
        case .failed(let error):
            throw error
        }
    }

    private mutating func nextInHead() throws(HTTP1Error) -> Event? {
        let bytes = input.bytes
        while let line = try input.line() {
            guard input.lineOffset <= headLimit else { throw .headTooLarge(limit: headLimit) }
            if case .idle = state {
                try parseStatusLine(bytes.span.extracting(line))
                state = .head
            } else if line.isEmpty {
                return try finishHead()
            } else {
                try section.append(bytes.span, line: line, base: input.position)
            }
        }
        guard input.available <= headLimit else { throw .headTooLarge(limit: headLimit) }
        return nil
    }

    private mutating func parseStatusLine(_ line: Span<UInt8>) throws(HTTP1Error) {
        guard line.count >= 12, HTTPCharacter.equal(line.extracting(0..<7), "http/1."), line[0] == 0x48,
            line[7] == 0x30 || line[7] == 0x31, line[8] == HTTPCharacter.space, line.count == 12 || line[12] == 0x20
        else { throw .statusLine }
        var code = 0
        for index in 9..<12 {
            guard HTTPCharacter.isDigit(line[index]) else { throw .statusLine }
            code = code * 10 + Int(line[index] & 0x0F)
        }
        for index in 12..<line.count where !HTTPCharacter.isFieldValue(line[index]) {
            throw .statusLine
        }
        guard (100...599).contains(code) else { throw .statusLine }
        status = HTTPStatus(code)
        version = line[7] == 0x31 ? .http11 : .http10
    }

    private mutating func finishHead() throws(HTTP1Error) -> Event {
        let fields = section.take(bytes: input.takeLines())
        let framing = try HTTP1Framing(fields, version: version)
        let isInterim = status.isInformational && status != .switchingProtocols
        let isHead = requests.first ?? false
        if !isInterim, !requests.isEmpty {
            requests.removeFirst()
        }
        let endsWithConnection =
            !isHead && !status.hasNoBody && !framing.isChunked && framing.contentLength == nil
        keepsAlive = !endsWithConnection && !framing.closes && (version == .http11 || framing.keepsAlive)
        let length = isHead || status.hasNoBody ? 0 : framing.contentLength
        let decoder: HTTP1BodyDecoder
        if endsWithConnection {
            decoder = HTTP1BodyDecoder(untilCloseWithLimit: bodyLimit)
        } else {
            decoder = try HTTP1BodyDecoder(
                length: length, bodyLimit: bodyLimit, headLimit: headLimit, fieldLimit: fieldLimit)
        }
        state = .body(decoder, isInterim: isInterim)
        return .head(
            HTTPResponseHead(
                status: status, version: version, fields: fields, contentLength: length, keepsAlive: keepsAlive))
    }
}
