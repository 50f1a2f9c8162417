internal import MAOSSystem

/// The one token without an end that is valid at the moment: what a file holds.
///
/// Such a token never expires, so replacing the file is what ends it. The file is looked at once a second at most.
package final class CurrentToken: Sendable {
    private struct State {
        var token: [UInt8] = []
        var readAt: Int64 = .min
    }

    private static let interval: Int64 = 1_000

    private let path: String
    private let state = Locked(State())

    /// Follows the token of a file.
    package init(path: String) { self.path = path }

    /// Whether the file holds this token.
    ///
    /// - Parameters:
    ///   - token: The compact form.
    ///   - now: Milliseconds of a clock that does not run back.
    /// - Returns: False also when the file cannot be read.
    package func matches(_ token: ArraySlice<UInt8>, at now: Int64) -> Bool {
        state.withLock { (state: inout State) in
            if state.readAt == .min || now - state.readAt >= CurrentToken.interval {
                state.readAt = now
                state.token = read()
            }
            return !state.token.isEmpty && TokenKey.areEqual(state.token[...], token)
        }
    }

    /// The file's content without its line end; nothing when it cannot be read, which makes no token valid.
    private func read() -> [UInt8] {
        do throws(SecretFile.Failure) {
            var bytes: [UInt8] = try SecretFile.read(path) ?? []
            while let last: UInt8 = bytes.last, last == UInt8(ascii: "\n") || last == UInt8(ascii: "\r") {
                bytes.removeLast()
            }
            return bytes
        } catch {
            return []
        }
    }
}
