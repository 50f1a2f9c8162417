internal import CLinux
internal import Glibc
internal import MAOSSystem

/// Folders on disk.
enum Folder {
    /// Makes a folder that only its owner may enter, and the folders above it; one that is there stays as it is.
    static func make(_ path: String) throws(SystemError) {
        do throws(SystemError) {
            try makeOne(path)
        } catch {
            guard error.isNotFound, let parent: String = parent(of: path) else { throw error }
            try make(parent)
            // Once more and not for ever: there are folders in which the system makes none, such as /proc.
            try makeOne(path)
        }
    }

    private static func makeOne(_ path: String) throws(SystemError) {
        do throws(SystemError) {
            try systemCall("mkdir \(path)") { mkdir(path, 0o700) }
        } catch {
            guard error.isAlreadyThere else { throw error }
            guard isFolder(path) else { throw SystemError(code: ENOTDIR, call: "mkdir \(path)") }
        }
    }

    /// The folder above; `nil` for one that has none, or whose path does not say.
    private static func parent(of path: String) -> String? {
        var rest: Substring = path[...]
        while rest.last == "/" { rest.removeLast() }
        while let last: Character = rest.last, last != "/" { rest.removeLast() }
        while rest.last == "/" { rest.removeLast() }
        return rest.isEmpty ? nil : String(rest)
    }

    /// Whether there is a folder of this name.
    static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// How long a file is, in bytes; `nil` when there is none.
    static func size(ofFile path: String) -> Int? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return Int(status.st_size)
    }

    /// Calls the body with the name of everything in a folder; in no order, and not at all when there is no such folder.
    static func forEachName(in path: String, _ body: (String) -> Void) {
        guard let folder: OpaquePointer = opendir(path) else { return }
        defer { closedir(folder) }
        while let entry: UnsafeMutablePointer<dirent> = readdir(folder) {
            let name: String = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                String(cString: UnsafeRawPointer(pointer).assumingMemoryBound(to: CChar.self))
            }
            if name != ".", name != ".." { body(name) }
        }
    }
}
