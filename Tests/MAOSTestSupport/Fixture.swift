import Foundation

/// Files beside the tests, in the folder `Fixtures` of their target.
package enum Fixture {
    /// The bytes of a file, as they are.
    package static func bytes(_ path: String, of test: String = #filePath) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: folder(of: test).appendingPathComponent(path)))
    }

    /// The names in a folder, in order.
    package static func names(in path: String, of test: String = #filePath) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder(of: test).appendingPathComponent(path).path).sorted()
    }

    private static func folder(of test: String) -> URL {
        URL(fileURLWithPath: test).deletingLastPathComponent().appendingPathComponent("Fixtures")
    }
}
