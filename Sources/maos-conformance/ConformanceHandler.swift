import MAOSProtocols
import MAOSTransport

/// Plain answers on the product's own transport and codecs, so that public suites can judge those.
final class ConformanceHandler: HTTPHandler {
    private let okBody = Array("OK".utf8)
    private let echo = WebSocketEcho()

    func handle(_ request: HTTPRequestHead, body: [UInt8], responder: HTTPResponder) {
        let path = request.target.prefix { $0 != UInt8(ascii: "?") }
        if path.elementsEqual("/".utf8) || path.elementsEqual("*".utf8) {
            handleRoot(request, body, responder)
        } else if path.elementsEqual("/echo".utf8) {
            let type = request.fields[.contentType] ?? "application/octet-stream"
            responder.respond(.ok, contentType: type, body: body)
        } else if path.elementsEqual("/cookie".utf8) {
            var text = ""
            for (name, value) in request.fields.cookies() { text += "\(name)=\(value)\n" }
            responder.respond(.ok, contentType: "text/plain", body: Array(text.utf8))
        } else if path.elementsEqual("/ws-echo".utf8) {
            _ = responder.upgrade(request, delegate: echo)
        } else {
            responder.respond(.notFound, contentType: "text/plain", body: Array("not found\n".utf8))
        }
    }

    /// Suites of HTTP itself have only this one resource to try methods and bodies on.
    private func handleRoot(_ request: HTTPRequestHead, _ body: [UInt8], _ responder: HTTPResponder) {
        let allowed: HTTPFields = [.allow: "GET, HEAD, POST, OPTIONS"]
        switch request.method {
        case .get, .head:
            responder.respond(.ok, contentType: "text/plain", body: okBody)
        case .post:
            responder.respond(.ok, contentType: "text/plain", body: body)
        case .options:
            responder.respond(.noContent, fields: allowed)
        default:
            responder.respond(
                .methodNotAllowed, contentType: "text/plain", body: Array("method not allowed\n".utf8), fields: allowed)
        }
    }
}

/// Sends back what comes, as what it came.
final class WebSocketEcho: WebSocketDelegate {
    func onText(_ text: [UInt8], _ socket: WebSocketServerConnection) {
        socket.sendText(text)
    }

    func onBinary(_ bytes: [UInt8], _ socket: WebSocketServerConnection) {
        socket.sendBinary(bytes)
    }

    func onClose(_ code: WebSocketCloseCode, reason: String, _ socket: WebSocketServerConnection) {}
}
