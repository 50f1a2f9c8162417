/// Calls `body` with the bytes whole, one by one, and cut once at each offset.
package func everySplit(of bytes: [UInt8], _ body: ([ArraySlice<UInt8>]) throws -> Void) rethrows {
    try body([bytes[...]])
    try body(bytes.indices.map { bytes[$0...$0] })
    for cut in bytes.indices.dropFirst() {
        try body([bytes[..<cut], bytes[cut...]])
    }
}

/// Calls `body` with every prefix of the bytes, the empty one first and without the whole.
package func everyPrefix(of bytes: [UInt8], _ body: ([UInt8]) throws -> Void) rethrows {
    for end in bytes.indices {
        try body(Array(bytes[..<end]))
    }
}
