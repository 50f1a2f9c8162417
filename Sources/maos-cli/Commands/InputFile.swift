internal import Glibc
internal import MAOSSystem

/// Files and folders that the user names.
enum InputFile {
    /// A file's bytes; `-` is standard input.
    ///
    /// - Throws: ``Failure`` of wrong usage if it cannot be read.
    static func read(_ path: String) throws(Failure) -> [UInt8] {
        do throws(SystemError) {
            guard path != "-" else {
                return try readAll(Descriptor(owning: try systemCall("dup") { dup(STDIN_FILENO) }))
            }
            return try readAll(try Descriptor.open(path, flags: O_RDONLY))
        } catch {
            throw .usage("cannot read \(path == "-" ? "standard input" : path): \(error.reason)")
        }
    }

    private static func readAll(_ descriptor: consuming Descriptor) throws(SystemError) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let outcome: Transfer = chunk.withUnsafeMutableBytes { descriptor.read(into: $0) }
            switch outcome {
            case .count(0): return bytes
            case .count(let count): bytes.append(contentsOf: chunk[..<count])
            case .wouldBlock: Pause.milliseconds(5)
            case .failed(let code): throw SystemError(code: code, call: "read")
            }
        }
    }

    /// The path from the root, whether or not there is anything.
    static func absolute(_ path: String) -> String {
        if let real: String = resolved(path) { return real }
        guard !path.hasPrefix("/"), let here: String = resolved(".") else { return path }
        return here + "/" + path
    }

    /// The path from the root without links; nil if there is nothing.
    static func resolved(_ path: String) -> String? {
        guard let found = realpath(path, nil) else { return nil }
        defer { free(found) }
        return String(cString: found)
    }
}
