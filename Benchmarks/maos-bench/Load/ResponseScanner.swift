internal import Glibc

/// Finds the end of a response and its status, and looks at nothing else.
struct ResponseScanner {
    /// The status code, 100…999.
    var status: Int
    /// Bytes of the head, the empty line included.
    var headCount: Int
    /// Bytes of head and body together.
    var totalCount: Int

    /// Reads a head; `nil` while it is incomplete.
    ///
    /// A response without `Content-Length` counts as one without a body.
    init?(_ bytes: UnsafePointer<UInt8>, count: Int) {
        guard count > 12 else { return nil }
        var line: Int = 0
        var length: Int = 0
        while let found: UnsafeMutableRawPointer = memchr(bytes + line, 10, count - line) {
            let start: Int = line
            line = UnsafeRawPointer(found) - UnsafeRawPointer(bytes) + 1
            if line - start <= 2 {
                status =
                    Int(bytes[9] &- 48) &* 100 &+ Int(bytes[10] &- 48) &* 10 &+ Int(bytes[11] &- 48)
                headCount = line
                totalCount = line + length
                return
            }
            if bytes[start] | 0x20 == UInt8(ascii: "c"), line - start > 17,
                ResponseScanner.isContentLength(bytes + start)
            {
                length = 0
                var index: Int = start + 15
                while index < line {
                    let byte: UInt8 = bytes[index]
                    if byte >= 48, byte <= 57 { length = length &* 10 &+ Int(byte &- 48) }
                    index += 1
                }
            }
        }
        return nil
    }

    /// Whether a line of more than 15 bytes begins with the field's name, in any case.
    private static func isContentLength(_ line: UnsafePointer<UInt8>) -> Bool {
        let name: StaticString = "content-length:"
        var index: Int = 0
        while index < 15 {
            if line[index] | 0x20 != name.utf8Start[index] | 0x20 { return false }
            index += 1
        }
        return true
    }
}
