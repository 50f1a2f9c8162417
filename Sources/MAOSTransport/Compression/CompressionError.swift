/// Why compressed bytes cannot be used.
package enum CompressionError: Error, Hashable, Sendable {
    /// They would grow beyond what is allowed.
    case tooLarge(limit: Int)
    /// They are not a deflate stream, or end inside one.
    case malformed
    /// There is no memory for the state.
    case outOfMemory
}
