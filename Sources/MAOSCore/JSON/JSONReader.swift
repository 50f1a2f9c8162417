/// Reads JSON text as RFC 8259 has it, strictly: no comments, no trailing commas, UTF-8 only, no lone surrogates.
///
/// One pass, without recursion: what is open is kept on a list no longer than `depthLimit`. A number is an integer where it is exactly
/// an `Int64`; see ``JSONNumber`` for the others.
public enum JSONReader {
    /// A container that is not closed yet, while one inside of it is read.
    private struct Container {
        let isObject: Bool
        /// In an object, the key whose value is being read.
        let key: String
        /// What an object holds so far.
        let members: [JSONObject.Member]
        /// What an array holds so far.
        let elements: [JSONValue]
        /// What is known of an object's keys so far.
        let marks: JSONObject.KeyMarks
    }

    /// Reads a whole text.
    ///
    /// At most `depthLimit` arrays and objects may stand inside each other. Throws the first mistake with its byte offset.
    public static func parse(_ bytes: [UInt8], depthLimit: Int) throws(JSONError) -> JSONValue {
        try parse(bytes.span, depthLimit: depthLimit)
    }

    /// Reads a whole text out of a larger buffer; offsets in errors count from its start.
    ///
    /// At most `depthLimit` arrays and objects may stand inside each other. Throws the first mistake with its byte offset.
    public static func parse(_ bytes: ArraySlice<UInt8>, depthLimit: Int) throws(JSONError) -> JSONValue {
        try parse(bytes.span, depthLimit: depthLimit)
    }

    /// Reads a whole text.
    ///
    /// At most `depthLimit` arrays and objects may stand inside each other. Throws the first mistake with its byte offset.
    public static func parse(_ text: String, depthLimit: Int) throws(JSONError) -> JSONValue {
        try parse(text.utf8.span, depthLimit: depthLimit)
    }

    /// Reads a whole text from borrowed bytes.
    ///
    /// At most `depthLimit` arrays and objects may stand inside each other. Throws the first mistake with its byte offset.
    public static func parse(_ bytes: Span<UInt8>, depthLimit: Int) throws(JSONError) -> JSONValue {
        var places = JSONMemberPlaces()
        return try read(bytes, depthLimit: depthLimit, places: &places)
    }

    /// Reads a whole text, and notes where the values of the outermost object's members stand.
    static func read(
        _ bytes: Span<UInt8>, depthLimit: Int, places: inout JSONMemberPlaces
    ) throws(JSONError) -> JSONValue {
        var scanner = JSONScanner(bytes)
        // The containers around the innermost one, and that one; none is open while the former are none.
        var outer: [Container] = []
        var isObject = false
        var key = ""
        var members: [JSONObject.Member] = []
        var elements: [JSONValue] = []
        var marks = JSONObject.KeyMarks()
        // Where the value of the outermost object's member begins.
        var start = 0
        // Containers of one text are mostly as large as each other.
        var room = (members: 8, elements: 4)

        reading: while true {
            var value: JSONValue
            let byte = try scanner.peek(expecting: "a value")
            if outer.count == 1 { start = scanner.position }
            switch byte {
            case 0x22:
                value = .string(try scanner.string())
            case 0x7B, 0x5B:
                guard outer.count < depthLimit else {
                    throw JSONError(.tooDeep(limit: depthLimit), at: scanner.position, expected: "less nesting")
                }
                scanner.advance()
                let opensObject = byte == 0x7B
                let next = try scanner.peek(expecting: opensObject ? "a key or \"}\"" : "a value or \"]\"")
                guard next == (opensObject ? 0x7D : 0x5D) else {
                    if outer.isEmpty { outer.reserveCapacity(8) }
                    outer.append(
                        Container(
                            isObject: isObject, key: consume key, members: consume members, elements: consume elements,
                            marks: marks))
                    (isObject, key, members, elements) = (opensObject, "", [], [])
                    marks = JSONObject.KeyMarks()
                    if opensObject {
                        members.reserveCapacity(room.members)
                        key = try takeKey(&scanner, next, expected: "a key or \"}\"", &marks)
                    } else {
                        elements.reserveCapacity(room.elements)
                    }
                    continue reading
                }
                scanner.advance()
                value = opensObject ? .object(JSONObject()) : .array([])
            case 0x2D, 0x30...0x39:
                value = try scanner.number()
            case 0x74:
                try scanner.literal(.true)
                value = .boolean(true)
            case 0x66:
                try scanner.literal(.false)
                value = .boolean(false)
            case 0x6E:
                try scanner.literal(.null)
                value = .null
            default:
                throw scanner.unexpected(byte, expected: "a value")
            }

            // The value is whole: hand it to its container, and that one to the next while they close.
            while !outer.isEmpty {
                if isObject {
                    if outer.count == 1 {
                        places.append(scanner.isCompact(from: start) ? start..<scanner.position : nil)
                    }
                    members.append(JSONObject.Member(key: consume key, value: consume value))
                    let next = try scanner.peek(expecting: "\",\" or \"}\"")
                    if next == 0x2C {
                        scanner.advance()
                        let first = try scanner.peek(expecting: "a key")
                        key = try takeKey(&scanner, first, expected: "a key", &marks)
                        continue reading
                    }
                    guard next == 0x7D else { throw scanner.unexpected(next, expected: "\",\" or \"}\"") }
                    let count = members.count
                    room.members = min(max(count, 2), 16)
                    let object = JSONObject(written: consume members, mayRepeat: marks.mayRepeat)
                    if object.count < count { scanner.noteUnlike() }
                    value = .object(object)
                } else {
                    elements.append(consume value)
                    let next = try scanner.peek(expecting: "\",\" or \"]\"")
                    if next == 0x2C {
                        scanner.advance()
                        continue reading
                    }
                    guard next == 0x5D else { throw scanner.unexpected(next, expected: "\",\" or \"]\"") }
                    room.elements = min(max(elements.count, 2), 16)
                    value = .array(consume elements)
                }
                scanner.advance()
                let around = outer.removeLast()
                (isObject, key, members, elements) = (around.isObject, around.key, around.members, around.elements)
                marks = around.marks
            }
            try scanner.finish()
            return value
        }
    }

    /// Takes a key and its colon.
    private static func takeKey(
        _ scanner: inout JSONScanner, _ first: UInt8, expected: String, _ marks: inout JSONObject.KeyMarks
    ) throws(JSONError) -> String {
        guard first == 0x22 else { throw scanner.unexpected(first, expected: expected) }
        return try scanner.key(marking: &marks)
    }

    /// Checks a whole text and copies it without the white space between its tokens, building no values.
    ///
    /// Throws the first mistake with its byte offset, as ``parse(_:depthLimit:)-(Span<UInt8>,_)`` does.
    static func compact(_ bytes: Span<UInt8>, depthLimit: Int) throws(JSONError) -> [UInt8] {
        try JSONCompactor.compact(bytes, depthLimit: depthLimit)
    }
}
