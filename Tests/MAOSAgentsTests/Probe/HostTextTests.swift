import MAOSAgents
import MAOSCore
import MAOSTestSupport
import Testing

/// What the kernel's texts about a machine mean.
@Suite("The texts of the kernel") struct HostTextTests {
    private static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    private static func processors(_ bytes: [UInt8]) -> ProcessorTimes? { ProcessorTimes(bytes.span) }
    private static func memory(_ bytes: [UInt8]) -> HostMemory? { HostMemory(bytes.span) }
    private static func load(_ bytes: [UInt8]) -> HostLoad? { HostLoad(bytes.span) }
    private static func network(_ bytes: [UInt8]) -> [NamedCounters] { NamedCounters.network(bytes.span) }
    private static func disks(_ bytes: [UInt8]) -> [NamedCounters] { NamedCounters.disks(bytes.span) }
    private static func sockets(_ bytes: [UInt8]) -> [UInt64] { NamedCounters.sockets(bytes.span) }

    @Test("processor times: guests count once, waiting for disks is idle")
    func processors() throws {
        let bytes: [UInt8] = try fixture("Probe/stat")
        let times: ProcessorTimes = try #require(HostTextTests.processors(bytes))
        #expect(times.each.map(\.name) == ["cpu0", "cpu1"])
        #expect(times.total.all == 20_000 && times.total.busy == 7_500)
        #expect(times.each[0].ticks.all == 10_000 && times.each[0].ticks.busy == 2_500)
        #expect(times.each[1].ticks.busy == 5_000)
        let text: [UInt8] = HostTextTests.bytes("cpu  100 0 100 700 100 0 0 0 50 0\n")
        #expect(HostTextTests.processors(text)?.total.busy == 200)
    }

    @Test("the part of the time with something to do lies between 0 and 100, and is unknown when counters run back")
    func percent() {
        typealias Ticks = ProcessorTimes.Ticks
        #expect(Ticks(busy: 50, all: 200).percent(since: Ticks(busy: 0, all: 100)) == 50)
        #expect(Ticks(busy: 500, all: 200).percent(since: Ticks(busy: 0, all: 100)) == 100)
        #expect(Ticks(busy: 50, all: 100).percent(since: Ticks(busy: 0, all: 100)) == nil)
        #expect(Ticks(busy: 50, all: 90).percent(since: Ticks(busy: 0, all: 100)) == nil)
        #expect(Ticks(busy: 50, all: 200).percent(since: Ticks(busy: 60, all: 100)) == nil)
    }

    @Test(
        "broken processor times are refused",
        arguments: [
            "", "cpu", "cpu \n", "cpu 1 2 3\n", "cpu0 1 2 3 4\n", "nonsense\n", "cpu x 2 3 4\n", "\u{0}\u{1}", "cpu  1",
        ])
    func brokenProcessors(_ text: String) {
        let bytes: [UInt8] = HostTextTests.bytes(text)
        #expect(HostTextTests.processors(bytes) == nil)
    }

    @Test("memory in use is what could not be had [OC-TYPE-13]")
    func memory() throws {
        let bytes: [UInt8] = try fixture("Probe/meminfo")
        let memory: HostMemory = try #require(HostTextTests.memory(bytes))
        #expect(memory.total == 16_000_000 * 1_024 && memory.available == 12_000_000 * 1_024)
        #expect(memory.used == 4_000_000 * 1_024 && memory.percent == 25)
        #expect(memory.swapTotal == 2_000_000 * 1_024 && memory.swapUsed == 500_000 * 1_024)
        let old: [UInt8] = HostTextTests.bytes("MemTotal: 100 kB\nMemFree: 10 kB\nBuffers: 20 kB\nCached: 30 kB\n")
        #expect(HostTextTests.memory(old)?.available == Int64(61_440))
        #expect(HostTextTests.memory(old)?.swapTotal == 0)
        let odd: [UInt8] = HostTextTests.bytes("MemTotal: 100 kB\nMemAvailable: 900 kB\n")
        #expect(HostTextTests.memory(odd)?.percent == 0)
    }

