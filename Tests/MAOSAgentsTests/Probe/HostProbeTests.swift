import Foundation
import MAOSAgents
import MAOSCore
import MAOSTestSupport
import Testing

/// What is read of the host.
@Suite("The probe of the host") struct HostProbeTests {
    @Test("what is not there is left out, and found when it comes")
    func missing() throws {
        let processes = try FakeProcesses()
        let probe = HostProbe(
            disk: processes.path, processes: "\(processes.path)/proc", system: "\(processes.path)/sys")
        var reading: HostReading = probe.read(at: FakeProcesses.moment(0))
        #expect(reading.processor.percent == nil && reading.processor.temperature == nil)
        #expect(reading.memory == nil && reading.load == nil && reading.network == nil && reading.diskActivity == nil)
        #expect(reading.uptime == nil && reading.own == OwnUsage())
        #expect((reading.disk?.total ?? 0) > 0 && (0...100).contains(reading.disk?.percent ?? -1))
        try processes.write("MemTotal: 1000 kB\nMemAvailable: 250 kB\n", to: "proc/meminfo")
        try processes.write("0.5 0.25 0.125 1/2 3\n", to: "proc/loadavg")
        try processes.write("86400.25 99.9\n", to: "proc/uptime")
        try processes.write(
            "7 (a ) b) S 1 1 1 0 -1 4194560 1 0 0 0 150 50 9 9 20 0 1 0 5 1 3 1 1 1\n", to: "proc/self/stat")
        reading = probe.read(at: FakeProcesses.moment(1))
        #expect(reading.memory?.percent == 75 && reading.load == HostLoad(0.5, 0.25, 0.125))
        #expect(reading.uptime == Milliseconds(86_400_250))
        #expect(reading.own.processorTime == 200 / Double(sysconf(CInt(_SC_CLK_TCK))))
        #expect(reading.own.residentBytes == 3 * Int64(sysconf(CInt(_SC_PAGESIZE))))
        #expect(reading.time == FakeProcesses.moment(1).time)
        try processes.write("nonsense\n", to: "proc/uptime")
        try processes.write("", to: "proc/meminfo")
        reading = probe.read(at: FakeProcesses.moment(2))
        #expect(reading.uptime == nil && reading.memory == nil)
    }

    @Test("the use of processors is that between two looks, in all and of each [DASH-SC-05]")
    func processors() throws {
        let processes = try FakeProcesses()
        let probe = HostProbe(disk: "/", processes: processes.path, system: processes.path)
        func read(_ text: String) throws -> HostProcessor {
            try processes.write(text, to: "stat")
            return probe.read(at: FakeProcesses.moment(0)).processor
        }
        var processor: HostProcessor = try read(
            "cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 50 0 50 350 50\ncpu1 50 0 50 350 50\n")
        #expect(processor.percent == nil && processor.percentOfEach.isEmpty && processor.count == 2)
        processor = try read("cpu  150 0 100 800 150 0 0 0 0 0\ncpu0 100 0 50 350 50\ncpu1 50 0 50 450 100\n")
        #expect(processor.percent == 25 && processor.percentOfEach == [100, 0])
        processor = try read("cpu  200 0 100 900 150 0 0 0 0 0\ncpu0 150 0 50 400 50\n")
        #expect(processor.percentOfEach.isEmpty && processor.count == 1, "one was switched off")
        #expect(try read("cpu  1 0 1 1\ncpu0 1 0 1 1\n").percent == nil, "counters that went back say nothing")
        #expect(try read("nonsense\n").percent == nil)
    }

