import Foundation

/// A folder that is removed with everything in it when nobody needs it any more.
package final class TemporaryFolder: Sendable {
    /// Its absolute path, without links.
    package let path: String

    /// Makes one.
    package init() throws {
        let url: URL = FileManager.default.temporaryDirectory.resolvingSymlinksInPath()
            .appendingPathComponent("maos-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Writes a file in it, and gives its path.
    package func write(_ text: String, to name: String) throws -> String {
        let file: String = "\(path)/\(name)"
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        return file
    }
}