    @Test(
        "memory without a total is refused",
        arguments: [
            "", "MemFree: 1 kB\n", "MemTotal:\n", "MemTotal: x kB\n", "MemTotal: 0 kB\n", "MemTotal 5 kB\n",
            ":::\n\n\n",
        ])
    func brokenMemory(_ text: String) {
        let bytes: [UInt8] = HostTextTests.bytes(text)
        #expect(HostTextTests.memory(bytes) == nil)
    }

    @Test("load averages are three numbers")
    func load() {
        let bytes: [UInt8] = HostTextTests.bytes("1.25 1.45 0.32 2/345 12345\n")
        #expect(HostTextTests.load(bytes) == HostLoad(1.25, 1.45, 0.32))
        for text: String in ["", "1.25\n", "1.25 x 0.32\n", "1.25 1.45\n", "nan 1 1\n", "inf 1 1\n"] {
            let bytes: [UInt8] = HostTextTests.bytes(text)
            #expect(HostTextTests.load(bytes) == nil, "\(text)")
        }
    }

    @Test("the loopback interface does not count, nor do lines that are cut")
    func network() throws {
        let bytes: [UInt8] = try fixture("Probe/net_dev")
        let counters: [NamedCounters] = HostTextTests.network(bytes)
        #expect(
            counters == [
                NamedCounters(name: "eth0", values: [74_968_456, 3_176, 1, 2, 506_525, 2_787, 3, 4]),
                NamedCounters(name: "wlan0", values: [123, 1, 0, 0, 456, 2, 0, 0]),
            ])
        for text: String in ["", "\n\n", "eth0: 1 2 3\n", "eth0 1 2 3 4 5 6 7 8 9 10 11 12\n", "eth0: a b\n"] {
            let bytes: [UInt8] = HostTextTests.bytes(text)
            #expect(HostTextTests.network(bytes).isEmpty, "\(text)")
        }
    }

    @Test("partitions and devices on top of others do not count")
    func disks() throws {
        let bytes: [UInt8] = try fixture("Probe/diskstats")
        let counters: [NamedCounters] = HostTextTests.disks(bytes)
        #expect(counters.map(\.name) == ["sda", "nvme0n1", "vdb1"])
        #expect(counters[0].values == [100, 2_000 * 512, 50, 1_000 * 512])
        for text: String in ["", "8 0 sda 1 2\n", "8 sda 0 1 2 3 4 5 6 7\n", "x y z\n"] {
            let bytes: [UInt8] = HostTextTests.bytes(text)
            #expect(HostTextTests.disks(bytes).isEmpty, "\(text)")
        }
    }

    @Test("sums never go back, when interfaces go away or begin anew [OC-TYPE-14]")
    func sums() {
        var sums = GrowingSums(count: 2)
        sums.take([NamedCounters(name: "a", values: [10, 1]), NamedCounters(name: "b", values: [5, 5])])
        #expect(sums.sums == [15, 6])
        sums.take([NamedCounters(name: "a", values: [12, 2])])
        #expect(sums.sums == [17, 7])
        sums.take([NamedCounters(name: "a", values: [3, 2]), NamedCounters(name: "b", values: [6, 6])])
        #expect(sums.sums == [26, 13], "a began anew, and so did b")
        sums.take([])
        #expect(sums.sums == [26, 13])
    }

    @Test("tables of sockets give the sockets' numbers")
    func sockets() throws {
        let bytes: [UInt8] = try fixture("Probe/net_tcp")
        #expect(HostTextTests.sockets(bytes) == [12_345, 67_890])
        for text: String in ["", "header\n", "header\n 0: 0100007F:1F90\n", "header\n 0: a b c d e f g h i\n"] {
            let bytes: [UInt8] = HostTextTests.bytes(text)
            #expect(HostTextTests.sockets(bytes).isEmpty, "\(text)")
        }
    }

    @Test("no byte of a text is read twice or missed, whatever it is")
    func anything() throws {
        for name: String in ["stat", "meminfo", "net_dev", "diskstats", "net_tcp"] {
            let bytes: [UInt8] = try fixture("Probe/\(name)")
            for cut in 0...bytes.count {
                let part: [UInt8] = Array(bytes[..<cut])
                _ = HostTextTests.processors(part)
                _ = HostTextTests.memory(part)
                _ = HostTextTests.load(part)
                #expect(HostTextTests.network(part).count <= 2)
                #expect(HostTextTests.disks(part).count <= 3)
                _ = HostTextTests.sockets(part)
            }
        }
    }
}
