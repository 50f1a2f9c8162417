/// Puts the frames of data messages together (RFC 6455 §5.4) and checks their text as it arrives (§8.1).
struct WebSocketMessageAssembler: Sendable {
    /// A whole message.
    struct Message: Sendable {
        let isText: Bool
        /// Whether the bytes are to be inflated, and a text checked, by the caller.
        let isCompressed: Bool
        let bytes: [UInt8]
    }

    private enum State {
        case idle
        /// Between frames, or inside of one, of an unfinished message.
        case collecting(isText: Bool, isCompressed: Bool, endsWithFrame: Bool)
    }

    private let limit: Int
    private var state = State.idle
    private var bytes: [UInt8] = []
    private var checker = UTF8Checker()

    /// Messages may have `limit` bytes, compressed as they are.
    init(limit: Int) {
        self.limit = limit
    }

    /// Begins a frame that is not a control frame; its length is checked together with what is there.
    mutating func begin(_ head: WebSocketFrameHead) throws(WebSocketFailure) {
        switch (state, head.opcode) {
        case (.idle, .text), (.idle, .binary):
            state = .collecting(
                isText: head.opcode == .text, isCompressed: head.isCompressed, endsWithFrame: head.isFinal)
        case (.collecting(let isText, let isCompressed, _), .continuation):
            state = .collecting(isText: isText, isCompressed: isCompressed, endsWithFrame: head.isFinal)
        case (.idle, _), (.collecting, _):
            throw .fragmentation
        }
        guard head.length <= limit - bytes.count else { throw .messageTooLong(limit: limit) }
    }

    /// Takes a piece of the frame's payload; gives the message if it was the last one.
    mutating func append(_ piece: ArraySlice<UInt8>, isLast: Bool) throws(WebSocketFailure) -> Message? {
        guard case .collecting(let isText, let isCompressed, let endsWithFrame) = state else {
            preconditionFailure("a frame was begun")
        }
        if isText, !isCompressed {
            guard checker.accepts(piece) else { throw .invalidUTF8 }
        }
        guard isLast, endsWithFrame else {
            bytes.append(contentsOf: piece)
            return nil
        }
        guard checker.isComplete else { throw .invalidUTF8 }
        let whole: [UInt8]
        if bytes.isEmpty {
            whole = Array(piece)
        } else {
            bytes.append(contentsOf: piece)
            whole = bytes
            bytes = []
        }
        state = .idle
        return Message(isText: isText, isCompressed: isCompressed, bytes: whole)
    }
}
