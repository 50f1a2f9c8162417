internal import CLinux
internal import Glibc

/// Small files that nobody else may read: keys and tokens.
package enum SecretFile {
    /// What is wrong with a secret's file.
    package enum Failure: Error, Hashable, Sendable, CustomStringConvertible {
        /// A system call failed.
        case system(SystemError)
        /// Others than the owner may read or change the file.
        case exposed(path: String, mode: UInt32)
        /// The file is larger than any secret.
        case tooLarge(path: String)

        /// A line for people, with what to do.
        package var description: String {
            switch self {
            case .system(let error): error.description
            case .exposed(let path, let mode):
                "\(path) has mode 0\(String(mode, radix: 8)), so that others can read it; run chmod 600 \(path)"
            case .tooLarge(let path): "\(path) is too large to be a secret"
            }
        }
    }

    private static let sizeLimit = 65_536

    /// Reads a secret; nil if there is no such file.
    ///
    /// - Throws: ``Failure``, also when the file is open to others.
    package static func read(_ path: String) throws(Failure) -> [UInt8]? {
        let number: CInt
        do throws(SystemError) {
            number = try Descriptor.open(path, flags: O_RDONLY).release()
        } catch {
            guard !error.isNotFound else { return nil }
            throw .system(error)
        }
        let descriptor = Descriptor(owning: number)
        var status = stat()
        guard fstat(number, &status) == 0 else { throw .system(SystemError(code: errno, call: "fstat \(path)")) }
        guard status.st_mode & 0o077 == 0 else { throw .exposed(path: path, mode: UInt32(status.st_mode & 0o7777)) }
        var bytes = [UInt8](repeating: 0, count: sizeLimit + 1)
        var count = 0
        while count < bytes.count {
            let outcome = bytes.withUnsafeMutableBytes { buffer in
                descriptor.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[count...]))
            }
            switch outcome {
            case .count(0): return Array(bytes[..<count])
            case .count(let more): count += more
            case .wouldBlock: throw .system(SystemError(code: EAGAIN, call: "read \(path)"))
            case .failed(let code): throw .system(SystemError(code: code, call: "read \(path)"))
            }
        }
        throw .tooLarge(path: path)
    }

    /// Writes a secret unless there is one, mode 0600; it is whole on disk before it has its name.
    ///
    /// - Parameters:
    ///   - path: Where it goes.
    ///   - bytes: The secret.
    /// - Returns: False if the file was there, and stays as it is.
    /// - Throws: ``Failure``.
    package static func create(_ path: String, _ bytes: [UInt8]) throws(Failure) -> Bool {
        let temporary = try writeTemporary(path, bytes)
        let result = link(temporary, path)
        let code = errno
        unlink(temporary)
        guard result != 0 else {
            try syncFolder(of: path)
            return true
        }
        guard code == EEXIST else { throw .system(SystemError(code: code, call: "link \(path)")) }
        return false
    }

    /// Writes a secret in place of what was there, mode 0600; a reader sees the old one or the new one.
    ///
    /// - Parameters:
    ///   - path: Where it goes.
    ///   - bytes: The secret.
    /// - Throws: ``Failure``.
    package static func replace(_ path: String, _ bytes: [UInt8]) throws(Failure) {
        let temporary = try writeTemporary(path, bytes)
        guard rename(temporary, path) == 0 else {
            let code = errno
            unlink(temporary)
            throw .system(SystemError(code: code, call: "rename \(path)"))
        }
        try syncFolder(of: path)
    }

    private static func writeTemporary(_ path: String, _ bytes: [UInt8]) throws(Failure) -> String {
        let suffix = SystemRandom.bytes(8).map { String($0, radix: 16) }.joined()
        let temporary = "\(path).\(suffix).new"
        do throws(SystemError) {
            let descriptor = try Descriptor.open(temporary, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
            try bytes.withUnsafeBufferPointer { (buffer) throws(SystemError) in
                try descriptor.writeAll(UnsafeRawBufferPointer(buffer))
            }
            let number = descriptor.number
            try systemCall("fsync \(temporary)") { fsync(number) }
        } catch {
            unlink(temporary)
            throw .system(error)
        }
        return temporary
    }

    private static func syncFolder(of path: String) throws(Failure) {
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        do throws(SystemError) {
            let descriptor = try Descriptor.open(folder, flags: O_RDONLY | O_DIRECTORY)
            let number = descriptor.number
            try systemCall("fsync \(folder)") { fsync(number) }
        } catch {
            throw .system(error)
        }
    }
}
