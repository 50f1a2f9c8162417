extension String {
    /// The text of bytes, `nil` if they are not UTF-8.
    package init?(validUTF8 bytes: Span<UInt8>) {
        do throws(UTF8.ValidationError) {
            self.init(copying: try UTF8Span(validating: bytes))
        } catch {
            return nil
        }
    }

    /// Whether a text stands somewhere in it, byte for byte; the empty text stands everywhere.
    package func contains(text: String) -> Bool {
        let (whole, part) = (utf8Span.span, text.utf8Span.span)
        guard !part.isEmpty else { return true }
        guard part.count <= whole.count else { return false }
        for start in 0...(whole.count - part.count) where whole[start] == part[0] {
            var length: Int = 1
            while length < part.count, whole[start + length] == part[length] { length += 1 }
            if length == part.count { return true }
        }
        return false
    }
}
