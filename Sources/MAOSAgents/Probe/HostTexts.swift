package import MAOSCore

/// Processor time of the whole machine and of each processor, as `/proc/stat` has it.
package struct ProcessorTimes: Hashable, Sendable {
    /// Clock ticks since the start of the machine.
    package struct Ticks: Hashable, Sendable {
        /// With something to do.
        package var busy: UInt64
        /// In all.
        package var all: UInt64

        /// Notes ticks.
        package init(busy: UInt64, all: UInt64) {
            self.busy = busy
            self.all = all
        }

        /// The part of the time since earlier ticks with something to do, 0…100; nil when no time has gone by, or a counter ran
        /// back.
        package func percent(since earlier: Ticks) -> Double? {
            guard all > earlier.all, busy >= earlier.busy else { return nil }
            return min(100, Double(busy - earlier.busy) * 100 / Double(all - earlier.all))
        }
    }

    /// One processor.
    package struct Processor: Hashable, Sendable {
        /// Such as `cpu0`.
        package var name: String
        /// Its ticks.
        package var ticks: Ticks
    }

    /// Of all processors together.
    package var total: Ticks
    /// Of each, in their order.
    package var each: [Processor]

    /// Reads the text; nil when it is broken.
    package init?(_ text: Span<UInt8>) {
        var place = KernelText()
        guard let first: Range<Int> = place.word(in: text), KernelText.equals(text, first, "cpu"),
            let total: Ticks = ProcessorTimes.ticks(text, &place)
        else { return nil }
        self.total = total
        each = []
        while place.nextLine(in: text), let word: Range<Int> = place.word(in: text), word.count > 3,
            KernelText.equals(text, word.lowerBound..<word.lowerBound + 3, "cpu"),
            let ticks: Ticks = ProcessorTimes.ticks(text, &place)
        {
            each.append(Processor(name: KernelText.string(text, word), ticks: ticks))
        }
    }

    /// User, nice, system, idle, waiting for disks, and so on.
    private static func ticks(_ text: Span<UInt8>, _ place: inout KernelText) -> Ticks? {
        var (all, idle, count): (UInt64, UInt64, Int) = (0, 0, 0)
        // What guests use is in user mode already; so only the first eight count.
        while count < 8, let value: UInt64 = place.number(in: text) {
            all &+= value
            if count == 3 || count == 4 { idle &+= value }
            count += 1
        }
        return count >= 4 && all >= idle ? Ticks(busy: all - idle, all: all) : nil
    }
}

extension HostMemory {
    /// Reads the text of `/proc/meminfo`; nil when it does not say how much there is.
    package init?(_ text: Span<UInt8>) {
        var (total, available): (Int64?, Int64?)
        var (free, cached): (Int64, Int64) = (0, 0)
        var (swapTotal, swapFree): (Int64, Int64) = (0, 0)
        var place = KernelText()
        repeat {
            guard let name: Range<Int> = place.word(in: text), let kilobytes: UInt64 = place.number(in: text) else {
                continue
            }
            let bytes = Int64(clamping: kilobytes.multipliedReportingOverflow(by: 1_024).partialValue)
            if KernelText.equals(text, name, "MemTotal:") {
                total = bytes
            } else if KernelText.equals(text, name, "MemAvailable:") {
                available = bytes
            } else if KernelText.equals(text, name, "MemFree:") {
                free = bytes
            } else if KernelText.equals(text, name, "Buffers:") || KernelText.equals(text, name, "Cached:") {
                cached += bytes
            } else if KernelText.equals(text, name, "SwapTotal:") {
                swapTotal = bytes
            } else if KernelText.equals(text, name, "SwapFree:") {
                swapFree = bytes
                break
            }
        } while place.nextLine(in: text)
        guard let total, total > 0 else { return nil }
        // Kernels before 3.14 leave the adding up to us.
        self.init(total: total, available: available ?? (free + cached))
        self.swapTotal = swapTotal
        swapUsed = max(0, swapTotal - swapFree)
    }
}

extension HostLoad {
    /// Reads the text of `/proc/loadavg`; nil when it is broken.
    package init?(_ text: Span<UInt8>) {
        var place = KernelText()
        guard let one: Double = place.decimal(in: text), let five: Double = place.decimal(in: text),
            let fifteen: Double = place.decimal(in: text), one.isFinite, five.isFinite, fifteen.isFinite
        else { return nil }
        self.init(one, five, fifteen)
    }
}

