internal import Glibc
internal import MAOSCore
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
            throw .usage("cannot read \(name(of: path)): \(error.reason)")
        }
    }

    /// The JSON object in a file.
    ///
    /// - Throws: ``Failure`` of wrong usage if it cannot be read, or is none.
    static func object(_ path: String) throws(Failure) -> (object: JSONObject, bytes: [UInt8]) {
        let bytes: [UInt8] = try read(path)
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONReader.parse(bytes, depthLimit: 128)
        } catch {
            throw .usage("\(name(of: path)) is not JSON: \(error)")
        }
        guard case .object(let object) = value else { throw .usage("\(name(of: path)) is no JSON object") }
        return (object, bytes)
    }

    /// What people call it.
    static func name(of path: String) -> String { path == "-" ? "standard input" : path }

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
