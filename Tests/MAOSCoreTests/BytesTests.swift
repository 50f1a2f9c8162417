import MAOSCore
import MAOSTestSupport
import Testing

@Suite("Binary records") struct ByteCodingTests {
    private func sample() -> [UInt8] {
        var writer = ByteWriter()
        writer.uint8(0xAB)
        writer.uint64(.max)
        writer.double(-0.1)
        writer.boolean(true)
        for value in [0, 1, 127, 128, 16_383, 16_384, UInt64.max] {
            writer.varint(value)
        }
        for value in [0, -1, 1, 63, -64, 64, Int64.max, Int64.min] {
            writer.zigzag(value)
        }
        writer.string("é€😀")
        writer.data([1, 2, 3])
        writer.optionalString(nil)
        writer.optionalString("x")
        writer.optionalZigzag(-5)
        writer.optional(7 as UInt64?) { $0.varint($1) }
        writer.list(["a", "bc"]) { $0.string($1) }
        return writer.take()
    }

    private func read(_ bytes: [UInt8]) throws(ByteReaderError) {
        var reader = ByteReader(bytes)
        #expect(try reader.uint8() == 0xAB)
        #expect(try reader.uint64() == .max)
        #expect(try reader.double() == -0.1)
        #expect(try reader.boolean())
        for value in [0, 1, 127, 128, 16_383, 16_384, UInt64.max] {
            #expect(try reader.varint() == value)
        }
        for value in [0, -1, 1, 63, -64, 64, Int64.max, Int64.min] {
            #expect(try reader.zigzag() == value)
        }
        #expect(try reader.string() == "é€😀")
        #expect(Array(try reader.data()) == [1, 2, 3])
        #expect(try reader.optionalString() == nil)
        #expect(try reader.optionalString() == "x")
        #expect(try reader.optionalZigzag() == -5)
        #expect(try reader.optional { (reader) throws(ByteReaderError) in try reader.varint() } == 7)
        #expect(
            try reader.list(minimumSize: 1) { (reader) throws(ByteReaderError) in try reader.string() } == ["a", "bc"])
        #expect(reader.isAtEnd)
    }

    @Test("what was written is read")
    func roundTrip() throws {
        try read(sample())
    }

    @Test("a record cut anywhere is truncated, never something else")
    func truncation() {
        everyPrefix(of: sample()) { prefix in
            #expect(throws: ByteReaderError.self) { try walk(prefix) }
        }
    }

    /// Reads the sample's shape without looking at the values.
    private func walk(_ bytes: [UInt8]) throws(ByteReaderError) {
        var reader = ByteReader(bytes)
        _ = try reader.uint8()
        _ = try reader.uint64()
        _ = try reader.double()
        _ = try reader.boolean()
        for _ in 0..<7 { _ = try reader.varint() }
        for _ in 0..<8 { _ = try reader.zigzag() }
        _ = try reader.string()
        _ = try reader.data()
        _ = try reader.optionalString()
        _ = try reader.optionalString()
        _ = try reader.optionalZigzag()
        _ = try reader.optional { (reader) throws(ByteReaderError) in try reader.varint() }
        _ = try reader.list(minimumSize: 1) { (reader) throws(ByteReaderError) in try reader.string() }
    }

    @Test("mutations never crash")
    func mutations() {
        for variant in Mutations(of: sample(), count: 3000) {
            _ = try? walk(variant)
        }
    }

    @Test("a declared length beyond the record is refused before anything is allocated")
    func declaredLengths() {
        var writer = ByteWriter()
        writer.varint(.max)
        let bytes = writer.take()
        var reader = ByteReader(bytes)
        #expect(throws: ByteReaderError.truncated(offset: 0)) { try reader.data() }
        reader = ByteReader(bytes)
        #expect(throws: ByteReaderError.truncated(offset: 0)) { try reader.count(minimumSize: 8) }
        reader = ByteReader([2, 0, 0, 0])
        #expect(throws: ByteReaderError.truncated(offset: 0)) { try reader.count(minimumSize: 2) }
    }

    @Test("what no writer writes is malformed")
    func malformed() {
        for bytes: [UInt8] in [
            [0x80, 0x00], [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02],
            [UInt8](repeating: 0x80, count: 12),
        ] {
            var reader = ByteReader(bytes)
            #expect(throws: ByteReaderError.malformed(offset: 0)) { try reader.varint() }
        }
        var reader = ByteReader([2])
        #expect(throws: ByteReaderError.malformed(offset: 0)) { try reader.boolean() }
        reader = ByteReader([1, 0xFF])
        #expect(throws: ByteReaderError.invalidUTF8(offset: 0)) { try reader.string() }
    }
}

