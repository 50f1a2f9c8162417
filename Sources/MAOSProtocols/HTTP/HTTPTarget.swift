import MAOSCore

/// Why a request target has no meaning.
package enum HTTPTargetError: Error, Sendable, Hashable {
    /// A percent sign without two hexadecimal digits after it.
    case badEscape
    /// Decoded bytes that are not UTF-8, or a control character in the path.
    case badCharacter
}

/// The path and query of a request, taken apart and decoded (RFC 3986 §3.3, §3.4).
///
/// Segments are split before they are decoded, so that `%2F` is a slash inside of one. Nothing is normalised: `//` gives an empty
/// segment and `..` is a segment like any other. In the query, `+` is a space.
package struct HTTPTarget: Sendable, Hashable {
    /// One `name=value` of the query; without `=` the value is empty.
    package struct QueryItem: Sendable, Hashable {
        /// The decoded name.
        package let name: String
        /// The decoded value.
        package let value: String
    }

    /// The decoded parts between the slashes: none for `/`, a last empty one after a slash at the end.
    package let segments: [String]
    /// The items of the query in order.
    package let query: [QueryItem]

    /// Takes a target in origin form apart, `*` being a single segment.
    package init(_ target: ArraySlice<UInt8>) throws(HTTPTargetError) {
        let bytes = target.span
        var segments: [String] = []
        var index = 0
        if index < bytes.count, bytes[0] == 0x2F {
            index = 1
        }
        if index < bytes.count, bytes[index] != 0x3F {
            segments.reserveCapacity(6)
            var start = index
            while true {
                if index == bytes.count || bytes[index] == 0x2F || bytes[index] == 0x3F {
                    segments.append(try HTTPTarget.segment(bytes.extracting(start..<index)))
                    guard index < bytes.count, bytes[index] == 0x2F else { break }
                    start = index + 1
                }
                index += 1
            }
        }
        self.segments = segments
        query = index < bytes.count ? try HTTPTarget.items(bytes.extracting((index + 1)...)) : []
    }

    /// Takes a target in origin form apart.
    package init(_ target: String) throws(HTTPTargetError) {
        try self.init(Array(target.utf8)[...])
    }

    /// The value of the first query item of that name.
    package func queryValue(_ name: String) -> String? {
        for item in query where item.name == name {
            return item.value
        }
        return nil
    }

    private static func segment(_ bytes: Span<UInt8>) throws(HTTPTargetError) -> String {
        let text = try decode(bytes, plusIsSpace: false)
        for byte in text.utf8 where byte < 0x20 || byte == 0x7F {
            throw .badCharacter
        }
        return text
    }

    private static func items(_ bytes: Span<UInt8>) throws(HTTPTargetError) -> [QueryItem] {
        var items: [QueryItem] = []
        var start = 0
        while start < bytes.count {
            var end = start
            var equals: Int?
            while end < bytes.count, bytes[end] != 0x26 {
                if bytes[end] == 0x3D, equals == nil {
                    equals = end
                }
                end += 1
            }
            if end > start {
                let name = try decode(bytes.extracting(start..<(equals ?? end)), plusIsSpace: true)
                let value = try decode(bytes.extracting((equals.map { $0 + 1 } ?? end)..<end), plusIsSpace: true)
                items.append(QueryItem(name: name, value: value))
            }
            start = end + 1
        }
        return items
    }

    private static func decode(_ bytes: Span<UInt8>, plusIsSpace: Bool) throws(HTTPTargetError) -> String {
        var index = 0
        while index < bytes.count, bytes[index] != 0x25, bytes[index] != 0x2B || !plusIsSpace {
            index += 1
        }
        guard index < bytes.count else {
            guard let text = String(validUTF8: bytes) else { throw .badCharacter }
            return text
        }
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count)
        index = 0
        while index < bytes.count {
            let byte = bytes[index]
            if byte == 0x25 {
                guard index + 2 < bytes.count, let high = Hex.value(of: bytes[index + 1]),
                    let low = Hex.value(of: bytes[index + 2])
                else { throw .badEscape }
                output.append(high << 4 | low)
                index += 3
            } else {
                output.append(byte == 0x2B && plusIsSpace ? 0x20 : byte)
                index += 1
            }
        }
        guard let text = String(validUTF8: output.span) else { throw .badCharacter }
        return text
    }

    /// Text with everything but letters, digits and `-._~` escaped, to be one segment or one part of a query.
    package static func encode(_ text: String) -> String {
        var output: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
                output.append(byte)
            default:
                output.append(0x25)
                output.append(
                    contentsOf: [Hex.digit(byte >> 4), Hex.digit(byte & 0x0F)].map { $0 > 0x60 ? $0 - 0x20 : $0 })
            }
        }
        return String(decoding: output, as: UTF8.self)
    }
}
