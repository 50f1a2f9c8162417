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
        let mark = target.firstIndex(of: 0x3F) ?? target.endIndex
        var path = target[..<mark]
        if path.first == 0x2F {
            path = path.dropFirst()
        }
        var segments: [String] = []
        if !path.isEmpty {
            segments.reserveCapacity(6)
            for segment in path.split(separator: 0x2F, omittingEmptySubsequences: false) {
                let decoded = try HTTPTarget.decode(segment, plusIsSpace: false)
                guard !decoded.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else { throw .badCharacter }
                segments.append(decoded)
            }
        }
        self.segments = segments
        guard mark < target.endIndex else {
            query = []
            return
        }
        var items: [QueryItem] = []
        for item in target[(mark + 1)...].split(separator: 0x26) {
            let equals = item.firstIndex(of: 0x3D) ?? item.endIndex
            let name = try HTTPTarget.decode(item[..<equals], plusIsSpace: true)
            let value = try HTTPTarget.decode(item[equals...].dropFirst(), plusIsSpace: true)
            items.append(QueryItem(name: name, value: value))
        }
        query = items
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

    /// The values of all query items of that name.
    package func queryValues(_ name: String) -> [String] {
        query.filter { $0.name == name }.map(\.value)
    }

    private static func decode(_ bytes: ArraySlice<UInt8>, plusIsSpace: Bool) throws(HTTPTargetError) -> String {
        guard bytes.contains(where: { $0 == 0x25 || $0 == 0x2B && plusIsSpace }) else {
            guard let text = String(validating: bytes, as: UTF8.self) else { throw .badCharacter }
            return text
        }
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count)
        var index = bytes.startIndex
        while index < bytes.endIndex {
            let byte = bytes[index]
            if byte == 0x25 {
                guard index + 2 < bytes.endIndex, let high = Hex.value(of: bytes[index + 1]),
                    let low = Hex.value(of: bytes[index + 2])
                else { throw .badEscape }
                output.append(high << 4 | low)
                index += 3
            } else {
                output.append(byte == 0x2B && plusIsSpace ? 0x20 : byte)
                index += 1
            }
        }
        guard let text = String(validating: output, as: UTF8.self) else { throw .badCharacter }
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
