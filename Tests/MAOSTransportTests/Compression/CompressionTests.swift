import MAOSTestSupport
import MAOSTransport
import Testing

@Suite("Message compression")
struct CompressionTests {
    private func sample(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count { bytes.append(contentsOf: "{\"id\":\(bytes.count),\"type\":\"task_update\"},".utf8) }
        return Array(bytes.prefix(count))
    }

    @Test(
        "messages of every size come back as they were", arguments: [0, 1, 2, 3, 100, 1_023, 1_024, 65_536, 1_000_000])
    func roundTrip(count: Int) throws {
        let message = sample(count)
        var deflater = try Deflater()
        var inflater = try Inflater()
        for _ in 0..<3 {
            var compressed: [UInt8] = [42]
            deflater.compress(message[...], into: &compressed)
            #expect(compressed[0] == 42)
            #expect(count < 200 || compressed.count < count / 2)
            let expanded = try inflater.expand(compressed[1...], limit: max(1, count))
            #expect(expanded == message)
        }
    }

    @Test("every window size gives something that every inflater reads", arguments: 9...15)
    func windows(bits: Int) throws {
        let message = sample(100_000)
        var deflater = try Deflater(windowBits: bits, level: 6)
        var inflater = try Inflater()
        var compressed: [UInt8] = []
        deflater.compress(message[...], into: &compressed)
        let expanded = try inflater.expand(compressed[...], limit: 100_000)
        #expect(expanded == message)
    }

    @Test("random bytes survive, though they do not shrink")
    func incompressible() throws {
        var state: UInt64 = 1
        let message = (0..<70_000).map { _ -> UInt8 in
            state = state &* 6_364_136_223_846_793_005 &+ 1
            return UInt8(truncatingIfNeeded: state >> 33)
        }
        var deflater = try Deflater()
        var inflater = try Inflater()
        var compressed: [UInt8] = []
        deflater.compress(message[...], into: &compressed)
        let expanded = try inflater.expand(compressed[...], limit: message.count)
        #expect(expanded == message)
    }

    @Test("a small message that would grow without measure is stopped at the limit")
    func bomb() throws {
        var deflater = try Deflater(windowBits: 15, level: 9)
        var compressed: [UInt8] = []
        deflater.compress([UInt8](repeating: 0, count: 8_000_000)[...], into: &compressed)
        #expect(compressed.count < 20_000)
        var inflater = try Inflater()
        let outcome = Result { () throws(CompressionError) in try inflater.expand(compressed[...], limit: 1_000_000) }
        #expect(outcome == .failure(.tooLarge(limit: 1_000_000)))
        var small: [UInt8] = []
        deflater.compress(sample(500)[...], into: &small)
        let after = try inflater.expand(small[...], limit: 500)
        #expect(after == sample(500))
    }

    @Test("the limit is exact")
    func exactLimit() throws {
        var deflater = try Deflater()
        var inflater = try Inflater()
        var compressed: [UInt8] = []
        deflater.compress(sample(2_048)[...], into: &compressed)
        let fits = try inflater.expand(compressed[...], limit: 2_048)
        #expect(fits.count == 2_048)
        let outcome = Result { () throws(CompressionError) in try inflater.expand(compressed[...], limit: 2_047) }
        #expect(outcome == .failure(.tooLarge(limit: 2_047)))
    }

    @Test("a message that ends in a final block is read (RFC 7692 §7.2.3.4)")
    func finalBlock() throws {
        let hello: [UInt8] = [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]
        var inflater = try Inflater()
        for message in [hello, hello + [0]] {
            let expanded = try inflater.expand(message[...], limit: 100)
            #expect(expanded == Array("Hello".utf8))
        }
        let twice = try inflater.expand((hello + hello + [0])[...], limit: 100)
        #expect(twice == Array("HelloHello".utf8))
        let outcome = Result { () throws(CompressionError) in try inflater.expand((hello + [1, 2, 3])[...], limit: 100)
        }
        #expect(outcome == .failure(.malformed))
    }

    @Test("damaged messages are refused or read as something else, within the limit")
    func damaged() throws {
        var deflater = try Deflater()
        var compressed: [UInt8] = []
        deflater.compress(sample(2_000)[...], into: &compressed)
        var inflater = try Inflater()
        for damaged in Mutations(of: compressed, count: 3_000) {
            let outcome = Result { () throws(CompressionError) in try inflater.expand(damaged[...], limit: 10_000) }
            if case .success(let bytes) = outcome { #expect(bytes.count <= 10_000) }
        }
    }
}
