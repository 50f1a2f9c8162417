extension HTTPFields {
    /// The pairs of all `Cookie` fields in order (RFC 6265 §4.2.1); parts without a name are left out.
    package func cookies() -> [(name: String, value: String)] {
        var pairs: [(name: String, value: String)] = []
        for field in values(.cookie) {
            for part in field.utf8.split(separator: HTTPCharacter.semicolon) {
                let bytes = Array(part)
                guard let equals = bytes.firstIndex(of: 0x3D) else { continue }
                let name = HTTPCharacter.trimmed(bytes.span, 0..<equals)
                let value = HTTPCharacter.trimmed(bytes.span, (equals + 1)..<bytes.count)
                guard !name.isEmpty else { continue }
                pairs.append(
                    (
                        name: String(decoding: bytes[name], as: UTF8.self),
                        value: String(decoding: bytes[value], as: UTF8.self)
                    ))
            }
        }
        return pairs
    }
}
