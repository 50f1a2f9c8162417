extension String {
    /// The text of bytes, `nil` if they are not UTF-8.
    package init?(validUTF8 bytes: Span<UInt8>) {
        do throws(UTF8.ValidationError) {
            self.init(copying: try UTF8Span(validating: bytes))
        } catch {
            return nil
        }
    }
}