@Suite("Base64, hexadecimal, SHA-1") struct TextCodingTests {
    @Test(
        "base64 of RFC 4648 section 10, both ways",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ])
    func base64(plain: String, text: String) {
        #expect(Base64.encode(Array(plain.utf8), .standard) == text)
        #expect(Base64.decode(text, .standard) == Array(plain.utf8))
        let urlSafe = text.filter { $0 != "=" }
        #expect(Base64.encode(Array(plain.utf8), .urlSafe) == urlSafe)
        #expect(Base64.decode(urlSafe, .urlSafe) == Array(plain.utf8))
    }

    @Test("every byte survives both alphabets")
    func base64RoundTrip() {
        let bytes = (0...255).map { UInt8($0) }
        for count in 0...255 {
            let part = Array(bytes.suffix(count))
            #expect(Base64.decode(Base64.encode(part, .standard), .standard) == part)
            #expect(Base64.decode(Base64.encode(part, .urlSafe), .urlSafe) == part)
        }
        #expect(Base64.encode([0xFB, 0xFF], .standard) == "+/8=")
        #expect(Base64.encode([0xFB, 0xFF], .urlSafe) == "-_8")
    }

    @Test(
        "base64 that no encoder writes is refused",
        arguments: [
            "Z", "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm8", "Zm9v=", "=", "====", "Zg==Zg==", "Z g=", "Zm9v\n",
            "-_8=", "Zm9é",
        ])
    func badBase64(text: String) {
        #expect(Base64.decode(text, .standard) == nil)
    }

    @Test("URL-safe base64 refuses padding and the other alphabet", arguments: ["Zg==", "+/8", "Zh", "Zm9", "Z"])
    func badURLSafe(text: String) {
        #expect(Base64.decode(text, .urlSafe) == nil)
    }

    @Test("hexadecimal both ways")
    func hex() {
        #expect(Hex.encode([0x00, 0x9F, 0xFF]) == "009fff")
        #expect(Hex.decode("009FfF") == [0x00, 0x9F, 0xFF])
        #expect(Hex.decode("0") == nil)
        #expect(Hex.decode("0g") == nil)
    }

    @Test(
        "SHA-1 of published messages",
        arguments: [
            ("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"), ("abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
            ("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5e54670f1"),
            (String(repeating: "a", count: 1_000), "291e9a6c66994949b57ba5e650361e98fc36b1ba"),
        ])
    func sha1(message: String, digest: String) {
        #expect(Hex.encode(SHA1.digest(Array(message.utf8))) == digest)
    }

    @Test("decimal digits are written with their width and read strictly")
    func decimal() {
        func text(_ body: (inout [UInt8]) -> Void) -> String {
            var bytes: [UInt8] = []
            body(&bytes)
            return String(decoding: bytes, as: UTF8.self)
        }
        for value in [0, 9, 10, 99, 100, 12_345, Int64.max, Int64.min, -1] {
            #expect(text { Decimal.append(value, to: &$0) } == String(value))
        }
        #expect(text { Decimal.append(7, width: 3, to: &$0) } == "007")
        #expect(text { Decimal.append(1234, width: 3, to: &$0) } == "1234")
        #expect(text { Decimal.append(.max, width: 3, to: &$0) } == String(Int.max))
        #expect(Decimal.parse(Array("9223372036854775807".utf8).span) == .max)
        for bad in ["", "-1", "+1", " 1", "1 ", "9223372036854775808", "99999999999999999999", "1a"] {
            #expect(Decimal.parse(Array(bad.utf8).span) == nil)
        }
    }
}

