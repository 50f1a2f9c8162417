internal import CLinux
internal import Glibc

/// Reads the kernel's table of processes, `/proc`.
package enum ProcessTable {
    /// Clock ticks in a second.
    package static let ticksPerSecond: UInt64 = UInt64(max(1, sysconf(CInt(_SC_CLK_TCK))))

    /// Bytes in a page of memory.
    package static let pageSize: Int = sysconf(CInt(_SC_PAGESIZE))

    /// What the kernel says of a process; nil when there is none of that number.
    package static func status(of pid: Int32) -> ProcessStatus? {
        withFile("/proc/\(pid)/stat", capacity: 1_024) { bytes in parse(bytes) }
    }

    /// The first 15 bytes of a process's name; nil when there is no such process.
    package static func name(of pid: Int32) -> String? {
        withFile("/proc/\(pid)/comm", capacity: 64) { bytes in
            String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        }
    }

    /// Bytes of memory that are the process's alone.
    package static func privateMemory(of pid: Int32) -> Int {
        let pages: Int? = withFile("/proc/\(pid)/statm", capacity: 256) { bytes in
            let fields: [Int] = numbers(bytes)
            return fields.count > 2 ? max(0, fields[1] - fields[2]) : nil
        }
        return (pages ?? 0) * pageSize
    }

    /// The children of a process that have not been waited for.
    package static func children(of pid: Int32, threads: Int) -> [Int32] {
        guard listsChildren else { return scanForChildren(of: pid) }
        guard threads > 1 else { return children(ofThread: pid, in: pid) ?? [] }
        return directory("/proc/\(pid)/task").flatMap { children(ofThread: $0, in: pid) ?? [] }
    }

    /// The children that one thread started or was given; nil when there is no such thread.
    package static func children(ofThread thread: Int32, in pid: Int32) -> [Int32]? {
        withFile("/proc/\(pid)/task/\(thread)/children", capacity: 16_384) { bytes in
            numbers(bytes).map { Int32(truncatingIfNeeded: $0) }
        }
    }

    /// Every process there is, by number.
    ///
    /// - Parameter folder: Where to look, for tests.
    /// - Returns: The numbers of the processes.
    package static func all(in folder: String = "/proc") -> [Int32] {
        directory(folder)
    }

    /// The arguments of a process, each with a zero byte behind it, cut after 4,096 bytes; nil when there is no such process.
    ///
    /// Empty for threads of the kernel, and for what has ended.
    package static func arguments(of pid: Int32, in folder: String = "/proc") -> [UInt8]? {
        withFile("\(folder)/\(pid)/cmdline", capacity: 4_096, whole: false) { bytes in Array(bytes) }
    }

    /// The folder that a process works in; nil when there is no such process, or we may not look.
    package static func workingDirectory(of pid: Int32, in folder: String = "/proc") -> String? {
        link("\(folder)/\(pid)/cwd")
    }

    /// The number of the user whose process it is; nil when there is no such process.
    package static func user(of pid: Int32) -> UInt32? {
        withFile("/proc/\(pid)/status", capacity: 4_096) { bytes in
            let lines: [Slice<UnsafeRawBufferPointer>] = bytes.split(separator: UInt8(ascii: "\n"))
            guard let line = lines.first(where: { $0.starts(with: "Uid:".utf8) }) else { return nil }
            return numbers(line).first.flatMap { UInt32(exactly: $0) }
        }
    }

    /// The number of the user that this process acts for.
    package static var ownUser: UInt32 { geteuid() }

    /// What a process has open: how much in all, and the numbers of the sockets; nil when there is no such process, or we may not
    /// look.
    package static func openFiles(of pid: Int32) -> (count: Int, sockets: [UInt64])? {
        let folder: String = "/proc/\(pid)/fd"
        guard access(folder, R_OK) == 0 else { return nil }
        let files: [Int32] = directory(folder)
        let sockets: [UInt64] = files.compactMap { file in
            guard let target: String = link("\(folder)/\(file)"), target.hasPrefix("socket:[") else { return nil }
            return UInt64(target.dropFirst(8).dropLast())
        }
        return (files.count, sockets)
    }

    /// The threads of a process; empty when there is no such process.
    package static func threads(of pid: Int32) -> [Int32] {
        directory("/proc/\(pid)/task")
    }

    /// Whether a thread of this process has ended, or never was.
    package static func threadHasEnded(_ thread: Int32) -> Bool {
        let state: UInt8? = withFile("/proc/self/task/\(thread)/stat", capacity: 1_024) { bytes in
            parse(bytes)?.state
        }
        return state == nil || state == UInt8(ascii: "Z") || state == UInt8(ascii: "X")
    }

    /// What follows a beginning such as `NAME=` in the environment that a process was started with; nil where no variable begins
    /// like that, or we may not look.
    package static func environmentValue(of pid: Int32, beginning: String) -> String? {
        let wanted: [UInt8] = Array(beginning.utf8)
        return withFile("/proc/\(pid)/environ", capacity: 8_192) { bytes in
            guard let base: UnsafeRawPointer = bytes.baseAddress else { return nil }
            var start: Int = 0
            while let place = memmem(base + start, bytes.count - start, wanted, wanted.count) {
                let offset: Int = UnsafeRawPointer(place) - base
                if offset == 0 || bytes[offset - 1] == 0 {
                    return String(decoding: bytes[(offset + wanted.count)...].prefix { $0 != 0 }, as: UTF8.self)
                }
                start = offset + 1
            }
            return nil
        }
    }

    /// Whether a process shows no variables: it has none, we may not look, or its program is just being loaded.
    package static func environmentIsEmpty(of pid: Int32) -> Bool {
        withFile("/proc/\(pid)/environ", capacity: 16) { bytes in bytes.isEmpty } ?? true
    }

    /// Whether a process's program is just being loaded, so that it shows neither arguments nor variables, whatever it has.
    package static func isBeingLoaded(_ pid: Int32) -> Bool {
        func isEmpty(_ name: String) -> Bool {
            withFile("/proc/\(pid)/\(name)", capacity: 16) { bytes in bytes.isEmpty } ?? false
        }
        guard isEmpty("environ"), isEmpty("cmdline") else { return false }
        // The kernel's own threads, and what has ended, have no memory.
        let size: Int? = withFile("/proc/\(pid)/statm", capacity: 256) { bytes in numbers(bytes).first }
        return (size ?? 0) > 0
    }

    /// Names the system as long as its process numbers mean the same: its boot and its table of processes.
    package static func systemIdentity() -> String {
        let boot: String? = withFile("/proc/sys/kernel/random/boot_id", capacity: 128) { bytes in
            String(decoding: bytes.prefix { $0 > 0x20 }, as: UTF8.self)
        }
        return "\(boot ?? "") \(link("/proc/self/ns/pid") ?? "")"
    }

    // MARK: - Reading

    /// Whether the kernel was built to list a thread's children.
    private static let listsChildren: Bool = access("/proc/self/task/\(getpid())/children", R_OK) == 0

    private static func scanForChildren(of pid: Int32) -> [Int32] {
        all().filter { status(of: $0)?.parent == pid }
    }

    /// Where a symbolic link leads; nil when it cannot be read.
    private static func link(_ path: String) -> String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4_096) { buffer in
            guard let start = buffer.baseAddress else { return nil }
            let count: Int = readlink(path, start, buffer.count)
            guard count > 0 else { return nil }
            return String(decoding: UnsafeRawBufferPointer(buffer)[..<count], as: UTF8.self)
        }
    }

    /// Hands a file's bytes to a body: nil when it cannot be read.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - capacity: Bytes that it has as a rule.
    ///   - whole: Whether more than these are read where there are more.
    ///   - body: What to do with the bytes.
    /// - Returns: What the body returns.
    private static func withFile<Result>(
        _ path: String, capacity: Int, whole: Bool = true, _ body: (UnsafeRawBufferPointer) -> Result?
    ) -> Result? {
        let descriptor: CInt = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return withUnsafeTemporaryAllocation(byteCount: capacity, alignment: 16) { buffer in
            guard let count: Int = fill(buffer, from: descriptor) else { return nil }
            guard whole, count == buffer.count else { return body(UnsafeRawBufferPointer(rebasing: buffer[..<count])) }
            // Rare: more than fits. Start over on the heap.
            var bytes: [UInt8] = []
            guard lseek(descriptor, 0, SEEK_SET) == 0 else { return nil }
            while bytes.count < 16 << 20, let count: Int = fill(buffer, from: descriptor), count > 0 {
                bytes.append(contentsOf: buffer[..<count])
            }
            return bytes.withUnsafeBytes(body)
        }
    }

    private static func fill(_ buffer: UnsafeMutableRawBufferPointer, from descriptor: CInt) -> Int? {
        var filled: Int = 0
        while filled < buffer.count {
            let count: Int = read(descriptor, buffer.baseAddress?.advanced(by: filled), buffer.count - filled)
            if count == 0 { break }
            guard count > 0 else {
                if errno == EINTR { continue }
                return nil
            }
            filled += count
        }
        return filled
    }

    /// The entries of a folder that are numbers.
    private static func directory(_ path: String) -> [Int32] {
        guard let stream = opendir(path) else { return [] }
        defer { closedir(stream) }
        var found: [Int32] = []
        while let entry = readdir(stream) {
            let number: Int32? = withUnsafeBytes(of: &entry.pointee.d_name) { name in
                guard let first: UInt8 = name.first, isDigit(first) else { return nil }
                var value: Int32 = 0
                for byte in name.prefix(10) {
                    guard isDigit(byte) else { break }
                    value = value &* 10 &+ Int32(byte &- UInt8(ascii: "0"))
                }
                return value
            }
            if let number { found.append(number) }
        }
        return found
    }

    private static func parse(_ bytes: UnsafeRawBufferPointer) -> ProcessStatus? {
        ProcessStatus(stat: bytes.bindMemory(to: UInt8.self).span)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

    /// The numbers of a text, whatever stands between them.
    private static func numbers(_ bytes: some Collection<UInt8>) -> [Int] {
        var found: [Int] = []
        var value: Int?
        for byte in bytes {
            if isDigit(byte) {
                value = (value ?? 0) &* 10 &+ Int(byte &- UInt8(ascii: "0"))
            } else if let number: Int = value {
                found.append(number)
                value = nil
            }
        }
        if let value { found.append(value) }
        return found
    }
}
