internal import MAOSProtocols

/// Text messages for many connections of one loop: framed once, compressed at most once, never copied per receiver.
package final class SharedMessage {
    /// How many messages there are; they follow each other and stay together.
    let messageCount: Int
    /// The size of the largest before framing.
    let largest: Int
    /// The frames as they go to peers without compression.
    let frame: [UInt8]
    private let payloads: [[UInt8]]
    private var compressed: [UInt8]?

    /// Frames a text, whose bytes are UTF-8.
    package convenience init(text payload: [UInt8]) { self.init(texts: [payload]) }

    /// Frames texts, whose bytes are UTF-8; at least one.
    package init(texts payloads: [[UInt8]]) {
        self.payloads = payloads
        messageCount = payloads.count
        largest = payloads.reduce(0) { max($0, $1.count) }
        var frames: [UInt8] = []
        frames.reserveCapacity(payloads.reduce(0) { $0 + $1.count + 10 })
        for payload: [UInt8] in payloads { WebSocketFrameEncoder.append(.text, payload[...], to: &frames) }
        frame = frames
    }

    /// The frames as they go to peers whose window is of full size; messages below the threshold stay as they are.
    func compressedFrame(_ resources: LoopResources, threshold: Int) -> [UInt8] {
        if let compressed { return compressed }
        var made: [UInt8] = []
        for payload: [UInt8] in payloads {
            var bytes: [UInt8] = []
            if payload.count >= threshold, resources.compress(payload[...], windowBits: 15, into: &bytes),
                bytes.count < payload.count
            {
                WebSocketFrameEncoder.append(.text, bytes[...], isCompressed: true, to: &made)
            } else {
                WebSocketFrameEncoder.append(.text, payload[...], to: &made)
            }
        }
        compressed = made
        return made
    }
}
