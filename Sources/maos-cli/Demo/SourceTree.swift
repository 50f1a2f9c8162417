internal import Glibc

/// The top of a tree of sources.
struct SourceTree {
    /// What is generated, or somebody else's.
    private static let skipped: Set<String> = [
        "node_modules", "build", "dist", "target", "vendor", "__pycache__", "Pods", "DerivedData",
    ]

    let path: String
    /// The folders at the top, by name.
    let folders: [String]

    var name: String {
        path == "/" ? "/" : String(path[(path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex)...])
    }

    /// Looks at a folder.
    ///
    /// - Throws: ``Failure`` of wrong usage if there is none that can be read.
    init(_ given: String) throws(Failure) {
        guard let resolved: String = InputFile.resolved(given) else {
            throw .usage("demo: cannot find \(given): \(String(cString: strerror(errno)))")
        }
        guard InputFile.isFolder(resolved) else { throw .usage("demo: \(given) is no folder") }
        path = resolved
        guard let stream = opendir(resolved) else {
            throw .usage("demo: cannot read \(given): \(String(cString: strerror(errno)))")
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name: String = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard !name.hasPrefix("."), !SourceTree.skipped.contains(name) else { continue }
            if InputFile.isFolder(resolved + "/" + name) { names.append(name) }
        }
        folders = names.sorted()
    }
}
