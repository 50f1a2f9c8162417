import MAOSProtocols
import MAOSTestSupport
import Testing

/// Everything that a server's side of a connection said for some input.
private struct Conversation: Equatable {
    var events: [WebSocketConnection.Event] = []
    var replies: [UInt8] = []
    var state: WebSocketConnection.State

    init(_ pieces: [ArraySlice<UInt8>], limit: Int = 1000, allowsCompression: Bool = false) {
        var connection = WebSocketConnection.server(messageLimit: limit, allowsCompression: allowsCompression)
        for piece in pieces {
            connection.receive(piece)
            while let event = connection.next(replies: &replies) {
                events.append(event)
            }
        }
        state = connection.state
    }

    init(_ frames: [UInt8]...) {
        self.init([Array(frames.joined())[...]])
    }
}

/// A client's frame.
private func frame(
    _ opcode: WebSocketOpcode, _ payload: [UInt8] = [], final isFinal: Bool = true, compressed: Bool = false
) -> [UInt8] {
    var bytes: [UInt8] = []
    WebSocketFrameEncoder.append(
        opcode, payload[...], isFinal: isFinal, isCompressed: compressed, mask: 0x5EED_1234, to: &bytes)
    return bytes
}

private func text(_ string: String) -> [UInt8] { Array(string.utf8) }

private func closeFrame(_ code: UInt16, _ reason: String = "") -> [UInt8] {
    [UInt8(truncatingIfNeeded: code >> 8), UInt8(truncatingIfNeeded: code)] + text(reason)
}

@Suite("WebSocket connection") struct WebSocketConnectionTests {
    // MARK: Data and control frames, as Autobahn's sections 1, 2 and 5 have them

