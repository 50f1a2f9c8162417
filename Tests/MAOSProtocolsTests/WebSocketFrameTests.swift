import MAOSProtocols
import MAOSTestSupport
import Testing

/// A frame as it came out of the decoder.
struct CollectedFrame: Equatable {
    var head: WebSocketFrameHead
    var payload: [UInt8] = []
    var isWhole = false
}

/// Everything that came out of a decoder for some input.
struct CollectedFrames: Equatable {
    var frames: [CollectedFrame] = []
    var failure: WebSocketFailure?

    init(_ pieces: [ArraySlice<UInt8>], role: WebSocketRole, limit: Int = 1_000_000, allowsCompression: Bool = false) {
        var decoder = WebSocketFrameDecoder(role: role, payloadLimit: limit, allowsCompression: allowsCompression)
        do throws(WebSocketFailure) {
            for piece in pieces {
                decoder.receive(piece)
                while let part = try decoder.next() {
                    switch part {
                    case .head(let head):
                        frames.append(CollectedFrame(head: head))
                    case .payload(let bytes, let isLast):
                        frames[frames.count - 1].payload += bytes
                        frames[frames.count - 1].isWhole = isLast
                    }
                }
            }
        } catch {
            failure = error
        }
    }
}

@Suite("WebSocket frames") struct WebSocketFrameTests {
    @Test("the examples of RFC 6455 section 5.7")
    func examples() {
        func decode(_ bytes: [UInt8], _ role: WebSocketRole) -> [String] {
            CollectedFrames([bytes[...]], role: role).frames.map { String(decoding: $0.payload, as: UTF8.self) }
        }
        #expect(decode([0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F], .client) == ["Hello"])
        #expect(decode([0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58], .server) == ["Hello"])
        #expect(decode([0x01, 0x03, 0x48, 0x65, 0x6C, 0x80, 0x02, 0x6C, 0x6F], .client) == ["Hel", "lo"])
        #expect(
            WebSocketFrameEncoder.serverFrame(.text, Array("Hello".utf8)) == [0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F])
        #expect(
            WebSocketFrameEncoder.serverFrame(.binary, [UInt8](repeating: 0, count: 256)).prefix(4) == [
                0x82, 0x7E, 0x01, 0x00,
            ])
        #expect(
            WebSocketFrameEncoder.serverFrame(.binary, [UInt8](repeating: 0, count: 65_536)).prefix(10) == [
                0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0,
            ])
    }

    @Test(
        "what is encoded is decoded, at every length that changes the head, masked and not",
        arguments: [0, 1, 2, 3, 7, 8, 9, 63, 125, 126, 127, 128, 65_535, 65_536, 100_003])
    func roundTrip(count: Int) {
        let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        for mask: UInt32? in [nil, 0, 0x1234_5678, .max] {
            var bytes: [UInt8] = [0xFF]
            WebSocketFrameEncoder.append(.binary, payload[...], mask: mask, to: &bytes)
            bytes.removeFirst()
            let role: WebSocketRole = mask == nil ? .client : .server
            for cuts in [
                [bytes[...]], stride(from: 0, to: bytes.count, by: 11).map { bytes[$0..<min($0 + 11, bytes.count)] },
            ] {
                let result = CollectedFrames(cuts, role: role)
                #expect(result.failure == nil)
                #expect(result.frames.count == 1)
                #expect(result.frames.first?.head.length == count)
                #expect(result.frames.first?.head.opcode == .binary)
                #expect(result.frames.first?.payload == payload)
                #expect(result.frames.first?.isWhole == true)
            }
        }
    }

    @Test("however a stream is cut, the frames are the same")
    func splits() {
        var bytes: [UInt8] = []
        WebSocketFrameEncoder.append(
            .text, Array("first, longer than eight bytes".utf8)[...], mask: 0xA1B2_C3D4, to: &bytes)
        WebSocketFrameEncoder.append(.ping, [], mask: 7, to: &bytes)
        WebSocketFrameEncoder.append(
            .binary, [UInt8](repeating: 9, count: 130)[...], isFinal: false, isCompressed: true, mask: 0x0102_0304,
            to: &bytes)
        WebSocketFrameEncoder.append(.continuation, [1][...], mask: 0xFF00_00FF, to: &bytes)
        let whole = CollectedFrames([bytes[...]], role: .server, allowsCompression: true)
        #expect(whole.frames.count == 4)
        #expect(whole.frames[2].payload == [UInt8](repeating: 9, count: 130))
        everySplit(of: bytes) { pieces in
            #expect(CollectedFrames(pieces, role: .server, allowsCompression: true) == whole)
        }
    }

    @Test(
        "heads that the protocol does not allow fail as soon as they are seen",
        arguments: [
            ([0x83], .reservedOpcode(3)), ([0x87], .reservedOpcode(7)), ([0x8B], .reservedOpcode(11)),
            ([0x8F], .reservedOpcode(15)), ([0xC1], .reservedBits), ([0xA1], .reservedBits),
            ([0x91], .reservedBits), ([0x81, 0x01], .masking), ([0x09, 0x80], .controlFrame),
            ([0x89, 0xFE], .controlFrame), ([0x88, 0xFF], .controlFrame),
            ([0x82, 0xFE, 0x00, 0x7D], .lengthEncoding), ([0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], .lengthEncoding),
            ([0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0], .lengthEncoding),
            ([0x82, 0xFE, 0x03, 0xE9], .messageTooLong(limit: 1000)),
            ([0x82, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], .messageTooLong(limit: 1000)),
        ] as [([UInt8], WebSocketFailure)])
    func badHeads(bytes: [UInt8], failure: WebSocketFailure) {
        everySplit(of: bytes) { pieces in
            #expect(CollectedFrames(pieces, role: .server, limit: 1000).failure == failure)
        }
        #expect(failure.description.utf8.count <= 123)
    }

    @Test("the compression bit is for the first frame of data only, and only when agreed on")
    func compressionBit() {
        #expect(
            CollectedFrames([[0xC1, 0x00][...]], role: .client, allowsCompression: true).frames.first?.head.isCompressed
                == true)
        #expect(CollectedFrames([[0xC0, 0x00][...]], role: .client, allowsCompression: true).failure == .reservedBits)
        #expect(CollectedFrames([[0xC9, 0x00][...]], role: .client, allowsCompression: true).failure == .reservedBits)
        #expect(CollectedFrames([[0xE1, 0x00][...]], role: .client, allowsCompression: true).failure == .reservedBits)
    }

    @Test("clients refuse masked frames")
    func clientMasking() {
        #expect(CollectedFrames([[0x81, 0x80, 0, 0, 0, 0][...]], role: .client).failure == .masking)
    }
}
