internal import Glibc
package import MAOSCore
internal import MAOSSystem

/// Looks at every process of this machine again and again.
///
/// What changes all the time is in one file a process, which stays open as long as there are descriptors to spare: one `pread` a
/// process and look. What changes with the program only (command line, user, folder) is read when that does, and now and then,
/// because processes may give themselves another title. Confined to one thread at a time.
package final class ProcessScanner {
    /// Ancestors that are followed at most.
    static let deepest: Int = 256
    /// Looks after which names and command lines are read again, a part of them at each look.
    private static let renewal: Int = 32

    /// A process that was there at the last look.
    struct Known {
        let pid: Int32
        /// The open `stat`; -1 where it is opened each time.
        var file: CInt
        var status: ProcessStatus
        /// Changes with the name and with the program.
        var mark: UInt64
        var reading: ProcessReading
    }

    /// What a look found.
    package struct Finding: Sendable {
        /// Every process.
        package var scan: ProcessScan
        /// What the processes of agents use.
        package var usage: [AgentID: ProcessUsage]
    }

    private let folder: String
    private let descriptors: Int
    private let ticksPerSecond: Double
    /// By number.
    private var known: [Known] = []
    private var opened: Int = 0
    private var looks: Int = 0
    private var last: ProbeMoment?
    /// When the machine was started, in milliseconds of the clock for people.
    private var bootTime: Int64 = 0
    private var trees = ProcessTrees()
    /// Where the name stands in the buffer.
    private var name: Range<Int> = 0..<0
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 2_048, alignment: 16)

    /// Looks at nothing yet.
    ///
    /// - Parameters:
    ///   - folder: What is looked at in place of `/proc`, for tests.
    ///   - descriptors: How many stay open at most.
    package init(folder: String = "/proc", descriptors: Int = ProcessScanner.sparedDescriptors) {
        self.folder = folder
        self.descriptors = descriptors
        ticksPerSecond = Double(ProcessTable.ticksPerSecond)
    }

    deinit {
        for process: Known in known where process.file >= 0 { close(process.file) }
        buffer.deallocate()
    }

    /// A quarter of the descriptors that this program may have, and 8,192 at most.
    package static var sparedDescriptors: Int { min(8_192, DescriptorLimit.current / 4) }

    // MARK: - Looking

    /// Looks at every process.
    ///
    /// - Parameters:
    ///   - moment: When that is.
    ///   - table: What was started here.
    /// - Returns: The processes, and what those of agents use.
    package func look(at moment: ProbeMoment, _ table: SupervisionTable.State) -> Finding {
        let begin: Int64 = SystemClock.monotonicNanoseconds()
        let seconds: Double? = moment.seconds(since: last)
        looks += 1
        bootTime = moment.time.milliseconds - SystemClock.bootMilliseconds()
        refresh(seconds)
        let owners: [ProcessOwner?] = trees.look(at: known, table, since: last?.time, seconds: seconds)
        for index: Int in known.indices where known[index].reading.owner != owners[index] {
            known[index].reading.owner = owners[index]
            findFolder(of: &known[index].reading)
        }
        last = moment
        var scan = ProcessScan()
        scan.time = moment.time
        scan.processes = known.map(\.reading)
        scan.duration = Double(SystemClock.monotonicNanoseconds() - begin) / 1e6
        return Finding(scan: scan, usage: trees.usage)
    }

    /// Goes through the processes that there are, and those that were known, side by side.
    private func refresh(_ seconds: Double?) {
        var pids: [Int32] = ProcessTable.all(in: folder)
        // The kernel lists them by number; a folder of a test need not.
        if zip(pids, pids.dropFirst()).contains(where: { $0 >= $1 }) { pids.sort() }
        var next: [Known] = []
        next.reserveCapacity(pids.count + 16)
        var old: Int = 0
        for pid: Int32 in pids {
            while old < known.count, known[old].pid < pid {
                forget(known[old])
                old += 1
            }
            if old < known.count, known[old].pid == pid {
                var process: Known = known[old]
                old += 1
                if renew(&process, seconds) {
                    next.append(process)
                    continue
                }
                forget(process)
            }
            if let process: Known = meet(pid, seconds) { next.append(process) }
        }
        while old < known.count {
            forget(known[old])
            old += 1
        }
        known = next
    }

    private func forget(_ process: Known) {
        guard process.file >= 0 else { return }
        close(process.file)
        opened -= 1
    }

    /// Looks again at a known process; false when it is gone.
    private func renew(_ process: inout Known, _ seconds: Double?) -> Bool {
        let file: CInt = process.file >= 0 ? process.file : open("\(folder)/\(process.pid)/stat", O_RDONLY | O_CLOEXEC)
        defer { if process.file < 0, file >= 0 { close(file) } }
        guard let (status, mark): (ProcessStatus, UInt64) = read(file),
            status.startTicks == process.status.startTicks
        else { return false }
        // What ended threads used may be counted a little later.
        process.reading.cpuPercent = percent(
            max(status.ownTicks, process.status.ownTicks) - process.status.ownTicks, seconds)
        let isRenamed: Bool = mark != process.mark
        process.status = status
        process.mark = mark
        note(status, in: &process.reading)
        if isRenamed || (Int(process.pid) &+ looks) % ProcessScanner.renewal == 0 {
            describe(&process.reading, file)
        }
        return true
    }

    /// Looks at a process for the first time; nil when it is gone.
    private func meet(_ pid: Int32, _ seconds: Double?) -> Known? {
        let file: CInt = open("\(folder)/\(pid)/stat", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        guard let (status, mark): (ProcessStatus, UInt64) = read(file) else {
            close(file)
            return nil
        }
        let identity = ProcessIdentity(pid: pid, startTicks: status.startTicks)
        var process = Known(pid: pid, file: -1, status: status, mark: mark, reading: ProcessReading(identity))
        process.reading.startedAt = Instant(
            milliseconds: bootTime + Int64(Double(status.startTicks) * 1_000 / ticksPerSecond))
        // If it began after the look before, what it used is of the time since.
        if let last, process.reading.startedAt >= last.time {
            process.reading.cpuPercent = percent(status.ownTicks, seconds)
        }
        note(status, in: &process.reading)
        describe(&process.reading, file)
        if opened < descriptors {
            process.file = file
            opened += 1
        } else {
            close(file)
        }
        return process
    }

    /// Reads an open `stat` into the buffer: the status, and what changes with the program.
    private func read(_ file: CInt) -> (ProcessStatus, UInt64)? {
        guard file >= 0 else { return nil }
        let count: Int = pread(file, buffer.baseAddress, buffer.count, 0)
        guard count > 0 else { return nil }
        let text: Span<UInt8> = UnsafeRawBufferPointer(rebasing: buffer[..<count]).bindMemory(to: UInt8.self).span
        guard let status = ProcessStatus(stat: text), let name: Range<Int> = ProcessStatus.name(in: text) else {
            return nil
        }
        self.name = name
        // FNV-1a.
        var mark: UInt64 = 0xcbf2_9ce4_8422_2325 ^ status.stackStart
        for place in name { mark = (mark ^ UInt64(text[place])) &* 0x100_0000_01b3 }
        return (status, mark)
    }

    private func percent(_ ticks: UInt64, _ seconds: Double?) -> Double {
        guard let seconds else { return 0 }
        return Double(ticks) * 100 / ticksPerSecond / seconds
    }

    private func note(_ status: ProcessStatus, in reading: inout ProcessReading) {
        reading.parent = status.parent
        reading.group = status.group
        reading.session = status.session
        reading.state = ProcessState(letter: status.state)
        reading.processorTime = Milliseconds(Int64(Double(status.ownTicks) * 1_000 / ticksPerSecond))
        reading.residentBytes = Int64(status.residentPages) * Int64(ProcessTable.pageSize)
        reading.threads = status.threads
    }
    /// Reads what changes with the program; the buffer still has its name.
    private func describe(_ reading: inout ProcessReading, _ file: CInt) {
        reading.name = String(decoding: buffer[name], as: UTF8.self)
        var owner = Glibc.stat()
        if fstat(file, &owner) == 0 { reading.user = owner.st_uid }
        let arguments: [UInt8] = ProcessTable.arguments(of: reading.identity.pid, in: folder) ?? []
        reading.commandLine = ProcessScanner.commandLine(arguments)
        reading.program = ProgramNames.program(of: arguments)
        findFolder(of: &reading)
    }

    private func findFolder(of reading: inout ProcessReading) {
        reading.workingDirectory =
            reading.isOfInterest ? ProcessTable.workingDirectory(of: reading.identity.pid, in: folder) : nil
    }

    /// Arguments, each with a zero byte behind it, with blanks between them instead.
    private static func commandLine(_ arguments: [UInt8]) -> String {
        let end: Int = arguments.lastIndex { $0 != 0 }.map { $0 + 1 } ?? 0
        return String(decoding: arguments[..<end].lazy.map { $0 == 0 ? UInt8(ascii: " ") : $0 }, as: UTF8.self)
    }
}
