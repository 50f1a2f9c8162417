/// What both sides agreed on for `permessage-deflate` (RFC 7692 §7.1).
package struct WebSocketDeflateParameters: Sendable, Hashable {
    /// Whether the server forgets its window after each message.
    package var serverNoContextTakeover = false
    /// Whether the client forgets its window after each message.
    package var clientNoContextTakeover = false
    /// The binary logarithm of the server's window, 9 … 15.
    package var serverMaxWindowBits = 15
    /// The binary logarithm of the client's window, 8 … 15.
    package var clientMaxWindowBits = 15

    /// The defaults: windows of 32 KB, kept from message to message.
    package init() {}
}

/// What a server is ready to do for `permessage-deflate`.
package struct WebSocketDeflatePolicy: Sendable, Hashable {
    /// Never keep the server's window, which saves memory per connection and costs compression.
    package var serverNoContextTakeover: Bool
    /// Have clients never keep theirs.
    package var clientNoContextTakeover: Bool
    /// The largest server window, 9 … 15.
    package var serverMaxWindowBits: Int
    /// The largest client window, 8 … 15, for clients that can limit it.
    package var clientMaxWindowBits: Int

    /// A policy; without arguments everything that clients may want.
    package init(
        serverNoContextTakeover: Bool = false, clientNoContextTakeover: Bool = false, serverMaxWindowBits: Int = 15,
        clientMaxWindowBits: Int = 15
    ) {
        self.serverNoContextTakeover = serverNoContextTakeover
        self.clientNoContextTakeover = clientNoContextTakeover
        self.serverMaxWindowBits = serverMaxWindowBits
        self.clientMaxWindowBits = clientMaxWindowBits
    }
}

/// The negotiation of `permessage-deflate` (RFC 7692 §5, §7.1); deflating itself is done elsewhere.
package enum WebSocketDeflate {
    /// A client's offer that leaves every choice to the server.
    package static let offer = "permessage-deflate; client_max_window_bits"

    private static let name = "permessage-deflate"

    /// The parameters of one offer or answer as they were written.
    private struct Terms {
        var serverNoContextTakeover = false
        var clientNoContextTakeover = false
        var serverMaxWindowBits: Int?
        var clientMaxWindowBits: Int?
        var namesClientMaxWindowBits = false

        /// Reads parameters; `nil` if one is unknown, repeated or has a value it may not have.
        init?(_ parameters: [WebSocketExtensionOffer.Parameter], isOffer: Bool) {
            var seen: [String] = []
            for parameter in parameters {
                guard !seen.contains(parameter.name) else { return nil }
                seen.append(parameter.name)
                switch (parameter.name, parameter.value) {
                case ("server_no_context_takeover", nil): serverNoContextTakeover = true
                case ("client_no_context_takeover", nil): clientNoContextTakeover = true
                case ("server_max_window_bits", let value?):
                    guard let bits = Terms.windowBits(value) else { return nil }
                    serverMaxWindowBits = bits
                case ("client_max_window_bits", let value?):
                    guard let bits = Terms.windowBits(value) else { return nil }
                    clientMaxWindowBits = bits
                    namesClientMaxWindowBits = true
                case ("client_max_window_bits", nil) where isOffer:
                    namesClientMaxWindowBits = true
                default:
                    return nil
                }
            }
        }

        /// 8 … 15 without leading zeros (§7.1.2).
        private static func windowBits(_ text: String) -> Int? {
            switch text {
            case "8": 8
            case "9": 9
            case "10": 10
            case "11": 11
            case "12": 12
            case "13": 13
            case "14": 14
            case "15": 15
            default: nil
            }
        }
    }

    /// Chooses the first of a client's offers that can be met.
    ///
    /// `extensions` are the values of its `Sec-WebSocket-Extensions` fields.
    ///
    /// - Returns: The parameters and the server's own field value; `nil` to go without the extension.
    package static func accept(
        _ extensions: [String], policy: WebSocketDeflatePolicy
    ) -> (parameters: WebSocketDeflateParameters, response: String)? {
        for field in extensions {
            for offer in WebSocketExtensionOffer.parse(field) ?? [] where offer.name == name {
                guard let terms = Terms(offer.parameters, isOffer: true) else { continue }
                // zlib cannot deflate with a window of 256 bytes.
                guard terms.serverMaxWindowBits ?? 15 >= 9 else { continue }
                return accept(terms, policy)
            }
        }
        return nil
    }

    private static func accept(
        _ terms: Terms, _ policy: WebSocketDeflatePolicy
    ) -> (parameters: WebSocketDeflateParameters, response: String) {
        var parameters = WebSocketDeflateParameters()
        var response = name
        if terms.serverNoContextTakeover || policy.serverNoContextTakeover {
            parameters.serverNoContextTakeover = true
            response += "; server_no_context_takeover"
        }
        if terms.clientNoContextTakeover || policy.clientNoContextTakeover {
            parameters.clientNoContextTakeover = true
            response += "; client_no_context_takeover"
        }
        parameters.serverMaxWindowBits = min(terms.serverMaxWindowBits ?? 15, policy.serverMaxWindowBits)
        if parameters.serverMaxWindowBits < 15 || terms.serverMaxWindowBits != nil {
            response += "; server_max_window_bits=\(parameters.serverMaxWindowBits)"
        }
        // A client that does not name this parameter cannot limit its window.
        if terms.namesClientMaxWindowBits {
            parameters.clientMaxWindowBits = min(terms.clientMaxWindowBits ?? 15, policy.clientMaxWindowBits)
            if parameters.clientMaxWindowBits < 15 || terms.clientMaxWindowBits != nil {
                response += "; client_max_window_bits=\(parameters.clientMaxWindowBits)"
            }
        }
        return (parameters, response)
    }

    /// Reads a server's answer to ``offer``; `nil` parameters if it goes without the extension.
    ///
    /// - Throws: ``WebSocketHandshakeError/extensions`` if the answer is nothing that was offered.
    package static func verify(
        _ extensions: [String]
    ) throws(WebSocketHandshakeError) -> WebSocketDeflateParameters? {
        var agreed: WebSocketDeflateParameters?
        for field in extensions {
            guard let answers = WebSocketExtensionOffer.parse(field) else { throw .extensions }
            for answer in answers {
                guard agreed == nil, answer.name == name, let terms = Terms(answer.parameters, isOffer: false) else {
                    throw .extensions
                }
                // A window of 256 bytes is one that zlib cannot deflate with.
                guard terms.clientMaxWindowBits ?? 15 >= 9 else { throw .extensions }
                var parameters = WebSocketDeflateParameters()
                parameters.serverNoContextTakeover = terms.serverNoContextTakeover
                parameters.clientNoContextTakeover = terms.clientNoContextTakeover
                parameters.serverMaxWindowBits = terms.serverMaxWindowBits ?? 15
                parameters.clientMaxWindowBits = terms.clientMaxWindowBits ?? 15
                agreed = parameters
            }
        }
        return agreed
    }
}
