internal import Glibc
internal import MAOSSystem

/// Folders that are made and removed as a whole.
enum FolderTree {
    /// Makes a folder and those above it that are missing, for the owner alone.
    static func make(_ path: String) throws(SystemError) {
        guard mkdir(path, 0o700) != 0 else { return }
        let code: CInt = errno
        if code == EEXIST { return }
        guard code == ENOENT, let slash: String.Index = path.lastIndex(of: "/"), slash > path.startIndex else {
            throw SystemError(code: code, call: "mkdir \(path)")
        }
        try make(String(path[..<slash]))
        guard mkdir(path, 0o700) != 0 else { return }
        let again: CInt = errno
        guard again == EEXIST else { throw SystemError(code: again, call: "mkdir \(path)") }
    }

    /// Removes a file or folder with everything in it; follows no links.
    ///
    /// What cannot be removed stays.
    static func remove(_ path: String) {
        guard unlink(path) != 0 else { return }
        guard errno == EISDIR || errno == EPERM else { return }
        for name in names(in: path) { remove("\(path)/\(name)") }
        rmdir(path)
    }

    /// What is in a folder.
    static func names(in path: String) -> [String] {
        let descriptor: CInt = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        guard let stream = fdopendir(descriptor) else {
            close(descriptor)
            return []
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name: String = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
