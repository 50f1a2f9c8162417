/// One element of a `Sec-WebSocket-Extensions` field (RFC 6455 §9.1): a name and parameters, some with values.
struct WebSocketExtensionOffer: Equatable {
    struct Parameter: Equatable {
        let name: String
        let value: String?
    }

    let name: String
    let parameters: [Parameter]

    /// The elements of a field's value in order; `nil` if it does not follow the grammar.
    static func parse(_ text: String) -> [WebSocketExtensionOffer]? {
        let bytes = Array(text.utf8)
        var reader = Reader(bytes: bytes)
        var offers: [WebSocketExtensionOffer] = []
        while true {
            // Empty elements are tolerated in lists (RFC 9110 §5.6.1.2).
            while reader.take(HTTPCharacter.comma) {}
            guard !reader.isAtEnd else { return offers }
            guard let name = reader.token() else { return nil }
            var parameters: [Parameter] = []
            while reader.take(HTTPCharacter.semicolon) {
                guard let parameter = reader.token() else { return nil }
                var value: String?
                if reader.take(0x3D) {
                    guard let text = reader.tokenOrQuoted() else { return nil }
                    value = text
                }
                parameters.append(Parameter(name: parameter, value: value))
            }
            offers.append(WebSocketExtensionOffer(name: name, parameters: parameters))
            guard reader.isAtEnd || reader.take(HTTPCharacter.comma) else { return nil }
        }
    }

    private struct Reader {
        let bytes: [UInt8]
        var position = 0

        private mutating func skipWhiteSpace() {
            while position < bytes.count, HTTPCharacter.isWhiteSpace(bytes[position]) {
                position += 1
            }
        }

        var isAtEnd: Bool {
            mutating get {
                skipWhiteSpace()
                return position == bytes.count
            }
        }

        mutating func take(_ byte: UInt8) -> Bool {
            skipWhiteSpace()
            guard position < bytes.count, bytes[position] == byte else { return false }
            position += 1
            return true
        }

        mutating func token() -> String? {
            skipWhiteSpace()
            let start = position
            while position < bytes.count, HTTPCharacter.isToken(bytes[position]) {
                position += 1
            }
            guard position > start else { return nil }
            return String(decoding: bytes[start..<position], as: UTF8.self)
        }

        /// A token, or a quoted string whose content is one (RFC 6455 §9.1).
        mutating func tokenOrQuoted() -> String? {
            guard take(0x22) else { return token() }
            var content: [UInt8] = []
            while position < bytes.count, bytes[position] != 0x22 {
                if bytes[position] == 0x5C {
                    position += 1
                }
                guard position < bytes.count, HTTPCharacter.isToken(bytes[position]) else { return nil }
                content.append(bytes[position])
                position += 1
            }
            guard take(0x22), !content.isEmpty else { return nil }
            return String(decoding: content, as: UTF8.self)
        }
    }
}
