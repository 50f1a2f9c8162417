internal import Glibc
internal import MAOSSystem

/// A folder of our own that goes away with everything in it.
struct WorkFolder: ~Copyable {
    let path: String

    /// Makes a folder inside another one.
    init(in parent: String) throws(BenchError) {
        let suffix: UInt64 = UInt64.random(in: .min ... .max)
        path = "\(parent)/maos-bench-\(String(suffix, radix: 36))"
        guard mkdir(path, 0o700) == 0 else {
            throw BenchError("cannot make \(path): \(String(cString: strerror(errno)))")
        }
    }

    deinit { WorkFolder.remove(path) }

    /// Makes an empty folder inside; an old one of the name goes away first.
    borrowing func fresh(_ name: String) throws(BenchError) -> String {
        let inner: String = "\(path)/\(name)"
        WorkFolder.remove(inner)
        guard mkdir(inner, 0o700) == 0 else {
            throw BenchError("cannot make \(inner): \(String(cString: strerror(errno)))")
        }
        return inner
    }

    /// Bytes that the files in a folder inside take, not counting folders in it.
    static func size(of folder: String) -> Int {
        var size: Int = 0
        for name: String in names(in: folder) {
            var status = stat()
            if lstat("\(folder)/\(name)", &status) == 0 { size += Int(status.st_blocks) * 512 }
        }
        return size
    }

    private static func names(in folder: String) -> [String] {
        guard let handle = opendir(folder) else { return [] }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name: String = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    private static func remove(_ path: String) {
        guard unlink(path) != 0, errno != ENOENT else { return }
        for name: String in names(in: path) { remove("\(path)/\(name)") }
        rmdir(path)
    }
}
