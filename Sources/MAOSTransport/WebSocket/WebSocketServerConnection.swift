package import MAOSProtocols
package import MAOSSystem

/// A peer that speaks WebSocket to us (RFC 6455), after the handshake.
///
/// Frames to be sent are kept as references, so that one frame can wait for many peers; what one turn of the loop brings
/// forth goes out in one write. Compression needs nothing that is kept per connection. Confined to the loop.
package final class WebSocketServerConnection: ServerConnection, @unchecked Sendable {
    /// How much waits to be sent.
    package enum Backlog: Sendable {
        /// Little: send on.
        case open
        /// Much: send no more than must be before ``WebSocketDelegate/onDrained(_:)``.
        case full
        /// The connection is over, or about to be.
        case closed
    }

    private enum Phase {
        case open
        /// Nothing more is read or accepted for sending; what waits goes out.
        case finishing
        /// Everything is sent; what the peer still sends is thrown away until it stops.
        case lingering
        case closed
    }

    // What sending looks at stands first, and so together in memory: of a message for very many connections, none of which
    // was touched lately, fetching it is most of what we add to the kernel's work.

    /// Whether messages can still be sent.
    @exclusivity(unchecked) package private(set) var canSend = true
    @exclusivity(unchecked) private var isFull = false
    private let settings: WebSocketSettings
    /// Bytes that wait to be sent.
    @exclusivity(unchecked) package private(set) var backlog = 0
    private let windowBits: Int?

    /// Who is at the other end.
    package let peer: SocketAddress
    /// The subprotocol that was agreed on, if any.
    package let subprotocol: String?

    @exclusivity(unchecked) private var delegate: (any WebSocketDelegate)?
    @exclusivity(unchecked) private var machine: WebSocketConnection
    @exclusivity(unchecked) private var phase = Phase.open

    @exclusivity(unchecked) private var queue: [[UInt8]] = []
    @exclusivity(unchecked) private var queueStart = 0
    /// The place in the queue behind what goes out before the rest.
    @exclusivity(unchecked) private var urgentEnd = 0
    /// Bytes of the first frame that are sent.
    @exclusivity(unchecked) private var frameStart = 0
    @exclusivity(unchecked) private var early: [UInt8]

    @exclusivity(unchecked) private var inputMayWait = true
    /// Whether the delegate takes more.
    @exclusivity(unchecked) private var isReadingWanted = true
    /// Messages may be waiting that were read before the delegate took no more.
    @exclusivity(unchecked) private var eventsMayWait = false
    /// The kernel has said that the end of the input is there, behind what may be left of it.
    @exclusivity(unchecked) private var peerFinished = false
    @exclusivity(unchecked) private var inputEnded = false
    @exclusivity(unchecked) private var isProcessing = false
    @exclusivity(unchecked) private var pingsOpen = 0
    @exclusivity(unchecked) private var nextPing: Int64 = .max
    @exclusivity(unchecked) private var closeDeadline: Int64 = .max

    init(
        _ descriptor: consuming Descriptor, peer: SocketAddress, acceptance: WebSocketHandshake.Acceptance,
        output: [UInt8], early: [UInt8], settings: WebSocketSettings, delegate: any WebSocketDelegate,
        resources: LoopResources, limit: ConnectionLimit?
    ) {
        self.peer = peer
        self.settings = settings
        self.delegate = delegate
        self.early = early
        subprotocol = acceptance.subprotocol
        windowBits = acceptance.deflate?.serverMaxWindowBits
        machine = .server(messageLimit: settings.messageLimit, allowsCompression: acceptance.deflate != nil)
        super.init(descriptor, resources: resources, limit: limit)
        enqueue(output)
        // Nothing goes before the handshake.
        urgentEnd = queue.count
    }

    /// Begins to read.
    func start() {
        do throws(SystemError) {
            try begin()
        } catch {
            return terminate(.abnormal, "")
        }
        if let interval = settings.pingInterval { nextPing = loop.now + interval }
        updateDeadline()
        loop.flushLater(self)
    }

    // MARK: - Sending

    /// Sends a frame that ``WebSocketFrameEncoder/serverFrame(_:_:)`` made; the bytes are kept by reference until they are sent.
    @discardableResult
    package func send(frame: [UInt8]) -> Backlog {
        guard canSend else { return .closed }
        enqueue(frame)
        return checkBacklog()
    }

    /// Sends a message that many get.
    ///
    /// - Parameters:
    ///   - message: The message.
    ///   - isAlone: Whether nothing else is there to be said in this turn of the loop: then it need not wait for the turn's end.
    /// - Returns: How much waits now.
    @discardableResult
    package func send(_ message: SharedMessage, isAlone: Bool = false) -> Backlog {
        let compresses = windowBits == 15 && message.largest >= settings.compressionThreshold
        let frame: [UInt8] =
            compresses
            ? message.compressedFrame(resources, threshold: settings.compressionThreshold) : message.frame
        return isAlone && sendAtOnce(frame) ? checkBacklog() : send(frame: frame)
    }

    /// Sends a frame past the queue, which is much of what a single message to very many costs.
    ///
    /// - Returns: False where something waits already, or nothing can be sent now.
    private func sendAtOnce(_ frame: [UInt8]) -> Bool {
        guard canSend, backlog == 0, isOpen else { return false }
        guard case .count(let count) = frame.withUnsafeBytes({ send($0) }) else { return false }
        if count < frame.count {
            enqueue(frame)
            frameStart = count
            backlog -= count
        }
        return true
    }

    /// Sends a text message, whose bytes are UTF-8.
    ///
    /// - Parameters:
    ///   - text: The message.
    ///   - isUrgent: Whether it goes before what waits, behind the frame that has begun and behind what is urgent too.
    /// - Returns: How much waits now.
    @discardableResult
    package func sendText(_ text: [UInt8], isUrgent: Bool = false) -> Backlog {
        send(.text, text, isUrgent: isUrgent)
    }

    /// Sends a binary message.
    @discardableResult
    package func sendBinary(_ bytes: [UInt8]) -> Backlog {
        send(.binary, bytes)
    }

    private func send(_ opcode: WebSocketOpcode, _ payload: [UInt8], isUrgent: Bool = false) -> Backlog {
        guard canSend else { return .closed }
        var frame: [UInt8] = []
        if let windowBits, payload.count >= settings.compressionThreshold {
            var compressed: [UInt8] = []
            if resources.compress(payload[...], windowBits: windowBits, into: &compressed),
                compressed.count < payload.count
            {
                WebSocketFrameEncoder.append(opcode, compressed[...], isCompressed: true, to: &frame)
            }
        }
        if frame.isEmpty { WebSocketFrameEncoder.append(opcode, payload[...], to: &frame) }
        if isUrgent { enqueueUrgent(frame) } else { enqueue(frame) }
        return checkBacklog()
    }

    /// Begins the end of the connection: sends a close frame after what waits, and waits for the peer's.
    ///
    /// - Parameters:
    ///   - code: Why.
    ///   - reason: Why, for people; cut to what a frame can hold.
    ///   - discardingBacklog: Whether to drop what waits to be sent, except for the rest of a frame that has begun: for
    ///     peers that do not read.
    package func close(_ code: WebSocketCloseCode, reason: String = "", discardingBacklog: Bool = false) {
        guard canSend else { return }
        canSend = false
        // The peer's answer is among what comes.
        setReading(true)
        if discardingBacklog { discardBacklog() }
        var frame: [UInt8] = []
        machine.close(code, reason: reason, to: &frame)
        enqueue(frame)
        closeDeadline = loop.now + settings.closeTimeout
        updateDeadline()
    }

    /// Has ``WebSocketDelegate/onDrained(_:)`` called when nothing waits to be sent any more, however little does now.
    package func tellWhenDrained() {
        guard canSend else { return }
        isFull = true
        loop.flushLater(self)
    }

    private func enqueue(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return }
        queue.append(bytes)
        backlog += bytes.count
        loop.flushLater(self)
    }

    private func enqueueUrgent(_ frame: [UInt8]) {
        let place: Int = min(max(urgentEnd, frameStart > 0 ? queueStart + 1 : queueStart), queue.count)
        queue.insert(frame, at: place)
        urgentEnd = place + 1
        backlog += frame.count
        loop.flushLater(self)
    }

    private func checkBacklog() -> Backlog {
        guard backlog > settings.sendBudget else { return .open }
        isFull = true
        guard backlog > settings.sendLimit else { return .full }
        close(.tryAgainLater, reason: "too slow a reader", discardingBacklog: true)
        return .closed
    }

    private func discardBacklog() {
        let kept = frameStart > 0 ? queueStart + 1 : queueStart
        guard kept < queue.count else { return }
        for place in kept..<queue.count { backlog -= queue[place].count }
        queue.removeSubrange(kept...)
    }

    package override func flush() {
        guard isOpen else { return }
        send()
        guard isOpen else { return }
        if phase == .open, !early.isEmpty || inputMayWait {
            process()
        } else {
            finishIfDone()
        }
    }

    private func send() {
        while backlog > 0 {
            let outcome: Transfer
            let first = queue[queueStart]
            if first.count - frameStart >= LoopResources.directSendSize || queueStart + 1 == queue.count {
                outcome = first.withUnsafeBytes { bytes in
                    send(UnsafeRawBufferPointer(rebasing: bytes[frameStart...]))
                }
            } else {
                outcome = resources.sendGathered(queue[queueStart...], skipping: frameStart, to: self)
            }
            switch outcome {
            case .count(let count): advance(count)
            case .wouldBlock: return
            case .failed: return terminate(.abnormal, "")
            }
        }
        guard isFull, phase == .open else { return }
        isFull = false
        delegate?.onDrained(self)
    }

    /// Takes so many bytes off the queue's front.
    private func advance(_ count: Int) {
        backlog -= count
        var left = count + frameStart
        frameStart = 0
        while queueStart < queue.count, left >= queue[queueStart].count {
            left -= queue[queueStart].count
            queue[queueStart] = []
            queueStart += 1
        }
        frameStart = left
        if queueStart == queue.count {
            queue.removeAll(keepingCapacity: queue.capacity <= 16)
            queueStart = 0
            urgentEnd = 0
        } else if queueStart > 256, queueStart > queue.count / 2 {
            queue.removeSubrange(..<queueStart)
            urgentEnd = max(0, urgentEnd - queueStart)
            queueStart = 0
        }
    }

    // MARK: - Receiving

    package override func ready(_ events: EventSet) {
        if events.contains(.writable), backlog > 0 { loop.flushLater(self) }
        guard !events.isDisjoint(with: [.readable, .peerFinished, .hungUp, .failed]) else { return }
        inputMayWait = true
        if events.contains(.peerFinished) { peerFinished = true }
        guard events.isDisjoint(with: [.failed, .hungUp]) || canRead else { return terminate(.abnormal, "") }
        process()
    }

    /// Stops to read what the peer sends, or goes on with it; for delegates that cannot take more for now.
    ///
    /// A peer that is not read from is taken for alive.
    package func setReading(_ isWanted: Bool) {
        guard isWanted != isReadingWanted else { return }
        isReadingWanted = isWanted
        guard isWanted, isOpen else { return }
        inputMayWait = true
        loop.flushLater(self)
    }

    /// A peer that does not read is not read from either.
    private var canRead: Bool {
        switch phase {
        case .open: isReadingWanted && backlog <= settings.sendBudget
        case .lingering: true
        case .finishing, .closed: false
        }
    }

    private func process() {
        guard !isProcessing else { return }
        isProcessing = true
        if !early.isEmpty {
            let bytes = early
            early = []
            machine.receive(bytes)
            handleEvents()
        }
        if eventsMayWait, isReadingWanted {
            eventsMayWait = false
            handleEvents()
        }
        var rounds = 0
        while isOpen, canRead, inputMayWait, !inputEnded {
            rounds += 1
            guard rounds <= 16 else {
                // Others on the loop want their turn.
                loop.flushLater(self)
                break
            }
            read()
        }
        isProcessing = false
        finishIfDone()
    }

    private func read() {
        switch resources.receive(from: self) {
        case .count(0):
            inputEnded = true
            inputMayWait = false
            // Without a close frame before it this is no orderly end.
            if phase == .open || phase == .lingering { terminate(.abnormal, "") }
        case .count(let count):
            if count < resources.readCount, !peerFinished { inputMayWait = false }
            guard phase == .open else { return }
            pingsOpen = 0
            machine.receive(resources.received(count))
            handleEvents()
        case .wouldBlock:
            inputMayWait = false
        case .failed:
            terminate(.abnormal, "")
        }
    }

    private func handleEvents() {
        var replies: [UInt8] = []
        while phase == .open, let event = machine.next(replies: &replies) {
            if !replies.isEmpty {
                enqueue(replies)
                replies = []
            }
            switch event {
            // Who has said goodbye listens for nothing but the answer to that.
            case .text where !canSend, .binary where !canSend: break
            case .compressedText where !canSend, .compressedBinary where !canSend: break
            case .text(let text): delegate?.onText(text, self)
            case .binary(let bytes): delegate?.onBinary(bytes, self)
            case .compressedText(let bytes): handleCompressed(bytes, isText: true)
            case .compressedBinary(let bytes): handleCompressed(bytes, isText: false)
            case .ping, .pong: delegate?.onSignOfLife(self)
            case .close(let code, let reason): finish(code, reason)
            case .failure(let failure): finish(failure.closeCode, failure.description)
            }
            guard isReadingWanted else {
                eventsMayWait = true
                return
            }
        }
    }

    private func handleCompressed(_ bytes: [UInt8], isText: Bool) {
        do throws(CompressionError) {
            let expanded = try resources.expand(bytes[...], limit: settings.messageLimit)
            guard isText else {
                delegate?.onBinary(expanded, self)
                return
            }
            guard (try? UTF8Span(validating: expanded.span)) != nil else { return fail(.invalidUTF8) }
            delegate?.onText(expanded, self)
        } catch {
            switch error {
            case .tooLarge(let limit): fail(.messageTooLong(limit: limit))
            case .malformed, .outOfMemory: fail(.compression)
            }
        }
    }

    private func fail(_ failure: WebSocketFailure) {
        var replies: [UInt8] = []
        machine.fail(failure, replies: &replies)
        enqueue(replies)
        finish(failure.closeCode, failure.description)
    }

    // MARK: - Ending

    /// Both sides know that it is over: what waits goes out, then the connection ends.
    private func finish(_ code: WebSocketCloseCode, _ reason: String) {
        guard phase == .open else { return }
        canSend = false
        phase = .finishing
        closeDeadline = loop.now + settings.closeTimeout
        nextPing = .max
        updateDeadline()
        tellDelegate(code, reason)
        loop.flushLater(self)
    }

    private func finishIfDone() {
        guard phase == .finishing, backlog == 0, isOpen else { return }
        guard !inputEnded else { return terminate(.abnormal, "") }
        phase = .lingering
        _ = withDescriptor { Socket.shutDownSending($0) }
        inputMayWait = true
        process()
    }

    /// Ends the connection at once.
    private func terminate(_ code: WebSocketCloseCode, _ reason: String) {
        guard phase != .closed else { return }
        canSend = false
        phase = .closed
        leave()
        queue = []
        queueStart = 0
        backlog = 0
        early = []
        tellDelegate(code, reason)
    }

    private func tellDelegate(_ code: WebSocketCloseCode, _ reason: String) {
        guard let told = delegate else { return }
        delegate = nil
        told.onClose(code, reason: reason, self)
    }

    package override func drain() {
        delegate?.onServerEnding(self)
    }

    package override func abort() {
        terminate(.goingAway, "")
    }

    package override func loopStopped() {
        terminate(.goingAway, "")
    }

    // MARK: - Time

    private func updateDeadline() {
        guard isOpen else { return }
        setDeadline(at: min(nextPing, closeDeadline))
    }

    package override func deadlineReached() {
        guard isOpen else { return }
        guard loop.now < closeDeadline else { return terminate(.abnormal, "") }
        guard let interval = settings.pingInterval, canSend else { return updateDeadline() }
        if loop.now >= nextPing {
            guard pingsOpen < settings.unansweredPings else { return terminate(.abnormal, "no answer to pings") }
            if isReadingWanted { pingsOpen += 1 }
            nextPing = loop.now + interval
            var ping: [UInt8] = []
            machine.sendPing(to: &ping)
            enqueue(ping)
        }
        updateDeadline()
    }
}
