internal import Glibc
internal import MAOSSystem

/// Whole files that are small.
enum SmallFile {
    /// The bytes of a regular file, or of one the kernel makes up; nil when it cannot be read or is longer than the limit.
    static func read(_ path: String, limit: Int) -> [UInt8]? {
        do throws(SystemError) {
            // A pipe or a device in its place must not make the server wait.
            let file: Descriptor = try Descriptor.open(path, flags: O_RDONLY | O_NONBLOCK | O_NOFOLLOW)
            var bytes: [UInt8] = []
            var room: Int = 4_096
            while true {
                let start: Int = bytes.count
                bytes.append(contentsOf: repeatElement(0, count: room))
                let outcome: Transfer = bytes.withUnsafeMutableBytes {
                    file.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[start...]))
                }
                guard case .count(let count) = outcome else { return nil }
                bytes.removeLast(room - count)
                if count == 0 { return bytes }
                guard bytes.count <= limit else { return nil }
                room = min(room * 2, 262_144)
            }
        } catch {
            return nil
        }
    }

    /// Writes a new file that only its owner may read.
    static func write(_ bytes: [UInt8], to path: String) throws(SystemError) {
        let file: Descriptor = try Descriptor.open(path, flags: O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: 0o600)
        try append(bytes, to: file)
    }

    /// Writes bytes where the file stands.
    static func append(_ bytes: [UInt8], to file: borrowing Descriptor) throws(SystemError) {
        var written: Int = 0
        while written < bytes.count {
            let outcome: Transfer = bytes.withUnsafeBytes {
                file.write(UnsafeRawBufferPointer(rebasing: $0[written...]))
            }
            switch outcome {
            case .count(let count): written += count
            case .wouldBlock: throw SystemError(code: EAGAIN, call: "write")
            case .failed(let code): throw SystemError(code: code, call: "write")
            }
        }
    }
}
