internal import COpenSSL
package import MAOSSystem

/// The secret that tokens are signed with: at least 32 bytes (RFC 7518 §3.2).
package struct TokenKey: Sendable {
    /// The shortest key, in bytes: as long as the signature.
    package static let minimumLength = 32

    private let bytes: [UInt8]
    /// The hashes of HMAC after the key's block, inner and outer; what is signed goes on from here.
    private let inner: SHA256_CTX
    private let outer: SHA256_CTX

    /// Takes a key's bytes; nil if they are too few.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count >= TokenKey.minimumLength else { return nil }
        self.init(unchecked: bytes)
    }

    /// A fresh random key.
    package static func random() -> TokenKey {
        TokenKey(unchecked: SystemRandom.bytes(minimumLength))
    }

    private init(unchecked bytes: [UInt8]) {
        self.bytes = bytes
        var block: [UInt8] = bytes.count <= TokenKey.blockLength ? bytes : TokenKey.hash(bytes[...])
        block.append(contentsOf: repeatElement(0, count: TokenKey.blockLength - block.count))
        inner = TokenKey.begun(with: block.map { $0 ^ 0x36 })
        outer = TokenKey.begun(with: block.map { $0 ^ 0x5C })
    }

    /// Why there is no key.
    package enum Failure: Error, Hashable, Sendable, CustomStringConvertible {
        /// The file cannot be read or written, or others can read it.
        case file(SecretFile.Failure)
        /// The file holds too few bytes.
        case tooShort(path: String, count: Int)

        /// A line for people.
        package var description: String {
            switch self {
            case .file(let failure): failure.description
            case .tooShort(let path, let count):
                "\(path) holds \(count) bytes, but a key has at least \(TokenKey.minimumLength)"
            }
        }
    }

    /// Reads the key of a file; nil if there is no such file.
    ///
    /// - Throws: ``Failure``.
    package static func load(_ path: String) throws(Failure) -> TokenKey? {
        let bytes: [UInt8]?
        do throws(SecretFile.Failure) {
            bytes = try SecretFile.read(path)
        } catch {
            throw .file(error)
        }
        guard let bytes else { return nil }
        guard let key = TokenKey(bytes) else { throw .tooShort(path: path, count: bytes.count) }
        return key
    }

    /// Reads the key of a file, or makes the file with a random key, mode 0600.
    ///
    /// - Throws: ``Failure``.
    package static func loadOrCreate(_ path: String) throws(Failure) -> TokenKey {
        // Two programs may start at once: whoever creates the file wins, and the other reads it.
        while true {
            if let key = try load(path) { return key }
            let key = TokenKey.random()
            do throws(SecretFile.Failure) {
                if try SecretFile.create(path, key.bytes) { return key }
            } catch {
                throw .file(error)
            }
        }
    }

    /// The HMAC-SHA-256 of a message, 32 bytes (RFC 2104, FIPS 180-4).
    package func signature(of message: ArraySlice<UInt8>) -> [UInt8] {
        TokenKey.finish(outer, TokenKey.finish(inner, message)[...])
    }

    // MARK: SHA-256

    /// Bytes that the hash takes at a time.
    private static let blockLength = 64

    private static func hash(_ message: ArraySlice<UInt8>) -> [UInt8] {
        finish(begun(with: []), message)
    }

    private static func begun(with block: [UInt8]) -> SHA256_CTX {
        var context = SHA256_CTX()
        let result = block.withUnsafeBytes { block in
            SHA256_Init(&context) == 1 && SHA256_Update(&context, block.baseAddress, block.count) == 1
        }
        precondition(result, "SHA-256 failed")
        return context
    }

    /// The hash of what went before and these last bytes.
    private static func finish(_ begun: SHA256_CTX, _ message: ArraySlice<UInt8>) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 32) { output, count in
            var context = begun
            let result = message.withUnsafeBytes { message in
                SHA256_Update(&context, message.baseAddress, message.count) == 1
                    && SHA256_Final(output.baseAddress, &context) == 1
            }
            precondition(result, "SHA-256 failed")
            count = 32
        }
    }

    /// Whether two byte strings are equal, in a time that depends on their lengths only.
    package static func areEqual(_ first: ArraySlice<UInt8>, _ second: ArraySlice<UInt8>) -> Bool {
        guard first.count == second.count else { return false }
        return first.withUnsafeBytes { first in
            second.withUnsafeBytes { second in CRYPTO_memcmp(first.baseAddress, second.baseAddress, first.count) == 0 }
        }
    }
}
