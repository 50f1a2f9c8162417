internal import MAOSCore

/// What a request is called in its answer and in the log: the client's own name for it, or a UUID, whose text is made where it is
/// written and nowhere else.
package struct RequestID: Sendable, Hashable {
    private enum Form: Sendable, Hashable {
        case uuid(high: UInt64, low: UInt64)
        case name(String)
    }

    private let form: Form

    /// The UUID of these bits.
    package init(high: UInt64, low: UInt64) { form = .uuid(high: high, low: low) }

    /// A client's name for its request; nil unless it is 1 to 128 printable ASCII characters.
    package init?(_ name: ArraySlice<UInt8>) {
        guard (1...128).contains(name.count), name.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else { return nil }
        form = .name(String(decoding: name, as: UTF8.self))
    }

    /// The name.
    package var text: String {
        switch form {
        case .uuid(let high, let low): String(validUTF8: UUIDText.bytes(high: high, low: low).span) ?? ""
        case .name(let name): name
        }
    }

    /// Appends the name as it is, which has nothing in it that a header field may not have.
    func append(to bytes: inout [UInt8]) {
        switch form {
        case .uuid(let high, let low): UUIDText.append(high: high, low: low, to: &bytes)
        case .name(let name): bytes.append(utf8: name)
        }
    }

    /// Appends the name as a string of JSON.
    func appendQuoted(to bytes: inout [UInt8]) {
        switch form {
        case .uuid(let high, let low):
            bytes.append(0x22)
            UUIDText.append(high: high, low: low, to: &bytes)
            bytes.append(0x22)
        case .name(let name): JSONString.append(name, to: &bytes)
        }
    }
}
