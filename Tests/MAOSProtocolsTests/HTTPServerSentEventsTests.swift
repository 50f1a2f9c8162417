import MAOSCore
import MAOSProtocols
import MAOSTestSupport
import Testing

@Suite("Server-sent events") struct HTTPServerSentEventsTests {
    private func read(_ pieces: [ArraySlice<UInt8>], limit: Int = 1000) throws -> [ServerSentEvent] {
        var parser = ServerSentEventParser(limit: limit)
        var events: [ServerSentEvent] = []
        for piece in pieces {
            parser.receive(piece)
            while let event = try parser.next() {
                events.append(event)
            }
        }
        return events
    }

    private func stream() throws -> [UInt8] {
        var stream: [UInt8] = []
        ServerSentEventEncoder.appendRetry(milliseconds: 500, to: &stream)
        ServerSentEventEncoder.append(id: 7, event: nil, data: try JSONText("{\"a\":1}"), to: &stream)
        ServerSentEventEncoder.appendKeepAlive(to: &stream)
        ServerSentEventEncoder.append(id: nil, event: "end", data: try JSONText("[\"x\\n\"]"), to: &stream)
        ServerSentEventEncoder.append(id: 8, event: nil, data: try JSONText("{}"), to: &stream)
        return stream
    }

    @Test("what is written is read, however it is cut")
    func roundTrip() throws {
        let expected = [
            ServerSentEvent(id: "7", data: "{\"a\":1}"), ServerSentEvent(id: "7", event: "end", data: "[\"x\\n\"]"),
            ServerSentEvent(id: "8", data: "{}"),
        ]
        try everySplit(of: try stream()) { pieces in
            let events = try read(pieces)
            #expect(events == expected)
        }
    }

    @Test("the forms that other servers use are read")
    func otherForms() throws {
        let text =
            "\u{FEFF}data:a\rdata: b\r\rid:1\r\nevent:x\r\nunknown: y\r\ndata\r\n\r\n: comment\n\nid: 2\ndata:  c\n\nid\ndata: d\n\ndata: unfinished"
        let expected = [
            ServerSentEvent(id: "", data: "a\nb"), ServerSentEvent(id: "1", event: "x", data: ""),
            ServerSentEvent(id: "2", data: " c"),
            ServerSentEvent(id: "", data: "d"),
        ]
        try everySplit(of: Array(text.utf8)) { pieces in
            let events = try read(pieces)
            #expect(events == expected)
        }
    }

    @Test("an event beyond the limit is refused before it is whole")
    func limit() {
        #expect(throws: ServerSentEventTooLong.self) {
            try read([Array("data: \(String(repeating: "x", count: 50))".utf8)[...]], limit: 20)
        }
        #expect(throws: ServerSentEventTooLong.self) {
            try read([Array(String(repeating: "data: x\n", count: 50).utf8)[...]], limit: 20)
        }
    }

    @Test("mutations never crash and depend on no cut")
    func mutations() throws {
        for variant in Mutations(of: try stream(), count: 1000, spice: Array(":\r\ndata id".utf8)) {
            let whole = try read([variant[...]], limit: 10_000)
            #expect(try read(variant.indices.map { variant[$0...$0] }, limit: 10_000) == whole)
        }
    }
}
