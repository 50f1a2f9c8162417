import Testing

@testable import MAOSCore

@Suite("The characters of JSON strings")
struct JSONStringTests {
    private static func isSpecial(_ byte: UInt8) -> Bool { byte < 0x20 || byte == 0x22 || byte == 0x5C }

    @Test("the first special byte is found wherever it stands, and whatever stands around it")
    func firstSpecial() {
        var random = SeededRandom(seed: 7)
        for length in 0...40 {
            for _ in 0..<50 {
                let bytes: [UInt8] = (0..<length).map { _ in
                    let byte = UInt8(truncatingIfNeeded: random.next())
                    // Mostly plain ones, so that specials stand in all places.
                    return random.next() % 8 == 0 ? byte : 0x80 | byte
                }
                for start in 0...length {
                    let expected: Int = bytes[start...].firstIndex(where: JSONStringTests.isSpecial) ?? length
                    #expect(JSONString.firstSpecial(in: bytes.span, from: start) == expected)
                }
            }
        }
    }

    @Test("each single byte among plain ones is special or not as the standard has it")
    func eachByte() {
        for byte in UInt8.min...UInt8.max {
            for place in 0..<24 {
                var bytes: [UInt8] = Array(repeating: 0xA5, count: 24)
                bytes[place] = byte
                let expected: Int = JSONStringTests.isSpecial(byte) ? place : 24
                #expect(JSONString.firstSpecial(in: bytes.span, from: 0) == expected)
            }
        }
    }

    @Test("bytes that are not UTF-8 are written as U+FFFD, others as they are, with escapes")
    func bytes() {
        let cases: [([UInt8], String)] = [
            (Array("plain".utf8), #""plain""#),
            ([], #""""#),
            (Array("a\"b\\c\nd\u{1}é".utf8), #""a\"b\\c\nd\u0001é""#),
            ([0x61, 0xFF, 0x0A, 0x62], "\"a\u{FFFD}\\nb\""),
        ]
        for (bytes, expected) in cases {
            var output: [UInt8] = []
            JSONString.append(utf8: bytes[...], to: &output)
            #expect(String(decoding: output, as: UTF8.self) == expected)
            let around: [UInt8] = [0x22] + bytes + [0x22]
            output = []
            JSONString.append(utf8: around[1..<(1 + bytes.count)], to: &output)
            #expect(String(decoding: output, as: UTF8.self) == expected)
        }
    }
}