    @Test("traffic is counted up, with rates by the clock that never runs back")
    func rates() throws {
        let processes = try FakeProcesses()
        let probe = HostProbe(disk: "/", processes: processes.path, system: processes.path)
        func read(_ bytes: Int, _ sectors: Int, _ second: Double) throws -> HostReading {
            try processes.write(
                "a\nb\n lo: 9 9 9 9 9 9 9 9 9 9 9 9\n e0: \(bytes) 10 1 2 0 0 0 0 \(bytes * 2) 20 3 4 0 0 0 0\n",
                to: "net/dev")
            try processes.write("8 0 sda 1 0 \(sectors) 0 2 0 \(sectors * 3) 0 0 0 0\n", to: "diskstats")
            return probe.read(at: FakeProcesses.moment(second))
        }
        var reading: HostReading = try read(1_000, 10, 0)
        #expect(reading.network?.received.bytes == 1_000 && reading.network?.sent.bytes == 2_000)
        #expect(reading.network?.received.drops == 2 && reading.network?.sent.errors == 3)
        #expect(reading.network?.received.byteRate == 0 && reading.diskActivity?.bytesRead == 5_120)
        reading = try read(3_000, 20, 2)
        #expect(reading.network?.received.byteRate == 1_000 && reading.network?.sent.byteRate == 2_000)
        #expect(reading.network?.received.packetRate == 0 && reading.network?.sent.packets == 20)
        #expect(reading.diskActivity?.bytesReadRate == 2_560 && reading.diskActivity?.bytesWrittenRate == 7_680)
        #expect(reading.diskActivity?.writes == 2)
        reading = try read(4_000, 30, 2)
        #expect(reading.network?.received.byteRate == 0, "no time has gone by")
    }

    @Test("the hottest sensor of a processor counts, and others do not")
    func temperature() throws {
        let processes = try FakeProcesses()
        func probe() -> Double? {
            HostProbe(disk: "/", processes: processes.path, system: processes.path).read(at: FakeProcesses.moment(0))
                .processor.temperature
        }
        #expect(probe() == nil)
        try processes.write("x86_pkg_temp\n", to: "class/thermal/thermal_zone1/type")
        try processes.write("41000\n", to: "class/thermal/thermal_zone1/temp")
        try processes.write("battery\n", to: "class/thermal/thermal_zone0/type")
        try processes.write("99000\n", to: "class/thermal/thermal_zone0/temp")
        #expect(probe() == 41)
        try processes.write("k10temp\n", to: "class/hwmon/hwmon3/name")
        try processes.write("52500\n", to: "class/hwmon/hwmon3/temp1_input")
        try processes.write("-273000\n", to: "class/hwmon/hwmon3/temp2_input")
        try processes.write("words\n", to: "class/hwmon/hwmon3/temp3_input")
        try processes.write("nvme\n", to: "class/hwmon/hwmon0/name")
        try processes.write("70000\n", to: "class/hwmon/hwmon0/temp1_input")
        #expect(probe() == 52.5)
    }

    @Test("the speed of the processors is known where the kernel tells it")
    func frequency() throws {
        let processes = try FakeProcesses()
        func probe() -> Double? {
            HostProbe(disk: "/", processes: processes.path, system: processes.path).read(at: FakeProcesses.moment(0))
                .processor.frequency
        }
        #expect(probe() == nil)
        try processes.write("processor\t: 0\ncpu family\t: 25\ncpu MHz\t\t: 2596.130\ncpu MHz : 1\n", to: "cpuinfo")
        #expect(probe() == 2_596.13)
        try processes.write("cpu MHz\n", to: "cpuinfo")
        #expect(probe() == nil)
    }

    @Test("texts longer than a page are read whole")
    func long() throws {
        let processes = try FakeProcesses()
        let probe = HostProbe(disk: "/", processes: processes.path, system: processes.path)
        var text: String = "a\nb\n"
        for number in 0..<2_000 { text += "veth\(number): 1 1 0 0 0 0 0 0 2 1 0 0 0 0 0 0\n" }
        try processes.write(text, to: "net/dev")
        #expect(probe.read(at: FakeProcesses.moment(0)).network?.sent.bytes == 4_000)
    }

    @Test("this host can be read")
    func real() {
        let probe = HostProbe(disk: "/")
        let reading: HostReading = probe.read(at: FakeProcesses.moment(0))
        #expect((reading.memory?.total ?? 0) > 0 && (0...100).contains(reading.memory?.percent ?? -1))
        #expect((reading.own.residentBytes ?? 0) > 0 && (reading.own.processorTime ?? -1) >= 0)
        #expect((reading.uptime?.count ?? 0) > 0 && reading.load != nil && reading.processor.count >= 1)
        #expect(reading.network != nil && (reading.disk?.free ?? -1) >= 0)
    }
}
