internal import MAOSSystem
internal import Synchronization

/// The one token without an end that is valid at the moment: what a file holds.
///
/// Such a token never expires, so replacing the file is what ends it. The file is looked at once a second at most.
package final class CurrentToken: Sendable {
    private static let interval: Int64 = 1_000

    private let path: String
    private let token = Locked<[UInt8]>([])
    private let readAt = Atomic<Int64>(.min)
    private let changes = Atomic<Int>(0)

    /// Follows the token of a file.
    package init(path: String) { self.path = path }

    /// Whether the file holds this token.
    ///
    /// - Parameters:
    ///   - token: The compact form.
    ///   - now: Milliseconds of a clock that does not run back.
    /// - Returns: False also when the file cannot be read.
    package func matches(_ token: ArraySlice<UInt8>, at now: Int64) -> Bool {
        _ = version(at: now)
        return self.token.withLock { !$0.isEmpty && TokenKey.areEqual($0[...], token) }
    }

    /// Counts the tokens that the file has been seen with.
    ///
    /// - Parameter now: Milliseconds of a clock that does not run back.
    /// - Returns: A number; while it stays the same, so does every answer of ``matches(_:at:)``.
    package func version(at now: Int64) -> Int {
        let last: Int64 = readAt.load(ordering: .relaxed)
        if last == .min || now - last >= CurrentToken.interval { follow(now, after: last) }
        return changes.load(ordering: .acquiring)
    }

    /// Names whoever bears the token.
    ///
    /// - Parameter now: Milliseconds of a clock that does not run back.
    /// - Returns: A name; another one once the token has been replaced.
    package func name(at now: Int64) -> String { "administrator-\(version(at: now))" }

    /// Looks at the file, unless another thread has since.
    private func follow(_ now: Int64, after last: Int64) {
        token.withLock { (token: inout [UInt8]) in
            guard readAt.load(ordering: .relaxed) == last else { return }
            let found: [UInt8] = read()
            if found != token {
                token = found
                changes.add(1, ordering: .releasing)
            }
            readAt.store(now, ordering: .relaxed)
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
