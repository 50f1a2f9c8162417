package import MAOSCore
internal import MAOSSystem

/// Looks at this machine: processors, memory, disks, networks.
///
/// The kernel's files stay open, and their text is read into one buffer, so that a look takes some fifty microseconds. Confined to
/// one thread at a time.
package final class HostProbe {
    private struct Rates {
        var moment: ProbeMoment
        var network: [UInt64]
        var disks: [UInt64]
    }

    private let disk: String
    private let stat: KernelFile
    private let memory: KernelFile
    private let load: KernelFile
    private let uptime: KernelFile
    private let interfaces: KernelFile
    private let disks: KernelFile
    private let own: KernelFile
    private let sensors: ProcessorSensors
    private let frequency: Double?
    private var buffer: [UInt8] = []

    private var times: ProcessorTimes?
    private var network = GrowingSums(count: 8)
    private var diskActivity = GrowingSums(count: 4)
    private var last: Rates?

    /// Opens nothing yet but sensors.
    ///
    /// - Parameters:
    ///   - disk: A folder on the file system that is meant, or where one will be.
    ///   - processes: What is looked at in place of `/proc`, for tests.
    ///   - system: What is looked at in place of `/sys`, for tests.
    package init(disk: String, processes: String = "/proc", system: String = "/sys") {
        self.disk = disk
        stat = KernelFile("\(processes)/stat")
        memory = KernelFile("\(processes)/meminfo")
        load = KernelFile("\(processes)/loadavg")
        uptime = KernelFile("\(processes)/uptime")
        interfaces = KernelFile("\(processes)/net/dev")
        disks = KernelFile("\(processes)/diskstats")
        own = KernelFile("\(processes)/self/stat")
        sensors = ProcessorSensors(folder: system)
        frequency = KernelFile("\(processes)/cpuinfo").read(into: &buffer) { (text: Span<UInt8>) in
            HostProbe.frequency(text)
        }
    }

    /// Looks again; what cannot be read is left out.
    package func read(at moment: ProbeMoment) -> HostReading {
        var reading = HostReading()
        reading.time = moment.time
        readProcessors(into: &reading.processor)
        reading.load = load.read(into: &buffer) { (text: Span<UInt8>) in HostLoad(text) }
        reading.memory = memory.read(into: &buffer) { (text: Span<UInt8>) in HostMemory(text) }
        reading.uptime = uptime.read(into: &buffer) { (text: Span<UInt8>) -> Milliseconds? in
            var place = KernelText()
            guard let seconds: Double = place.decimal(in: text), (0..<1e12).contains(seconds) else { return nil }
            return Milliseconds(Int64(seconds * 1_000))
        }
        reading.disk = DiskSpace(folder: disk).map { (space: DiskSpace) in
            HostDisk(total: space.total, used: max(0, space.total - space.free), free: space.available)
        }
        readCounters(into: &reading, at: moment)
        own.read(into: &buffer) { (text: Span<UInt8>) in ProcessStatus(stat: text) }.map { (status: ProcessStatus) in
            reading.own.processorTime = Double(status.ownTicks) / Double(ProcessTable.ticksPerSecond)
            reading.own.residentBytes = Int64(status.residentPages) * Int64(ProcessTable.pageSize)
        }
        return reading
    }

    private func readProcessors(into processor: inout HostProcessor) {
        processor.frequency = frequency
        processor.temperature = sensors.read(into: &buffer)
        let now: ProcessorTimes? = stat.read(into: &buffer) { (text: Span<UInt8>) in ProcessorTimes(text) }
        guard let now else { return }
        defer { times = now }
        processor.count = max(1, now.each.count)
        guard let earlier: ProcessorTimes = times else { return }
        processor.percent = now.total.percent(since: earlier.total)
        guard now.each.map(\.name) == earlier.each.map(\.name) else { return }
        processor.percentOfEach = zip(now.each, earlier.each).map { (now, earlier) in
            now.ticks.percent(since: earlier.ticks) ?? 0
        }
    }

    private func readCounters(into reading: inout HostReading, at moment: ProbeMoment) {
        let interfaces: [NamedCounters]? = interfaces.read(into: &buffer) { (text: Span<UInt8>) in
            NamedCounters.network(text)
        }
        let disks: [NamedCounters]? = disks.read(into: &buffer) { (text: Span<UInt8>) in NamedCounters.disks(text) }
        if let interfaces { network.take(interfaces) }
        if let disks { diskActivity.take(disks) }
        let seconds: Double? = moment.seconds(since: last?.moment)
        func count(_ sums: [UInt64], _ place: Int) -> Int64 { Int64(clamping: sums[place]) }
        func rate(_ sums: [UInt64], _ earlier: [UInt64]?, _ place: Int) -> Double {
            guard let seconds, let earlier else { return 0 }
            return Double(sums[place] &- earlier[place]) / seconds
        }
        func direction(_ first: Int) -> HostNetwork.Direction {
            var direction = HostNetwork.Direction()
            direction.bytes = count(network.sums, first)
            direction.packets = count(network.sums, first + 1)
            direction.errors = count(network.sums, first + 2)
            direction.drops = count(network.sums, first + 3)
            direction.byteRate = rate(network.sums, last?.network, first)
            direction.packetRate = rate(network.sums, last?.network, first + 1)
            return direction
        }
        if interfaces != nil {
            var traffic = HostNetwork()
            traffic.received = direction(0)
            traffic.sent = direction(4)
            reading.network = traffic
        }
        if disks != nil {
            var activity = HostDiskActivity()
            activity.reads = count(diskActivity.sums, 0)
            activity.bytesRead = count(diskActivity.sums, 1)
            activity.writes = count(diskActivity.sums, 2)
            activity.bytesWritten = count(diskActivity.sums, 3)
            activity.bytesReadRate = rate(diskActivity.sums, last?.disks, 1)
            activity.bytesWrittenRate = rate(diskActivity.sums, last?.disks, 3)
            reading.diskActivity = activity
        }
        last = Rates(moment: moment, network: network.sums, disks: diskActivity.sums)
    }

    /// Reads the megahertz of the first processor from the text of `/proc/cpuinfo`, where it has them.
    private static func frequency(_ text: Span<UInt8>) -> Double? {
        var place = KernelText()
        repeat {
            guard let first: Range<Int> = place.word(in: text), KernelText.equals(text, first, "cpu"),
                let second: Range<Int> = place.word(in: text), KernelText.equals(text, second, "MHz"),
                let colon: Range<Int> = place.word(in: text), KernelText.equals(text, colon, ":")
            else { continue }
            return place.decimal(in: text)
        } while place.nextLine(in: text)
        return nil
    }
}
