extension [UInt8] {
    /// Appends bytes in one copy of memory.
    @inline(__always)
    package mutating func append(copying bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }

    /// Appends the bytes of words as they are in memory.
    @inline(__always)
    package mutating func append(copying words: Span<some FixedWidthInteger & BitwiseCopyable>) {
        unsafe words.withUnsafeBytes { unsafe append(contentsOf: $0) }
    }

    /// Appends the UTF-8 of a text in one copy of memory.
    @inline(__always)
    package mutating func append(utf8 text: String) {
        let isDone: Void? = unsafe text.utf8.withContiguousStorageIfAvailable { unsafe append(contentsOf: $0) }
        if isDone == nil { append(contentsOf: text.utf8) }
    }

    /// Appends a text of the program, which needs no counting of references.
    @inlinable @inline(__always)
    package mutating func append(literal text: StaticString) {
        let bytes = unsafe UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        unsafe append(contentsOf: bytes)
    }
}
