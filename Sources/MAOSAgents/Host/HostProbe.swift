internal import Glibc
internal import MAOSSystem

/// What the kernel says of this host and of this process, read once in a while.
package struct HostProbe: Sendable {
    /// One look at the host.
    package struct Reading: Sendable, Hashable {
        /// The part of all processors' time that was used since the look before, 0…1; `nil` at first.
        package var processorUse: Double?
        /// Bytes of memory in all.
        package var memoryTotal: Double?
        /// Bytes of memory that could be had without swapping.
        package var memoryAvailable: Double?
        /// Seconds of processor time that this process has used.
        package var ownProcessorTime: Double?
        /// Bytes of memory that this process occupies.
        package var ownMemory: Double?

        /// Nothing is known.
        package init() {}
    }

    private struct Ticks {
        var busy: UInt64
        var all: UInt64
    }

    private let folder: String
    private var last: Ticks?

    /// Looks at this folder in place of `/proc`, for tests.
    package init(folder: String = "/proc") { self.folder = folder }

    /// Looks again; what cannot be read is left out.
    package mutating func read() -> Reading {
        var reading = Reading()
        if let ticks: Ticks = processorTicks() {
            if let last, ticks.all > last.all, ticks.busy >= last.busy {
                reading.processorUse = min(1, Double(ticks.busy - last.busy) / Double(ticks.all - last.all))
            }
            last = ticks
        }
        readMemory(into: &reading)
        readSelf(into: &reading)
        return reading
    }

    /// The first line of `stat`: ticks in user mode, nice, system, idle, waiting for the disk, and so on.
    private func processorTicks() -> Ticks? {
        guard let line: Substring = text("stat")?.split(separator: "\n").first, line.hasPrefix("cpu ") else {
            return nil
        }
        let fields: [UInt64] = line.split(separator: " ").dropFirst().compactMap { UInt64($0) }
        guard fields.count >= 4 else { return nil }
        // What guests use is in user mode already; so only the first eight count.
        let all: UInt64 = fields.prefix(8).reduce(0, &+)
        let idle: UInt64 = fields[3] &+ (fields.count > 4 ? fields[4] : 0)
        return all >= idle ? Ticks(busy: all - idle, all: all) : nil
    }

    private func readMemory(into reading: inout Reading) {
        for line: Substring in text("meminfo")?.split(separator: "\n") ?? [] {
            let words: [Substring] = line.split(separator: " ", maxSplits: 2)
            guard words.count >= 2, let kilobytes = Double(words[1]) else { continue }
            switch words[0] {
            case "MemTotal:": reading.memoryTotal = kilobytes * 1_024
            case "MemAvailable:": reading.memoryAvailable = kilobytes * 1_024
            default: continue
            }
            if reading.memoryTotal != nil, reading.memoryAvailable != nil { return }
        }
    }

    private func readSelf(into reading: inout Reading) {
        // What stands before the last parenthesis may hold anything.
        if let stat: String = text("self/stat"), let end: String.Index = stat.lastIndex(of: ")") {
            let fields: [Substring] = stat[end...].split(separator: " ")
            // Fields 14 and 15; the state, field 3, is the second here.
            if fields.count > 13, let user = Double(fields[12]), let system = Double(fields[13]) {
                reading.ownProcessorTime = (user + system) / Double(ProcessTable.ticksPerSecond)
            }
        }
        if let pages = text("self/statm")?.split(separator: " ").dropFirst().first.flatMap({ Double($0) }) {
            reading.ownMemory = pages * Double(sysconf(CInt(_SC_PAGESIZE)))
        }
    }

    private func text(_ name: String) -> String? {
        SmallFile.read("\(folder)/\(name)", limit: 1 << 20).map { String(decoding: $0, as: UTF8.self) }
    }
}