    @Test("1: messages of any length, text and binary", arguments: [0, 1, 125, 126, 127, 128, 999, 1000])
    func messages(count: Int) {
        let payload = [UInt8](repeating: 0x2A, count: count)
        #expect(
            Conversation(frame(.text, payload), frame(.binary, payload)).events == [.text(payload), .binary(payload)])
    }

    @Test("2: pings are answered with their payload, pongs are not answered")
    func pings() {
        let long = [UInt8](repeating: 0xFE, count: 125)
        let talk = Conversation(frame(.ping), frame(.ping, long), frame(.pong, [1]), frame(.ping, [2]))
        #expect(talk.events == [.ping([]), .ping(long), .pong([1]), .ping([2])])
        #expect(
            talk.replies == WebSocketFrameEncoder.serverFrame(.pong, [])
                + WebSocketFrameEncoder.serverFrame(.pong, long)
                + WebSocketFrameEncoder.serverFrame(.pong, [2]))
        #expect(talk.state == .open)
    }

    @Test("5: fragments become one message, control frames come between")
    func fragments() {
        let talk = Conversation(
            frame(.text, text("a"), final: false), frame(.ping, [1]), frame(.continuation, [], final: false),
            frame(.continuation, text("b")), frame(.binary, [9]))
        #expect(talk.events == [.ping([1]), .text(text("ab")), .binary([9])])
    }

    @Test(
        "5: fragments in the wrong order fail with 1002",
        arguments: [
            [frame(.continuation, [1])], [frame(.continuation, [1], final: false)],
            [frame(.text, [1]), frame(.continuation, [1])],
            [frame(.text, [1], final: false), frame(.text, [1])],
            [frame(.text, [1], final: false), frame(.binary, [1], final: false)],
            [frame(.text, [1], final: false), frame(.continuation, [1]), frame(.continuation, [1])],
        ])
    func wrongFragments(frames: [[UInt8]]) {
        let talk = Conversation([Array(frames.joined())[...]])
        #expect(talk.events.last == .failure(.fragmentation))
        #expect(talk.replies.prefix(4) == [0x88, UInt8(talk.replies.count - 2), 0x03, 0xEA])
        #expect(talk.state == .closed)
    }

    @Test(
        "3, 4: reserved bits and opcodes fail with 1002 after what came before",
        arguments: [0xB1, 0x83, 0x8B, 0xC1] as [UInt8])
    func reserved(first: UInt8) {
        let talk = Conversation(frame(.text, [0x41]), [first, 0x80, 0, 0, 0, 0], frame(.ping))
        #expect(talk.events.count == 2)
        #expect(talk.events.first == .text([0x41]))
        #expect(talk.state == .closed)
    }

    // MARK: Text, as Autobahn's section 6

    @Test(
        "6: valid text is text, whole or cut in any character",
        arguments: [
            "", "Hello-µ@ßöäüàá-UTF-8!!", "κόσμε", "\u{0}\u{7F}\u{80}\u{7FF}\u{800}\u{FFFF}\u{10000}\u{10FFFF}",
            "\u{D7FF}\u{E000}\u{FFFD}",
        ])
    func validText(string: String) {
        let bytes = text(string)
        #expect(Conversation(frame(.text, bytes)).events == [.text(bytes)])
        for cut in 0...bytes.count {
            let talk = Conversation(
                frame(.text, Array(bytes[..<cut]), final: false), frame(.continuation, Array(bytes[cut...])))
            #expect(talk.events == [.text(bytes)])
        }
        let drops = bytes.map { frame(.continuation, [$0], final: false) }.joined()
        #expect(Conversation(frame(.text, final: false), Array(drops), frame(.continuation)).events == [.text(bytes)])
    }

    private static let invalidTexts: [(bytes: [UInt8], first: Int)] = [
        ([0x80], 0), ([0xBF], 0), ([0x41, 0xC0, 0xAF], 1), ([0xC1, 0xBF], 0), ([0xE0, 0x80, 0x80], 1),
        ([0xE0, 0x9F, 0xBF], 1), ([0xED, 0xA0, 0x80], 1), ([0xED, 0xBF, 0xBF], 1),
        ([0xF0, 0x8F, 0xBF, 0xBF], 1), ([0xF4, 0x90, 0x80, 0x80], 1), ([0xF5, 0x80, 0x80, 0x80], 0), ([0xFE], 0),
        ([0xFF], 0), ([0xC3, 0x28], 1), ([0xE2, 0x82, 0x28], 2),
        (
            [
                0xCE, 0xBA, 0xE1, 0xBD, 0xB9, 0xCF, 0x83, 0xCE, 0xBC, 0xCE, 0xB5, 0xED, 0xA0, 0x80, 0x65, 0x64, 0x69,
                0x74, 0x65, 0x64,
            ], 12
        ),
    ]

    @Test("6: invalid text fails with 1007 at the first byte that cannot be right", arguments: invalidTexts)
    func invalidText(bytes: [UInt8], first: Int) {
        let whole = Conversation(frame(.text, bytes))
        #expect(whole.events == [.failure(.invalidUTF8)])
        #expect(whole.replies.prefix(4) == [0x88, UInt8(whole.replies.count - 2), 0x03, 0xEF])
        // A frame whose payload arrives byte by byte fails before the rest is there.
        let wire = frame(.text, bytes + [0x41, 0x41, 0x41])
        let head = wire.count - bytes.count - 3
        let good = Conversation(wire[..<(head + first)].indices.map { wire[$0...$0] })
        #expect(good.events.isEmpty)
        let bad = Conversation(wire[...(head + first)].indices.map { wire[$0...$0] })
        #expect(bad.events == [.failure(.invalidUTF8)])
        // So does a fragmented message.
        let fragmented = Conversation(frame(.text, Array(bytes[...first]), final: false))
        #expect(fragmented.events == [.failure(.invalidUTF8)])
    }

    @Test("6: text that ends inside of a character fails, binary does not")
    func cutText() {
        #expect(Conversation(frame(.text, [0xE2, 0x82])).events == [.failure(.invalidUTF8)])
        #expect(
            Conversation(frame(.text, [0xE2, 0x82], final: false), frame(.continuation)).events == [
                .failure(.invalidUTF8)
            ])
        #expect(Conversation(frame(.binary, [0xE2, 0x82])).events == [.binary([0xE2, 0x82])])
        #expect(Conversation(frame(.text, [0x41]), frame(.text, [0xC3, 0xA9])).events.count == 2)
    }

    // MARK: Closing, as Autobahn's section 7

    @Test(
        "7: a close frame is answered with its code, and nothing after it counts",
        arguments: [
            1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999,
        ] as [UInt16])
    func close(code: UInt16) {
        let talk = Conversation(
            frame(.close, closeFrame(code, "bye é")), frame(.text, [0x41]), frame(.ping), frame(.close))
        #expect(talk.events == [.close(WebSocketCloseCode(code), reason: "bye é")])
        #expect(talk.replies == WebSocketFrameEncoder.serverFrame(.close, closeFrame(code)))
        #expect(talk.state == .closed)
    }

    @Test("7: an empty close frame is answered with one")
    func emptyClose() {
        let talk = Conversation(frame(.close))
        #expect(talk.events == [.close(.noStatus, reason: "")])
        #expect(talk.replies == [0x88, 0x00])
    }

    @Test(
        "7: codes that may not be sent fail with 1002",
        arguments: [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] as [UInt16])
    func badCodes(code: UInt16) {
        #expect(!WebSocketCloseCode(code).isSendable)
        let talk = Conversation(frame(.close, closeFrame(code)))
        #expect(talk.events == [.failure(.closeFrame)])
        #expect(talk.replies.dropFirst(2).prefix(2) == [0x03, 0xEA])
    }

    @Test("7: a close frame of one byte fails with 1002, a reason that is not UTF-8 with 1007")
    func badCloseFrames() {
        #expect(Conversation(frame(.close, [3])).events == [.failure(.closeFrame)])
        #expect(Conversation(frame(.close, [3, 0xE8, 0xFF])).events == [.failure(.invalidUTF8)])
        #expect(Conversation(frame(.close, closeFrame(1000, String(repeating: "x", count: 123)))).events.count == 1)
    }

    @Test("7: closing first waits for the peer's close frame, and sends nothing more")
    func closingFirst() {
        var connection = WebSocketConnection.server(messageLimit: 1000, allowsCompression: false)
        var output: [UInt8] = []
        connection.close(.goingAway, reason: "é" + String(repeating: "x", count: 200), to: &output)
        #expect(connection.state == .closing)
        #expect(output.count == 127)
        output = []
        connection.sendText([0x41], to: &output)
        connection.sendPing(to: &output)
        connection.close(.normal, to: &output)
        connection.receive(frame(.ping) + frame(.text, [0x41]) + frame(.close, closeFrame(1001)))
        #expect(connection.next(replies: &output) == .ping([]))
        #expect(connection.next(replies: &output) == .text([0x41]))
        #expect(connection.next(replies: &output) == .close(.goingAway, reason: ""))
        #expect(connection.next(replies: &output) == nil)
        #expect(connection.state == .closed)
        #expect(output.isEmpty)
    }

    // MARK: Limits, as Autobahn's section 9

    @Test("9: messages beyond the limit fail with 1009 when their length is declared")
    func limits() {
        let head = Array(frame(.binary, [UInt8](repeating: 0, count: 1001)).prefix(8))
        #expect(Conversation(head).events == [.failure(.messageTooLong(limit: 1000))])
        let first = frame(.binary, [UInt8](repeating: 0, count: 600), final: false)
        let second = Array(frame(.continuation, [UInt8](repeating: 0, count: 401), final: false).prefix(8))
        let talk = Conversation(first, second)
        #expect(talk.events == [.failure(.messageTooLong(limit: 1000))])
        #expect(talk.replies.dropFirst(2).prefix(2) == [0x03, 0xF1])
        #expect(Conversation(first, frame(.continuation, [UInt8](repeating: 0, count: 400))).events.count == 1)
    }

    // MARK: Compression

    @Test("compressed messages come out as they are, also in fragments")
    func compressed() {
        let wire =
            frame(.text, [0xFF], final: false, compressed: true) + frame(.continuation, [0xFE])
            + frame(.binary, [1], compressed: true) + frame(.text, [0x41])
        #expect(
            Conversation([wire[...]], allowsCompression: true).events == [
                .compressedText([0xFF, 0xFE]), .compressedBinary([1]), .text([0x41]),
            ])
        #expect(Conversation([wire[...]]).events == [.failure(.reservedBits)])
        var connection = WebSocketConnection.server(messageLimit: 10, allowsCompression: true)
        var output: [UInt8] = []
        connection.sendText([0x2A], isCompressed: true, to: &output)
        #expect(output == [0xC1, 0x01, 0x2A])
        output = []
        connection.fail(.compression, replies: &output)
        #expect(output.dropFirst(2).prefix(2) == [0x03, 0xEF])
        #expect(connection.state == .closed)
    }

    // MARK: Both sides

    @Test("a client and a server understand each other")
    func bothSides() {
        var client = WebSocketConnection.client(messageLimit: 100_000, allowsCompression: false, maskSeed: 42)
        var server = WebSocketConnection.server(messageLimit: 100_000, allowsCompression: false)
        var up: [UInt8] = []
        var down: [UInt8] = []
        let payload = (0..<70_000).map { UInt8(truncatingIfNeeded: $0) }
        client.sendBinary(payload, to: &up)
        client.sendText(text("é"), to: &up)
        client.sendPing([1, 2], to: &up)
        #expect(up.count == payload.count + 14 + 8 + 8)
        server.receive(up)
        #expect(server.next(replies: &down) == .binary(payload))
        #expect(server.next(replies: &down) == .text(text("é")))
        #expect(server.next(replies: &down) == .ping([1, 2]))
        #expect(server.next(replies: &down) == nil)
        server.close(.normal, reason: "done", to: &down)
        up = []
        client.receive(down)
        #expect(client.next(replies: &up) == .pong([1, 2]))
        #expect(client.next(replies: &up) == .close(.normal, reason: "done"))
        #expect(client.state == .closed)
        server.receive(up)
        #expect(server.next(replies: &down) == .close(.normal, reason: ""))
        #expect(server.state == .closed)
    }

    @Test("a client masks each frame with another key")
    func masks() {
        var client = WebSocketConnection.client(messageLimit: 100, allowsCompression: false, maskSeed: 1)
        var masks: Set<[UInt8]> = []
        for _ in 0..<100 {
            var output: [UInt8] = []
            client.sendText([], to: &output)
            masks.insert(Array(output.suffix(4)))
        }
        #expect(masks.count == 100)
    }

    // MARK: Cuts and damage

    private static let talk: [UInt8] =
        frame(.text, text("Hällo"), final: false) + frame(.ping, [1, 2, 3]) + frame(.continuation, text("wörld"))
        + frame(.binary, [UInt8](repeating: 7, count: 130))
        + frame(.pong) + frame(.close, closeFrame(1000, "end"))

    @Test("however a conversation is cut, it is the same")
    func splits() {
        let whole = Conversation([WebSocketConnectionTests.talk[...]])
        #expect(whole.events.count == 5)
        everySplit(of: WebSocketConnectionTests.talk) { pieces in
            #expect(Conversation(pieces) == whole)
        }
    }

    @Test("mutations never crash and depend on no cut")
    func mutations() {
        for variant in Mutations(
            of: WebSocketConnectionTests.talk, count: 3000, spice: [0x81, 0x88, 0x89, 0xFE, 0xFF, 0x7E])
        {
            let whole = Conversation([variant[...]], allowsCompression: true)
            let drip = Conversation(variant.indices.map { variant[$0...$0] }, allowsCompression: true)
            #expect(whole == drip)
        }
    }
}
