internal import CSQLite
internal import Glibc
internal import MAOSSystem

/// Where the figures are from.
struct Machine: Sendable {
    var processor: String
    var cores: Int
    /// Bytes.
    var memory: Double
    var kernel: String
    var sqlite: String
    /// Milliseconds since 1970 in UTC.
    var time: Int64
    /// Median microseconds of a `fdatasync` after 100 KB have been written.
    var syncMicroseconds: Double

    /// Asks the system.
    ///
    /// - Parameter folder: Whose disk is meant.
    /// - Returns: What it said; 0 and `unknown` where it said nothing.
    static func probe(folder: String) -> Machine {
        var name = utsname()
        uname(&name)
        let kernel: String = withUnsafeBytes(of: &name.release) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        let model: Substring? = TextFile.read("/proc/cpuinfo").split(separator: "\n").first {
            $0.hasPrefix("model name")
        }
        return Machine(
            processor: model?.split(separator: ":").last.map { String($0.drop { $0 == " " }) } ?? "unknown",
            cores: sysconf(CInt(_SC_NPROCESSORS_ONLN)),
            memory: Double(sysconf(CInt(_SC_PHYS_PAGES))) * Double(sysconf(CInt(_SC_PAGESIZE))),
            kernel: kernel, sqlite: String(cString: sqlite3_libversion()), time: SystemClock.wallMilliseconds(),
            syncMicroseconds: syncTime(in: folder))
    }

    private static func syncTime(in folder: String) -> Double {
        let path: String = "\(folder)/maos-bench-sync-\(getpid())"
        do throws(SystemError) {
            let file: Descriptor = try Descriptor.open(path, flags: O_RDWR | O_CREAT | O_TRUNC)
            defer { unlink(path) }
            let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 102_400, alignment: 4_096)
            defer { bytes.deallocate() }
            SystemRandom.fill(bytes)
            var times: [Double] = []
            for round in 0..<100 {
                let begin: Int64 = SystemClock.monotonicNanoseconds()
                pwrite(file.number, bytes.baseAddress, bytes.count, off_t(round % 20 * bytes.count))
                fdatasync(file.number)
                times.append(Double(SystemClock.monotonicNanoseconds() - begin) / 1e3)
            }
            return times.median
        } catch {
            return 0
        }
    }

    /// One line for people.
    var summary: String {
        "\(processor), \(cores) cores, \((memory / 1e9).text(decimals: 0)) GB, Linux \(kernel), SQLite \(sqlite), "
            + "100 KB synced to disk in \(syncMicroseconds.text(decimals: 0)) µs"
    }
}
