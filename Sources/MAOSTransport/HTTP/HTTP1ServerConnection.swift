internal import MAOSProtocols
package import MAOSSystem

/// A peer that speaks HTTP/1.1 to us (RFC 9112).
///
/// Requests are read ahead and answered in their order: the answer to the oldest one goes straight into the output, the
/// others wait for theirs. What one turn of the loop brings forth goes out in one write at its end. Confined to the loop.
package final class HTTP1ServerConnection: ServerConnection, @unchecked Sendable {
    /// What is to become of the connection.
    private enum Phase {
        /// Requests are read and answered.
        case serving
        /// No more requests are read; it is closed when everything is answered and sent.
        case finishing
        /// Everything is sent; what the peer still sends is thrown away until it stops, so that it can read our answer.
        case lingering
        case closed
    }

    /// An answer that goes on.
    private struct Stream {
        let responder: HTTPResponder
        let owner: any HTTPStreamOwner
        var isFull = false
    }

    /// Who is at the other end.
    package let peer: SocketAddress
    /// Whatever the handler wants to keep with the connection.
    package var attachment: AnyObject?

    private let handler: any HTTPHandler
    private let settings: HTTPSettings
    @exclusivity(unchecked) private var parser: HTTP1RequestParser
    @exclusivity(unchecked) private var phase = Phase.serving

    /// The request that is being read.
    @exclusivity(unchecked) private var head: HTTPRequestHead?
    @exclusivity(unchecked) private var body = HTTP1IncomingBody()

    @exclusivity(unchecked) private var pipeline = HTTP1Pipeline()
    @exclusivity(unchecked) private var streams: [Stream] = []

    @exclusivity(unchecked) private var output: [UInt8] = []
    @exclusivity(unchecked) private var outputStart = 0

    @exclusivity(unchecked) private var inputMayWait = false
    /// The kernel has said that the end of the input is there, behind what may be left of it.
    @exclusivity(unchecked) private var peerFinished = false
    @exclusivity(unchecked) private var inputEnded = false
    @exclusivity(unchecked) private var lingers = false
    @exclusivity(unchecked) private var isProcessing = false
    /// Since when the peer owes us a head, by what ``updateDeadline()`` found.
    @exclusivity(unchecked) private var headSince: Int64 = -1
    @exclusivity(unchecked) private var idleSince: Int64
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

    // MARK: - Answering

    /// Whether a request has no whole answer yet.
    func isAwaiting(_ number: UInt32) -> Bool {
        isOpen && phase != .closed && pipeline.isAwaiting(number)
    }

    func respond(
        _ responder: HTTPResponder, _ status: HTTPStatus, contentType: String, body: [UInt8], requestID: RequestID?,
        fields: HTTPFields
    ) {
        guard isAwaiting(responder.number) else { return }
        let exchange = outgoing(responder)
        let lead = resources.lead(status, contentType: contentType)
        append(to: responder.number) { output in
            HTTP1Serializer.appendResponse(
                lead, body: body, requestID: requestID, fields: fields, exchange: exchange, to: &output)
        }
        finish(responder.number, closes: !exchange.keepsAlive)
    }

    func respond(_ responder: HTTPResponder, _ status: HTTPStatus, fields: HTTPFields) {
        guard isAwaiting(responder.number) else { return }
        let exchange = outgoing(responder)
        let date = resources.date
        append(to: responder.number) { output in
            HTTP1Serializer.appendResponseHead(
                status, fields: fields, body: .length(0), exchange: exchange, date: date, to: &output)
        }
        finish(responder.number, closes: !exchange.keepsAlive)
    }

    func beginStream(
        _ responder: HTTPResponder, _ status: HTTPStatus, fields: HTTPFields, owner: any HTTPStreamOwner
    ) -> Bool {
        guard isAwaiting(responder.number) else { return false }
        let exchange = outgoing(responder)
        let date = resources.date
        append(to: responder.number) { output in
            HTTP1Serializer.appendResponseHead(
                status, fields: fields, body: .chunked, exchange: exchange, date: date, to: &output)
        }
        if exchange.isHead || status.hasNoBody {
            finish(responder.number, closes: !exchange.keepsAlive || exchange.version == .http10)
            return false
        }
        streams.append(Stream(responder: responder, owner: owner))
        return true
    }

    func write(_ responder: HTTPResponder, _ bytes: ArraySlice<UInt8>) -> HTTPResponder.Backlog {
        guard isOpen, let place = streams.firstIndex(where: { $0.responder.number == responder.number }) else {
            return .closed
        }
        let isChunked = responder.exchange.version != .http10
        var backlog = 0
        append(to: responder.number) { output in
            if isChunked {
                HTTP1Serializer.appendChunk(bytes, to: &output)
            } else {
                output.append(contentsOf: bytes)
            }
            backlog = output.count
        }
        if pipeline.isFirst(responder.number) { backlog -= outputStart }
        guard backlog > settings.streamBudget else { return .open }
        guard backlog <= settings.streamBudget * 4 else {
            close()
            return .closed
        }
        streams[place].isFull = true
        return .full
    }

    func finishStream(_ responder: HTTPResponder) {
        guard isOpen, let place = streams.firstIndex(where: { $0.responder.number == responder.number }) else { return }
        let stream = streams.remove(at: place)
        let exchange = outgoing(responder)
        if exchange.version != .http10 { append(to: responder.number) { HTTP1Serializer.appendLastChunk(to: &$0) } }
        finish(responder.number, closes: !exchange.keepsAlive || exchange.version == .http10)
        stream.owner.streamClosed(responder)
    }

    func upgrade(
        _ responder: HTTPResponder, _ request: HTTPRequestHead, subprotocols: [String], delegate: any WebSocketDelegate
    ) -> WebSocketServerConnection? {
        guard isAwaiting(responder.number) else { return nil }
        let acceptance: WebSocketHandshake.Acceptance
        do throws(WebSocketHandshakeError) {
            // Nothing may be under way beside the request that ends the HTTP of this connection.
            guard pipeline.isFirst(responder.number), pipeline.isLast(responder.number), phase == .serving else {
                throw .notAnUpgrade
            }
            acceptance = try WebSocketHandshake.accept(
                request, subprotocols: subprotocols, deflate: settings.webSocket.deflatePolicy)
        } catch {
            let fields: HTTPFields = error == .version ? [.secWebSocketVersion: "13"] : HTTPFields()
            respond(
                responder, error.status, contentType: "text/plain; charset=utf-8",
                body: Array("not a WebSocket handshake of RFC 6455\n".utf8), requestID: nil, fields: fields)
            return nil
        }
        openOutput()
        acceptance.appendResponse(date: resources.date, to: &output)
        let early = parser.takeRemaining()
        guard let descriptor = handOver() else { return nil }
        let socket = WebSocketServerConnection(
            descriptor, peer: peer, acceptance: acceptance, output: Array(output[outputStart...]), early: early,
            settings: settings.webSocket, delegate: delegate, resources: resources, limit: inheritedLimit)
        socket.start()
        close()
        return socket
    }

    func closeAfterwards() {
        guard phase == .serving else { return }
        phase = .finishing
        lingers = true
    }

    /// What the answer has to say about the connection: a last one says that it is the last.
    private func outgoing(_ responder: HTTPResponder) -> HTTP1Exchange {
        var exchange = responder.exchange
        if phase != .serving, pipeline.isLast(responder.number) { exchange.keepsAlive = false }
        return exchange
    }

    private func openOutput() {
        if output.capacity == 0 { output = resources.takeBuffer() }
    }

    @inline(__always)
    private func append(to number: UInt32, _ body: (inout [UInt8]) -> Void) {
        if pipeline.isFirst(number) {
            openOutput()
            body(&output)
            loop.flushLater(self)
        } else {
            pipeline.hold(number, body)
        }
    }

    private func finish(_ number: UInt32, closes: Bool) {
        guard pipeline.isFirst(number) else { return pipeline.finishHeld(number, closes: closes) }
        if pipeline.finishFirst(closes: closes, to: &output) {
            // The peer was told that this answer is the last: what else was asked goes without.
            if phase == .serving { phase = .finishing }
            pipeline.abandon()
            let orphans = streams
            streams = []
            for stream in orphans { stream.owner.streamClosed(stream.responder) }
        }
        idleSince = loop.now
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

    private func close() {
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
