/// What one look at the machine found; what the system does not tell is `nil`.
///
/// Counters run since the start of the machine, rates are those between this look and the one before.
package struct HostReading: Sendable, Hashable {
    /// When it was looked.
    package var time = Instant(milliseconds: 0)
    /// The processors.
    package var processor = HostProcessor()
    /// How many tasks ran or wanted to, on average.
    package var load: HostLoad?
    /// Memory and swap space.
    package var memory: HostMemory?
    /// The file system that the data directory is on.
    package var disk: HostDisk?
    /// What all disks did.
    package var diskActivity: HostDiskActivity?
    /// What all network interfaces but the loopback did.
    package var network: HostNetwork?
    /// Since the start of the machine.
    package var uptime: Milliseconds?
    /// Processes there are, those of others and threads of the kernel included.
    package var processes: Int = 0
    /// What this program itself uses.
    package var own = OwnUsage()

    /// Nothing is known.
    package init() {}
}

/// The processors of a machine.
package struct HostProcessor: Sendable, Hashable {
    /// The part of all processors' time that was used since the look before, 0…100; `nil` at first.
    package var percent: Double?
    /// The same of each processor that is on, in their order; empty at first.
    package var percentOfEach: [Double] = []
    /// Processors that are on.
    package var count: Int = 1
    /// Degrees Celsius of the hottest sensor of a processor.
    package var temperature: Double?
    /// Megahertz of the first processor at the start of this program.
    package var frequency: Double?

    /// Nothing is known.
    package init() {}
}

/// How many tasks ran or wanted to, on average over three times.
package struct HostLoad: Sendable, Hashable {
    /// Over the last minute.
    package var oneMinute: Double
    /// Over the last five minutes.
    package var fiveMinutes: Double
    /// Over the last fifteen minutes.
    package var fifteenMinutes: Double

    /// Notes the averages over one, five and fifteen minutes.
    package init(_ oneMinute: Double, _ fiveMinutes: Double, _ fifteenMinutes: Double) {
        self.oneMinute = oneMinute
        self.fiveMinutes = fiveMinutes
        self.fifteenMinutes = fifteenMinutes
    }
}

/// The memory of a machine, in bytes.
package struct HostMemory: Sendable, Hashable {
    /// All there is.
    package var total: Int64
    /// What could be had without swapping.
    package var available: Int64
    /// All swap space.
    package var swapTotal: Int64 = 0
    /// Swap space in use.
    package var swapUsed: Int64 = 0

    /// Notes how much there is and how much of it could be had.
    package init(total: Int64, available: Int64) {
        self.total = total
        self.available = min(available, total)
    }

    /// What could not be had.
    package var used: Int64 { total - available }
    /// The part in use, 0…100.
    package var percent: Double { HostReading.percent(used, of: total) }
}

/// A file system, in bytes.
package struct HostDisk: Sendable, Hashable {
    /// All there is.
    package var total: Int64
    /// What is in use.
    package var used: Int64
    /// What a user without privileges may still take.
    package var free: Int64

    /// Notes sizes.
    package init(total: Int64, used: Int64, free: Int64) {
        self.total = total
        self.used = used
        self.free = free
    }

    /// The part in use of what users without privileges share, 0…100, as `df` shows it.
    package var percent: Double { HostReading.percent(used, of: used + free) }
}

/// What all disks of a machine did.
package struct HostDiskActivity: Sendable, Hashable {
    /// Bytes read.
    package var bytesRead: Int64 = 0
    /// Bytes written.
    package var bytesWritten: Int64 = 0
    /// Finished reads.
    package var reads: Int64 = 0
    /// Finished writes.
    package var writes: Int64 = 0
    /// Bytes read a second.
    package var bytesReadRate: Double = 0
    /// Bytes written a second.
    package var bytesWrittenRate: Double = 0

    /// Nothing was done.
    package init() {}
}

/// What the network interfaces of a machine did, all together.
package struct HostNetwork: Sendable, Hashable {
    /// One direction.
    package struct Direction: Sendable, Hashable {
        /// Bytes that went through.
        package var bytes: Int64 = 0
        /// Packets that went through.
        package var packets: Int64 = 0
        /// Packets that were broken or could not be sent.
        package var errors: Int64 = 0
        /// Packets for which there was no room.
        package var drops: Int64 = 0
        /// Bytes a second.
        package var byteRate: Double = 0
        /// Packets a second.
        package var packetRate: Double = 0

        /// Nothing went through.
        package init() {}
    }

    /// What was received.
    package var received = Direction()
    /// What was sent.
    package var sent = Direction()

    /// Nothing went through.
    package init() {}
}

/// What this program uses.
package struct OwnUsage: Sendable, Hashable {
    /// Processor time that it has used, in seconds.
    package var processorTime: Double?
    /// Bytes of memory that it occupies.
    package var residentBytes: Int64?

    /// Nothing is known.
    package init() {}
}

extension HostReading {
    /// A part of a whole, 0…100; 0 of nothing.
    package static func percent(_ part: Int64, of whole: Int64) -> Double {
        whole > 0 ? min(100, max(0, Double(part) * 100 / Double(whole))) : 0
    }
}
