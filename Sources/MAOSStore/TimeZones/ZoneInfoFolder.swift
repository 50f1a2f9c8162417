internal import CLinux
internal import Glibc
package import MAOSCore
internal import MAOSSystem
internal import Synchronization

/// The system's time zones: a folder of TZif files, each read once.
package final class ZoneInfoFolder: TimeZoneSource {
    private let path: String
    private let known = Mutex<[String: TimeZoneRules]>([:])

    /// A zone's file has a few kilobytes.
    private static let sizeLimit: Int = 262_144

    /// Reads zones from a folder; Debian's package `tzdata` fills the usual one.
    package init(path: String = "/usr/share/zoneinfo") { self.path = path }

    /// The rules of a zone by its IANA name.
    ///
    /// `UTC` is known without a file. A name that could lead out of the folder, or to files in it that are no zones of their own, is unknown.
    /// - Throws: ``TimeZoneError``, which names the zone; also where the file is damaged or cannot be read.
    package func rules(named name: String) throws(TimeZoneError) -> TimeZoneRules {
        if let rules: TimeZoneRules = known.withLock({ $0[name] }) { return rules }
        guard ZoneInfoFolder.isZoneName(name) else { throw .unknown(name) }
        guard let bytes: [UInt8] = try read(name) else {
            guard name == "UTC" else { throw .unknown(name) }
            return .utc
        }
        let rules: TimeZoneRules
        do throws(TZifReader.Failure) {
            rules = try TZifReader.rules(bytes)
        } catch .notTZif {
            throw .unknown(name)
        } catch {
            throw .unusable(name, reason: error.description)
        }
        known.withLock { $0[name] = rules }
        return rules
    }

    /// Whether a text has the form of a zone's name: parts of letters, digits, `_`, `+` and `-`, with `/` in between.
    private static func isZoneName(_ name: String) -> Bool {
        guard (1...100).contains(name.utf8.count) else { return false }
        let parts: [Substring] = name.split(separator: "/", omittingEmptySubsequences: false)
        guard !["posix", "right"].contains(parts[0]) else { return false }
        return parts.allSatisfy { part in
            !part.isEmpty
                && part.utf8.allSatisfy { byte in
                    switch byte {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "+"), UInt8(ascii: "-"):
                        true
                    default: false
                    }
                }
        }
    }

    /// The bytes of a zone's file; `nil` when there is no such file.
    private func read(_ name: String) throws(TimeZoneError) -> [UInt8]? {
        let number: CInt
        do throws(SystemError) {
            number = try Descriptor.open("\(path)/\(name)", flags: O_RDONLY).release()
        } catch {
            guard !error.isNotFound, error.code != ENOTDIR else { return nil }
            throw .unusable(name, reason: error.description)
        }
        let descriptor = Descriptor(owning: number)
        var bytes = [UInt8](repeating: 0, count: ZoneInfoFolder.sizeLimit)
        var count: Int = 0
        while count < bytes.count {
            let outcome = bytes.withUnsafeMutableBytes { buffer in
                descriptor.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[count...]))
            }
            switch outcome {
            case .count(0): return Array(bytes[..<count])
            case .count(let more): count += more
            case .failed(EISDIR): return nil
            case .wouldBlock: throw .unusable(name, reason: "it is no plain file")
            case .failed(let code):
                throw .unusable(name, reason: SystemError(code: code, call: "read \(path)/\(name)").description)
            }
        }
        throw .unusable(name, reason: "it is too large")
    }
}