/// The counters of things of which there may be several: interfaces, disks.
package struct NamedCounters: Hashable, Sendable {
    /// The thing.
    package var name: String
    /// Its counters, in an order of their own.
    package var values: [UInt64]

    /// Notes a thing's counters.
    package init(name: String, values: [UInt64]) {
        self.name = name
        self.values = values
    }

    /// Reads the text of `/proc/net/dev`: of each interface but the loopback, received bytes, packets, errors and drops, then the
    /// same of what was sent.
    package static func network(_ text: Span<UInt8>) -> [NamedCounters] {
        var found: [NamedCounters] = []
        var place = KernelText()
        repeat {
            guard let name: Range<Int> = place.word(in: text), text[name.upperBound - 1] == UInt8(ascii: ":") else {
                continue
            }
            var numbers: [UInt64] = []
            while numbers.count < 12, let number: UInt64 = place.number(in: text) { numbers.append(number) }
            guard numbers.count == 12, !KernelText.equals(text, name, "lo:") else { continue }
            found.append(
                NamedCounters(
                    name: KernelText.string(text, name.lowerBound..<name.upperBound - 1),
                    values: Array(numbers[0..<4] + numbers[8..<12])))
        } while place.nextLine(in: text)
        return found
    }

    /// Reads the text of `/proc/diskstats`: of each disk, finished reads, bytes read, finished writes, bytes written.
    ///
    /// Partitions, and devices that only pass on to others, are left out: what they do counts for the disk.
    package static func disks(_ text: Span<UInt8>) -> [NamedCounters] {
        var found: [NamedCounters] = []
        var place = KernelText()
        repeat {
            guard place.number(in: text) != nil, place.number(in: text) != nil,
                let word: Range<Int> = place.word(in: text)
            else { continue }
            var numbers: [UInt64] = []
            while numbers.count < 7, let number: UInt64 = place.number(in: text) { numbers.append(number) }
            let name: String = KernelText.string(text, word)
            guard numbers.count == 7, !isDerived(name, after: found.last?.name) else { continue }
            // A sector of these counters is 512 bytes, whatever the disk has.
            found.append(
                NamedCounters(name: name, values: [numbers[0], numbers[2] &* 512, numbers[4], numbers[6] &* 512]))
        } while place.nextLine(in: text)
        return found
    }

    private static func isDerived(_ name: String, after disk: String?) -> Bool {
        if ["loop", "ram", "zram", "dm-", "md", "sr", "fd"].contains(where: { name.hasPrefix($0) }) { return true }
        guard let disk, name.hasPrefix(disk) else { return false }
        var rest: Substring = name.dropFirst(disk.count)
        if disk.last?.isNumber == true, rest.first == "p" { rest = rest.dropFirst() }
        return !rest.isEmpty && rest.allSatisfy { $0.isNumber }
    }

    /// Reads one of the tables of sockets in `/proc/net`, such as `tcp`: their numbers.
    package static func sockets(_ text: Span<UInt8>) -> [UInt64] {
        var found: [UInt64] = []
        var place = KernelText()
        while place.nextLine(in: text) {
            // `N: LOCAL:PORT REMOTE:PORT STATE QUEUES:… TIMER:… RETRIES USER TIMEOUT NUMBER …`; a colon ends a word here.
            var words: Int = 0
            while words < 11, place.word(in: text) != nil { words += 1 }
            if words == 11, place.number(in: text) != nil, place.number(in: text) != nil,
                let number: UInt64 = place.number(in: text), number > 0
            {
                found.append(number)
            }
        }
        return found
    }
}

/// Sums over things that come and go, whose counters may begin anew: the sums never go back.
package struct GrowingSums: Sendable {
    /// The sums so far.
    package private(set) var sums: [UInt64]
    private var last: [String: [UInt64]] = [:]

    /// Begins with so many sums, all 0.
    package init(count: Int) {
        sums = Array(repeating: 0, count: count)
    }

    /// Adds what each thing counted since the time before.
    package mutating func take(_ counters: [NamedCounters]) {
        var seen: [String: [UInt64]] = [:]
        for counter: NamedCounters in counters {
            let earlier: [UInt64]? = last[counter.name]
            for (place, value) in counter.values.enumerated() where place < sums.count {
                let before: UInt64 = earlier?[place] ?? 0
                sums[place] &+= value >= before ? value - before : value
            }
            seen[counter.name] = counter.values
        }
        last = seen
    }
}
