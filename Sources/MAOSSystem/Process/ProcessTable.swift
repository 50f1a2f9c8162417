internal import CLinux
internal import Glibc

/// What the kernel says of a process.
package struct ProcessStatus: Hashable, Sendable {
    /// Its number.
    package let pid: Int32
    /// The state's letter: `R`, `S`, `D`, `T`, `Z` and others.
    package let state: UInt8
    /// The process that it is a child of.
    package let parent: Int32
    /// Its process group.
    package let group: Int32
    /// Its session.
    package let session: Int32
    /// Clock ticks of processor time that it used, and those of its ended children.
    package let processorTicks: UInt64
    /// How many threads it has.
    package let threads: Int
    /// Clock ticks between boot and its start; tells it from a later process with the same number.
    package let startTicks: UInt64

    /// Whether it has ended, and only its parent has not asked yet.
    package var isDead: Bool { state == UInt8(ascii: "Z") || state == UInt8(ascii: "X") }
}

/// Reads the kernel's table of processes, `/proc`.
package enum ProcessTable {
    /// Clock ticks in a second.
    package static let ticksPerSecond: UInt64 = UInt64(max(1, sysconf(CInt(_SC_CLK_TCK))))

    private static let pageSize: Int = sysconf(CInt(_SC_PAGESIZE))

    /// What the kernel says of a process; nil when there is none of that number.
    package static func status(of pid: Int32) -> ProcessStatus? {
        withFile("/proc/\(pid)/stat", capacity: 1_024) { bytes in parse(bytes, pid: pid) }
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

    /// Every process there is.
    package static func all() -> [Int32] {
        directory("/proc")
    }

    /// The threads of a process; empty when there is no such process.
    package static func threads(of pid: Int32) -> [Int32] {
        directory("/proc/\(pid)/task")
    }

    /// Whether a thread of this process has ended, or never was.
    package static func threadHasEnded(_ thread: Int32) -> Bool {
        let state: UInt8? = withFile("/proc/self/task/\(thread)/stat", capacity: 1_024) { bytes in
            parse(bytes, pid: thread)?.state
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
        let space: String = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
            guard let start = buffer.baseAddress else { return "" }
            let count: Int = readlink("/proc/self/ns/pid", start, buffer.count)
            return String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        return "\(boot ?? "") \(space)"
    }

    // MARK: - Reading

    /// Whether the kernel was built to list a thread's children.
    private static let listsChildren: Bool = access("/proc/self/task/\(getpid())/children", R_OK) == 0

    private static func scanForChildren(of pid: Int32) -> [Int32] {
        all().filter { status(of: $0)?.parent == pid }
    }

    /// Hands a file's bytes to a body: nil when it cannot be read.
    private static func withFile<Result>(
        _ path: String, capacity: Int, _ body: (UnsafeRawBufferPointer) -> Result?
    ) -> Result? {
        let descriptor: CInt = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return withUnsafeTemporaryAllocation(byteCount: capacity, alignment: 16) { buffer in
            guard let count: Int = fill(buffer, from: descriptor) else { return nil }
            guard count == buffer.count else { return body(UnsafeRawBufferPointer(rebasing: buffer[..<count])) }
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

    /// Reads `/proc/PID/stat`, whose second field may hold anything, also blanks and parentheses.
    static func parse(_ bytes: UnsafeRawBufferPointer, pid: Int32) -> ProcessStatus? {
        guard let parenthesis: Int = bytes.lastIndex(of: UInt8(ascii: ")")), parenthesis + 2 < bytes.count else {
            return nil
        }
        var fields: [UInt64] = []
        fields.reserveCapacity(24)
        var value: UInt64 = 0
        var isInside: Bool = false
        for byte in bytes[(parenthesis + 3)...] {
            if isDigit(byte) {
                value = value &* 10 &+ UInt64(byte &- UInt8(ascii: "0"))
                isInside = true
            } else if byte != UInt8(ascii: "-"), isInside {
                fields.append(value)
                if fields.count == 19 { break }
                (value, isInside) = (0, false)
            }
        }
        // Field 4, the parent, is the first here.
        guard fields.count == 19 else { return nil }
        return ProcessStatus(
            pid: pid, state: bytes[parenthesis + 2], parent: Int32(truncatingIfNeeded: fields[0]),
            group: Int32(truncatingIfNeeded: fields[1]), session: Int32(truncatingIfNeeded: fields[2]),
            processorTicks: fields[10] &+ fields[11] &+ fields[12] &+ fields[13],
            threads: Int(truncatingIfNeeded: fields[16]), startTicks: fields[18])
    }
}
