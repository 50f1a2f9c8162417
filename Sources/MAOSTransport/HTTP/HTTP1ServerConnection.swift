internal import MAOSProtocols
package import MAOSSystem

/// A peer that speaks HTTP/1.1 to us (RFC 9112).
///
/// Requests are read ahead and answered in their order: the answer to the oldest one goes straight into the output, the
/// others wait for theirs. What one turn of the loop brings forth goes out in one write at its end. Confined to the loop.
package final class HTTP1ServerConnection: ServerConnection, @unchecked Sendable {
    /// What is to become of the connection.
    enum Phase {
        /// Requests are read and answered.
        case serving
        /// No more requests are read; it is closed when everything is answered and sent.
        case finishing
        /// Everything is sent; what the peer still sends is thrown away until it stops, so that it can read our answer.
        case lingering
        case closed
    }

    /// An answer that goes on.
    struct Stream {
        let responder: HTTPResponder
        let owner: any HTTPStreamOwner
        var isFull = false
    }

    /// Who is at the other end.
    package let peer: SocketAddress
    /// Whatever the handler wants to keep with the connection.
    package var attachment: AnyObject?

    private let handler: any HTTPHandler
    let settings: HTTPSettings
    @exclusivity(unchecked) var parser: HTTP1RequestParser
    @exclusivity(unchecked) var phase = Phase.serving

    /// The request that is being read.
    @exclusivity(unchecked) private var head: HTTPRequestHead?
    @exclusivity(unchecked) private var body = HTTP1IncomingBody()

    @exclusivity(unchecked) var pipeline = HTTP1Pipeline()
    @exclusivity(unchecked) var streams: [Stream] = []

    @exclusivity(unchecked) var output: [UInt8] = []
    @exclusivity(unchecked) var outputStart = 0

    @exclusivity(unchecked) private var inputMayWait = false
    /// The kernel has said that the end of the input is there, behind what may be left of it.
    @exclusivity(unchecked) private var peerFinished = false
    @exclusivity(unchecked) private var inputEnded = false
    @exclusivity(unchecked) var lingers = false
    @exclusivity(unchecked) private var isProcessing = false
    /// Since when the peer owes us a head, by what ``updateDeadline()`` found.
    @exclusivity(unchecked) private var headSince: Int64 = -1
    @exclusivity(unchecked) var idleSince: Int64
    @exclusivity(unchecked) private var outputSince: Int64 = -1

    init(
        _ descriptor: consuming Descriptor, peer: SocketAddress, handler: any HTTPHandler, settings: HTTPSettings,
        resources: LoopResources, limit: ConnectionLimit?
    ) {
        self.peer = peer
        self.handler = handler
        self.settings = settings
        parser = HTTP1RequestParser(
            headLimit: settings.headLimit, fieldLimit: settings.fieldLimit, bodyLimit: settings.bodyLimit)
        idleSince = resources.loop.now
        super.init(descriptor, resources: resources, limit: limit)
    }

    /// Begins to read.
    func start() {
        do throws(SystemError) {
            try begin()
            headSince = loop.now
            setDeadline(after: settings.headTimeout)
        } catch {
            close()
        }
    }

    // MARK: - Reading

    package override func ready(_ events: EventSet) {
        if events.contains(.writable), !output.isEmpty { loop.flushLater(self) }
        guard !events.isDisjoint(with: [.readable, .peerFinished, .hungUp, .failed]) else { return }
        inputMayWait = true
        if events.contains(.peerFinished) { peerFinished = true }
        guard events.isDisjoint(with: [.failed, .hungUp]) || canRead else { return close() }
        process()
    }

    /// Whether another request may be read now.
    private var canRead: Bool {
        switch phase {
        case .serving:
            pipeline.count < settings.pipelineLimit && output.count - outputStart <= settings.outputBudget
        case .lingering: true
        case .finishing, .closed: false
        }
    }

    /// Reads and handles requests as long as there are any and as many as may be under way.
    private func process() {
        guard !isProcessing else { return }
        isProcessing = true
        var rounds = 0
        while isOpen {
            if phase == .serving { handleRequests() }
            guard isOpen, canRead, inputMayWait, !inputEnded else { break }
            rounds += 1
            guard rounds <= 16 else {
                // Others on the loop want their turn.
                loop.flushLater(self)
                break
            }
            read()
        }
        isProcessing = false
        // What has been written is sent at the end of the turn, and then it is seen what is to be waited for.
        guard isOpen, output.isEmpty || outputSince >= 0 else { return }
        finishIfDone()
        updateDeadline()
    }

    /// Takes what the socket has, once.
    private func read() {
        switch resources.receive(from: self) {
        case .count(0):
            inputEnded = true
            inputMayWait = false
            endOfInput()
        case .count(let count):
            // The kernel says when there is more, unless the buffer was too small for what there was.
            if count < resources.readCount, !peerFinished { inputMayWait = false }
            guard phase == .serving else { return }
            body.note(count, at: loop.now)
            parser.receive(resources.received(count))
        case .wouldBlock:
            inputMayWait = false
        case .failed:
            close()
        }
    }

    /// The peer sends nothing more: what it asked for whole is still answered, streams end.
    private func endOfInput() {
        switch phase {
        case .serving:
            phase = .finishing
            guard streams.isEmpty else { return close() }
        case .lingering:
            close()
        case .finishing, .closed:
            break
        }
    }

    /// Turns what was read into requests, until there are too many under way.
    private func handleRequests() {
        do throws(HTTP1Error) {
            while phase == .serving, canRead {
                switch try parser.next() {
                case .head(let head)?:
                    headSince = -1
                    // Without a body there is nothing to wait for.
                    guard head.contentLength != 0 else {
                        take(head, body: [])
                        continue
                    }
                    beginBody(head)
                    self.head = head
                case .body(let piece)?:
                    guard hold(piece) else {
                        return refuse(.serviceUnavailable, "too many large requests are under way")
                    }
                case .end?:
                    guard let head = self.head.take() else { continue }
                    let whole = takeBody()
                    body.end()
                    take(head, body: whole)
                case nil:
                    return
                }
            }
        } catch {
            refuse(error.status, error.description)
        }
    }

    /// A request is whole.
    private func take(_ head: consuming HTTPRequestHead, body: consuming [UInt8]) {
        let responder = HTTPResponder(connection: self, number: pipeline.begin(), exchange: head.exchange)
        if !head.keepsAlive { phase = .finishing }
        handler.handle(head, body: body, responder: responder)
    }

    private func beginBody(_ head: HTTPRequestHead) {
        body.begin(expecting: head.contentLength, at: loop.now)
        // An earlier request's answer must come first; then the client waits, and sends its body unasked (RFC 9110 §10.1.1).
        guard head.expectsContinue, pipeline.isEmpty else { return }
        openOutput()
        output.append(contentsOf: HTTP1Serializer.continueResponse)
        loop.flushLater(self)
    }

    /// Keeps a piece of the body; false where all connections together hold so much that this one has to stand back.
    private func hold(_ piece: ArraySlice<UInt8>) -> Bool {
        body.bytes.append(contentsOf: piece)
        resources.heldBodyBytes += piece.count
        return resources.heldBodyBytes <= resources.heldBodyLimit || body.bytes.count <= settings.smallBody
    }

    private func takeBody() -> [UInt8] {
        resources.heldBodyBytes -= body.bytes.count
        let taken = body.bytes
        body.bytes = []
        return taken
    }

    /// Answers what is no request, and reads no further.
    private func refuse(_ status: HTTPStatus, _ reason: String) {
        phase = .finishing
        lingers = true
        head = nil
        _ = takeBody()
        headSince = -1
        body.end()
        let exchange = HTTP1Exchange(isHead: false, version: .http11, keepsAlive: false)
        handler.refuse(
            status, reason: reason,
            responder: HTTPResponder(connection: self, number: pipeline.begin(), exchange: exchange))
    }

    // MARK: - Sending

    package override func flush() {
        guard isOpen else { return }
        send()
        guard isOpen else { return }
        // Room in the output or in the pipeline may let more requests in.
        if phase == .serving, inputMayWait || parser.hasBytes() {
            process()
        } else {
            finishIfDone()
            updateDeadline()
        }
    }

    func openOutput() {
        if output.capacity == 0 { output = resources.takeBuffer() }
    }

    private func send() {
        while outputStart < output.count {
            let outcome = output.withUnsafeBytes { bytes in
                send(UnsafeRawBufferPointer(rebasing: bytes[outputStart...]))
            }
            switch outcome {
            case .count(let count):
                outputStart += count
                outputSince = loop.now
            case .wouldBlock:
                if outputSince < 0 { outputSince = loop.now }
                compactOutput()
                return
            case .failed:
                return close()
            }
        }
        outputSince = -1
        outputStart = 0
        if output.capacity > 0 {
            var spent: [UInt8] = []
            swap(&spent, &output)
            resources.giveBack(spent)
        }
        for place in streams.indices where streams[place].isFull {
            streams[place].isFull = false
            streams[place].owner.streamDrained(streams[place].responder)
            guard isOpen, place < streams.count else { return }
        }
    }

    private func compactOutput() {
        guard outputStart > 65_536, outputStart > output.count / 2 else { return }
        output.removeSubrange(..<outputStart)
        outputStart = 0
    }

    // MARK: - Ending

    private func finishIfDone() {
        guard phase == .finishing, pipeline.isEmpty, output.isEmpty else { return }
        guard lingers, !inputEnded else { return close() }
        phase = .lingering
        _ = withDescriptor { Socket.shutDownSending($0) }
        setDeadline(after: settings.lingerTimeout)
        inputMayWait = true
        process()
    }

    package override func drain() {
        for stream in streams { stream.owner.streamShouldEnd(stream.responder) }
        guard isOpen, phase == .serving else { return }
        if pipeline.isEmpty, output.isEmpty, head == nil, !parser.isReadingHead() { return close() }
        phase = .finishing
        lingers = true
        loop.flushLater(self)
    }

    package override func abort() {
        close()
    }

    package override func loopStopped() {
        close()
    }

    func close() {
        guard phase != .closed else { return }
        phase = .closed
        leave()
        output = []
        pipeline.abandon()
        _ = takeBody()
        head = nil
        attachment = nil
        let ended = streams
        streams = []
        for stream in ended { stream.owner.streamClosed(stream.responder) }
    }

    // MARK: - Time

    /// Sets the deadline for what the peer owes us now.
    private func updateDeadline() {
        guard isOpen, phase != .lingering else { return }
        if outputSince >= 0 { return setDeadline(at: outputSince + settings.stallTimeout) }
        guard phase == .serving, canRead else {
            // What has not come yet is not the peer's fault: it is not read.
            body.pause(at: loop.now)
            headSince = -1
            return setDeadline(at: .max)
        }
        if body.isComing { return setDeadline(at: body.deadline(settings)) }
        if parser.isReadingHead() {
            if headSince < 0 { headSince = loop.now }
            return setDeadline(at: headSince + settings.headTimeout)
        }
        guard pipeline.isEmpty else { return setDeadline(at: .max) }
        guard pipeline.hasBegun || headSince < 0 else { return setDeadline(at: headSince + settings.headTimeout) }
        headSince = -1
        setDeadline(at: idleSince + settings.idleTimeout)
    }

    package override func deadlineReached() {
        guard isOpen else { return }
        if phase == .lingering || outputSince >= 0 { return close() }
        guard phase == .serving, canRead else { return }
        if body.isComing || parser.isReadingHead() {
            refuse(.requestTimeout, "the request took too long to arrive")
            finishIfDone()
            updateDeadline()
        } else if pipeline.isEmpty {
            close()
        }
    }
}

extension HTTP1RequestParser {
    // Asking in place: a getter would be called on a copy of the whole parser, as it is a variable of a class.

    fileprivate mutating func isReadingHead() -> Bool { isInHead }
    fileprivate mutating func hasBytes() -> Bool { bufferedCount > 0 }
}
