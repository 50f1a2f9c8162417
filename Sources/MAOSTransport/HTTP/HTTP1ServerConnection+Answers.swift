internal import MAOSProtocols
internal import MAOSSystem

/// What responders say: answers, streams and upgrades, each in its request's turn.
extension HTTP1ServerConnection {
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
}
