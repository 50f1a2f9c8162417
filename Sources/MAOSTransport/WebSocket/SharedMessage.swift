internal import MAOSProtocols

/// A text message for many connections of one loop: framed once, compressed at most once, never copied per receiver.
package final class SharedMessage {
    /// The message's size before framing.
    let count: Int
    /// The frame as it goes to peers without compression.
    let frame: [UInt8]
    private let payload: [UInt8]
    private var compressed: [UInt8]?

    /// Frames a text, whose bytes are UTF-8.
    package init(text payload: [UInt8]) {
        self.payload = payload
        count = payload.count
        frame = WebSocketFrameEncoder.serverFrame(.text, payload)
    }

    /// The frame as it goes to peers whose window is of full size.
    func compressedFrame(_ resources: LoopResources) -> [UInt8] {
        if let compressed { return compressed }
        var bytes: [UInt8] = []
        var made = frame
        if resources.compress(payload[...], windowBits: 15, into: &bytes), bytes.count < payload.count {
            made = []
            WebSocketFrameEncoder.append(.text, bytes[...], isCompressed: true, to: &made)
        }
        compressed = made
        return made
    }
}
