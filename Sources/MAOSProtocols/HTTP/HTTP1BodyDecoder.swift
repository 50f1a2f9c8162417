import MAOSCore

/// Takes the body of a message out of the input (RFC 9112 §6, §7).
struct HTTP1BodyDecoder: Sendable {
    enum Part {
        case data(ArraySlice<UInt8>)
        case end(HTTPFields)
    }

    private enum State {
        case fixed(remaining: Int)
        case untilClose
        case chunkSize
        case chunkData(remaining: Int)
        case chunkEnd
        case trailers
        case finished
    }

    private var state: State
    private var received = 0
    private var section: HTTP1FieldSection
    private let bodyLimit: Int
    private let headLimit: Int

    /// Longest line with a chunk's size and extensions.
    private static let chunkLineLimit = 4096

    /// A body of known length, or in chunks if `nil`.
    init(length: Int?, bodyLimit: Int, headLimit: Int, fieldLimit: Int) throws(HTTP1Error) {
        if let length {
            guard length <= bodyLimit else { throw .bodyTooLarge(limit: bodyLimit) }
            state = .fixed(remaining: length)
        } else {
            state = .chunkSize
        }
        self.bodyLimit = bodyLimit
        self.headLimit = headLimit
        section = HTTP1FieldSection(limit: fieldLimit)
    }

    /// A body that the end of the connection ends.
    init(untilCloseWithLimit bodyLimit: Int) {
        state = .untilClose
        self.bodyLimit = bodyLimit
        headLimit = 0
        section = HTTP1FieldSection(limit: 0)
    }

    /// Whether the end of the connection is the end of this body.
    var endsWithConnection: Bool {
        if case .untilClose = state { true } else { false }
    }

    mutating func next(_ input: inout HTTP1Input) throws(HTTP1Error) -> Part? {
        while true {
            switch state {
            case .fixed(let remaining):
                guard remaining > 0 else { return finish(HTTPFields()) }
                guard input.available > 0 else { return nil }
                let data = input.take(atMost: remaining)
                state = .fixed(remaining: remaining - data.count)
                return .data(data)

            case .untilClose:
                guard input.available > 0 else { return nil }
                let data = input.take(atMost: .max)
                received += data.count
                guard received <= bodyLimit else { throw .bodyTooLarge(limit: bodyLimit) }
                return .data(data)

            case .chunkSize:
                guard let line = try input.line() else {
                    guard input.available <= HTTP1BodyDecoder.chunkLineLimit else { throw .chunk }
                    return nil
                }
                guard line.count <= HTTP1BodyDecoder.chunkLineLimit else { throw .chunk }
                let size = try HTTP1BodyDecoder.chunkSize(input.bytes.span.extracting(line))
                input.dropLines()
                guard size <= bodyLimit - received else { throw .bodyTooLarge(limit: bodyLimit) }
                received += size
                state = size == 0 ? .trailers : .chunkData(remaining: size)

            case .chunkData(let remaining):
                guard input.available > 0 else { return nil }
                let data = input.take(atMost: remaining)
                state = data.count == remaining ? .chunkEnd : .chunkData(remaining: remaining - data.count)
                return .data(data)

            case .chunkEnd:
                guard input.available > 0 else { return nil }
                guard input.bytes[input.position] == HTTPCharacter.carriageReturn else { throw .chunk }
                guard input.available > 1 else { return nil }
                guard input.bytes[input.position + 1] == HTTPCharacter.lineFeed else { throw .chunk }
                _ = input.take(atMost: 2)
                state = .chunkSize

            case .trailers:
                guard let line = try input.line() else {
                    guard input.available <= headLimit else { throw .headTooLarge(limit: headLimit) }
                    return nil
                }
                guard input.lineOffset <= headLimit else { throw .headTooLarge(limit: headLimit) }
                guard line.isEmpty else {
                    try section.append(input.bytes.span, line: line, base: input.position)
                    continue
                }
                return finish(try takeTrailers(&input))

            case .finished:
                return nil
            }
        }
    }

    private mutating func finish(_ trailers: HTTPFields) -> Part {
        state = .finished
        return .end(trailers)
    }

    /// The trailer fields; those that say how the message is framed or where it goes are refused (RFC 9110 §6.5.1).
    private mutating func takeTrailers(_ input: inout HTTP1Input) throws(HTTP1Error) -> HTTPFields {
        guard !section.isEmpty else {
            input.dropLines()
            return HTTPFields()
        }
        let trailers = section.take(bytes: input.takeLines())
        for entry in trailers.entries {
            switch entry.known {
            case .contentLength, .transferEncoding, .host, .connection, .trailer, .te, .upgrade, .expect,
                .authorization,
                .cookie, .contentType, .contentEncoding:
                throw .trailer
            default: break
            }
        }
        return trailers
    }

    /// Reads a size in hexadecimal digits and checks the extensions behind it (RFC 9112 §7.1.1).
    private static func chunkSize(_ line: Span<UInt8>) throws(HTTP1Error) -> Int {
        var size = 0
        var index = 0
        while index < line.count, let digit = Hex.value(of: line[index]) {
            guard index < 15 else { throw .chunk }
            size = size << 4 | Int(digit)
            index += 1
        }
        guard index > 0 else { throw .chunk }
        while index < line.count {
            skipWhiteSpace(line, &index)
            guard index < line.count, line[index] == HTTPCharacter.semicolon else { throw .chunk }
            index += 1
            skipWhiteSpace(line, &index)
            try skipToken(line, &index)
            var next = index
            skipWhiteSpace(line, &next)
            guard next < line.count, line[next] == 0x3D else { continue }
            index = next + 1
            skipWhiteSpace(line, &index)
            if index < line.count, line[index] == 0x22 {
                try skipQuoted(line, &index)
            } else {
                try skipToken(line, &index)
            }
        }
        return size
    }

    private static func skipWhiteSpace(_ line: Span<UInt8>, _ index: inout Int) {
        while index < line.count, HTTPCharacter.isWhiteSpace(line[index]) {
            index += 1
        }
    }

    private static func skipToken(_ line: Span<UInt8>, _ index: inout Int) throws(HTTP1Error) {
        let start = index
        while index < line.count, HTTPCharacter.isToken(line[index]) {
            index += 1
        }
        guard index > start else { throw .chunk }
    }

    private static func skipQuoted(_ line: Span<UInt8>, _ index: inout Int) throws(HTTP1Error) {
        index += 1
        while index < line.count, line[index] != 0x22 {
            if line[index] == 0x5C {
                index += 1
            }
            guard index < line.count, HTTPCharacter.isFieldValue(line[index]) else { throw .chunk }
            index += 1
        }
        guard index < line.count else { throw .chunk }
        index += 1
    }
}
