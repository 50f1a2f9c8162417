internal import Glibc
internal import MAOSSystem

/// What a process has used, as the kernel counts it.
struct ProcessProbe: Sendable {
    let pid: pid_t

    /// CPU time of all threads, also of those that have ended, in nanoseconds; 0 when the process is gone.
    func cpuNanoseconds() -> Int64 {
        var clock: clockid_t = 0
        guard clock_getcpuclockid(pid, &clock) == 0 else { return 0 }
        return ProcessProbe.read(clock)
    }

    /// CPU time of the calling thread in nanoseconds.
    static func ownThreadNanoseconds() -> Int64 { read(CLOCK_THREAD_CPUTIME_ID) }

    /// CPU time of the calling process in nanoseconds.
    static func ownProcessNanoseconds() -> Int64 { read(CLOCK_PROCESS_CPUTIME_ID) }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        guard clock_gettime(clock, &time) == 0 else { return 0 }
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// Memory in use, in bytes.
    struct Memory: Sendable {
        /// Pages in memory, also those it shares with others.
        var resident: Double = 0
        /// Shared pages count in proportion.
        var proportional: Double = 0
        /// Pages that belong to no file.
        var anonymous: Double = 0
    }

    /// What is in memory now.
    func memory() -> Memory {
        var memory = Memory()
        for line: Substring in TextFile.read("/proc/\(pid)/smaps_rollup").split(separator: "\n") {
            let words: [Substring] = line.split(separator: " ")
            guard words.count >= 2, let kilobytes = Double(words[1]) else { continue }
            switch words[0] {
            case "Rss:": memory.resident = kilobytes * 1_024
            case "Pss:": memory.proportional = kilobytes * 1_024
            case "Anonymous:": memory.anonymous = kilobytes * 1_024
            default: break
            }
        }
        return memory
    }

    /// How many threads it has.
    func threadCount() -> Int { status("Threads:") }

    /// Bytes that were in memory at the same time, at most.
    func peakMemory() -> Double { Double(status("VmHWM:")) * 1_024 }

    /// A number of the process's status; 0 when it is gone.
    private func status(_ name: String) -> Int {
        for line: Substring in TextFile.read("/proc/\(pid)/status").split(separator: "\n") {
            guard line.hasPrefix(name) else { continue }
            let words: [Substring] = line.split(whereSeparator: { $0 == "\t" || $0 == " " })
            return words.count > 1 ? Int(words[1]) ?? 0 : 0
        }
        return 0
    }
}

/// Small files of text.
enum TextFile {
    /// The file's text; empty when it cannot be read.
    static func read(_ path: String) -> String {
        do throws(SystemError) {
            let file: Descriptor = try Descriptor.open(path, flags: O_RDONLY)
            var bytes: [UInt8] = []
            let part = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)
            defer { part.deallocate() }
            while case .count(let count) = file.read(into: part), count > 0 {
                bytes.append(contentsOf: part[..<count])
            }
            return String(decoding: bytes, as: UTF8.self)
        } catch {
            return ""
        }
    }

    /// Replaces the file.
    static func write(_ bytes: [UInt8], to path: String) throws(SystemError) {
        let file: Descriptor = try Descriptor.open(path, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
        let result: Result<Void, SystemError> = bytes.withUnsafeBytes { (buffer: UnsafeRawBufferPointer) in
            do throws(SystemError) {
                try file.writeAll(buffer)
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }
}
