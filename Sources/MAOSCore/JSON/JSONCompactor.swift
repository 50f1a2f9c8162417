/// Checks JSON text without building values, and copies it without the white space between its tokens.
///
/// What stands between two stretches of white space is copied in one go, so compact text is copied once.
struct JSONCompactor: ~Escapable {
    private var scanner: JSONScanner
    private var output: [UInt8] = []
    /// What comes before this has been copied or dropped.
    private var copied = 0
    /// For each open container whether it is an object.
    private var objects: [Bool] = []
    private let depthLimit: Int

    @_lifetime(copy bytes)
    private init(_ bytes: Span<UInt8>, depthLimit: Int) {
        scanner = JSONScanner(bytes)
        self.depthLimit = depthLimit
        output.reserveCapacity(bytes.count)
    }

    /// The compact text.
    ///
    /// Throws the first mistake with its byte offset, as ``JSONReader`` does.
    static func compact(_ bytes: Span<UInt8>, depthLimit: Int) throws(JSONError) -> [UInt8] {
        var compactor = JSONCompactor(bytes, depthLimit: depthLimit)
        while try compactor.takeValue() {}
        let end = compactor.scanner.position
        compactor.scanner.copy(compactor.copied..<end, to: &compactor.output)
        try compactor.scanner.finish()
        return compactor.output
    }

    /// The next byte that is not white space.
    private mutating func peek(expecting expected: String) throws(JSONError) -> UInt8 {
        let before = scanner.position
        let byte = try scanner.peek(expecting: expected)
        if scanner.position != before {
            scanner.copy(copied..<before, to: &output)
            copied = scanner.position
        }
        return byte
    }

    /// Takes one value, or the beginning of a container, and all ends that follow; false after the last.
    private mutating func takeValue() throws(JSONError) -> Bool {
        let byte = try peek(expecting: "a value")
        switch byte {
        case 0x22: try scanner.skipString()
        case 0x7B, 0x5B:
            if try begin(isObject: byte == 0x7B) { return true }
        case 0x2D, 0x30...0x39: try scanner.skipNumber()
        case 0x74: try scanner.literal(.true)
        case 0x66: try scanner.literal(.false)
        case 0x6E: try scanner.literal(.null)
        default: throw scanner.unexpected(byte, expected: "a value")
        }
        while let isObject = objects.last {
            let expected = isObject ? "\",\" or \"}\"" : "\",\" or \"]\""
            let next = try peek(expecting: expected)
            guard next == 0x2C || next == (isObject ? 0x7D : 0x5D) else {
                throw scanner.unexpected(next, expected: expected)
            }
            scanner.advance()
            if next == 0x2C {
                if isObject { try takeKey(expecting: "a key") }
                return true
            }
            objects.removeLast()
        }
        return false
    }

    /// Takes the beginning of a container; false if its end follows at once.
    private mutating func begin(isObject: Bool) throws(JSONError) -> Bool {
        guard objects.count < depthLimit else {
            throw JSONError(.tooDeep(limit: depthLimit), at: scanner.position, expected: "less nesting")
        }
        scanner.advance()
        let expected = isObject ? "a key or \"}\"" : "a value or \"]\""
        guard try peek(expecting: expected) != (isObject ? 0x7D : 0x5D) else {
            scanner.advance()
            return false
        }
        if isObject { try takeKey(expecting: expected) }
        objects.append(isObject)
        return true
    }

    private mutating func takeKey(expecting expected: String) throws(JSONError) {
        let first = try peek(expecting: expected)
        guard first == 0x22 else { throw scanner.unexpected(first, expected: expected) }
        try scanner.skipString()
        let colon = try peek(expecting: "\":\" after a key")
        guard colon == 0x3A else { throw scanner.unexpected(colon, expected: "\":\" after a key") }
        scanner.advance()
    }
}
