import MAOSAgents
import MAOSCore
import MAOSTestSupport
import Testing

@Suite("Chunks of output")
struct LineCutterTests {
    private func receive(_ cutter: inout LineCutter, _ text: String) -> String? {
        Array(text.utf8).withUnsafeBytes { cutter.receive($0) }.map { String(decoding: $0, as: UTF8.self) }
    }

    @Test("end where lines end")
    func lines() {
        var cutter = LineCutter()
        #expect(receive(&cutter, "one\ntwo\nthr") == "one\ntwo\n")
        #expect(cutter.hasRest)
        #expect(receive(&cutter, "ee") == nil)
        #expect(receive(&cutter, "\n") == "three\n")
        #expect(!cutter.hasRest)
        #expect(receive(&cutter, "four") == nil)
        #expect(cutter.flush().map { String(decoding: $0, as: UTF8.self) } == "four")
        #expect(cutter.flush() == nil)
        #expect(cutter.finish() == nil)
    }

    @Test("put together are what came in, however it was cut, in pieces of 64 KB at most")
    func complete() {
        let text: String = "ab\n\nßü✓𝄞 longer line\nno end"
        everySplit(of: Array(text.utf8)) { pieces in
            var cutter = LineCutter()
            var chunks: [[UInt8]] = []
            for piece in pieces {
                if let chunk = Array(piece).withUnsafeBytes({ cutter.receive($0) }) { chunks.append(chunk) }
                if let chunk = cutter.flush() { chunks.append(chunk) }
            }
            if let chunk = cutter.finish() { chunks.append(chunk) }
            #expect(Array(chunks.joined()) == Array(text.utf8))
            // No character was cut.
            #expect(chunks.map { String(decoding: $0, as: UTF8.self) }.joined() == text)
        }
    }

    @Test("of a line without end are cut at 64 KB, between characters")
    func longLine() {
        var cutter = LineCutter()
        let bytes: [UInt8] = Array(String(repeating: "€", count: 30_000).utf8)
        var rest: ArraySlice<UInt8> = bytes[...]
        var chunks: [[UInt8]] = []
        while !rest.isEmpty {
            let piece: ArraySlice<UInt8> = rest.prefix(min(cutter.room, 50_000))
            rest = rest.dropFirst(piece.count)
            if let chunk = Array(piece).withUnsafeBytes({ cutter.receive($0) }) { chunks.append(chunk) }
        }
        if let chunk = cutter.finish() { chunks.append(chunk) }
        #expect(Array(chunks.joined()) == bytes)
        #expect(chunks.allSatisfy { $0.count <= LineCutter.limit && $0.count % 3 == 0 })
        #expect(chunks.first?.count == 65_535)
    }

    @Test("are kept as they are where they are no UTF-8")
    func binary() {
        for bytes: [UInt8] in [
            [0xFF], [0x80, 0x80, 0x80, 0x80], [0xC3], [0xF0, 0x9F], [0xED, 0xA0, 0x80], [0, 1, 2],
        ] {
            var cutter = LineCutter()
            var all: [UInt8] = bytes.withUnsafeBytes { cutter.receive($0) } ?? []
            all += cutter.flush() ?? []
            all += cutter.finish() ?? []
            #expect(all == bytes)
        }
    }
}

@Suite("The tail of output")
struct OutputTailTests {
    private func tail(_ pieces: [[UInt8]]) -> [UInt8] {
        var tail = OutputTail()
        for piece in pieces { piece.withUnsafeBytes { tail.receive($0) } }
        return Array(tail.kept)
    }

    @Test("is the last 4 KB")
    func last() {
        let bytes: [UInt8] = (0..<20_000).map { UInt8(ascii: "a") + UInt8($0 % 26) }
        for size in [1, 7, 100, 4_095, 4_096, 4_097, 9_000, 20_000] {
            let pieces: [[UInt8]] = stride(from: 0, to: bytes.count, by: size).map {
                Array(bytes[$0..<min($0 + size, bytes.count)])
            }
            #expect(tail(pieces) == Array(bytes.suffix(OutputTail.limit)))
        }
        #expect(tail([]).isEmpty)
        #expect(tail([[65]]) == [65])
    }

    @Test("begins with a whole character")
    func character() {
        let bytes: [UInt8] = Array(String(repeating: "€", count: 3_000).utf8)
        let kept: [UInt8] = tail([bytes])
        #expect(kept.count == 4_095)
        #expect(String(decoding: kept, as: UTF8.self).allSatisfy { $0 == "€" })
    }

    @Test("is valid JSON whatever was printed")
    func json() throws {
        var tail = OutputTail()
        ([0xFF, 0x00, 0x22, 0x5C, 0x0A] as [UInt8]).withUnsafeBytes { tail.receive($0) }
        #expect(throws: Never.self) { try JSONText(utf8: tail.result.utf8) }
    }
}