@Suite("Texts in texts") struct ContainedTextTests {
    @Test(
        "a text is found wherever it stands",
        arguments: [
            ("abc", "abc"), ("abc", "a"), ("abc", "c"), ("aab", "ab"), ("abababc", "ababc"), ("né€😀", "€😀"), ("", ""),
            ("a", ""),
        ])
    func isFound(whole: String, part: String) {
        #expect(whole.contains(text: part))
    }

    @Test(
        "what does not stand there is not found",
        arguments: [("abc", "abcd"), ("abc", "ac"), ("", "a"), ("aaa", "ab"), ("ABC", "b"), ("e\u{301}", "é")])
    func isNotFound(whole: String, part: String) {
        #expect(!whole.contains(text: part))
    }
}

@Suite("Bytes at once") struct BytesAtOnceTests {
    @Test("texts of any length are appended as they are")
    func texts() {
        for length in 0..<40 {
            let ascii = String(repeating: "x", count: length)
            let wide = String(repeating: "é", count: length)
            for text: String in [ascii, wide, String((ascii + "ab").dropLast(2))] {
                var bytes: [UInt8] = [7]
                bytes.append(utf8: text)
                #expect(bytes == [7] + Array(text.utf8))
            }
        }
    }

    @Test("a byte is found where it stands first, at every place and length")
    func search() {
        for length in 0..<40 {
            let without = [UInt8](repeating: 0x41, count: length)
            #expect(ByteSearch.first(0x42, in: without.span) == length)
            for place in 0..<length {
                var bytes: [UInt8] = without
                // Neighbours that differ by one bit, and a later one of the same.
                for index in bytes.indices { bytes[index] = index.isMultiple(of: 2) ? 0x43 : 0xC2 }
                bytes[place] = 0x42
                bytes[length - 1] = 0x42
                #expect(ByteSearch.first(0x42, in: bytes.span) == place)
                #expect(ByteSearch.first(0x42, in: bytes.span, from: place) == place)
                #expect(ByteSearch.first(0x42, in: bytes.span, from: place + 1) >= min(place + 1, length - 1))
            }
        }
    }

    @Test("of every byte it is known whether it is a control character, and whether a URL may hold it")
    func kinds() {
        let foreign: Set<UInt8> = Set(Array("\"#<>\\".utf8))
        for length in [1, 7, 8, 9, 17] {
            for place in 0..<length {
                for byte in UInt8.min ... .max {
                    var bytes = [UInt8](repeating: 0x41, count: length)
                    bytes[place] = byte
                    let isControl: Bool = byte < 0x20 || byte == 0x7F
                    #expect(ByteSearch.firstControl(in: bytes.span, from: 0) == (isControl ? place : length))
                    #expect(ByteSearch.firstControl(in: bytes.span, from: place + 1) == length)
                    let isForeign: Bool = byte < 0x21 || byte > 0x7E || foreign.contains(byte)
                    #expect(ByteSearch.firstForeignToURL(in: bytes.span) == (isForeign ? place : length))
                    let isEither: Bool = byte == 0x25 || byte == 0x3F
                    #expect(ByteSearch.first(0x25, or: 0x3F, in: bytes.span) == (isEither ? place : length))
                }
            }
        }
    }

    @Test("bytes are equal to a text of the program where all of them are")
    func programTexts() {
        func isEqual(_ text: String) -> Bool { Array(text.utf8).span.isEqual(to: "tasks") }
        #expect(isEqual("tasks"))
        for other in ["task", "tasks2", "Tasks", "taskt", ""] { #expect(!isEqual(other), "\(other)") }
    }

    @Test("a UUID is appended as it is written elsewhere")
    func uuids() {
        var text: [UInt8] = []
        UUIDText.append(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210, to: &text)
        #expect(String(decoding: text, as: UTF8.self) == "01234567-89ab-cdef-fedc-ba9876543210")
        let same: InlineArray<36, UInt8> = UUIDText.bytes(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210)
        #expect(text.indices.allSatisfy { text[$0] == same[$0] })
    }
}
