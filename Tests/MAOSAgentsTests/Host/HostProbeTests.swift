import Foundation
import MAOSAgents
import Testing

/// What is read of the host.
@Suite struct HostProbeTests {
    @Test("processor time is that between two looks; memory and the process itself are read each time")
    func reading() throws {
        let folder: URL = FileManager.default.temporaryDirectory.appending(path: "maos-host-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(at: folder.appending(path: "self"), withIntermediateDirectories: true)
        func write(_ name: String, _ text: String) throws {
            try text.write(to: folder.appending(path: name), atomically: true, encoding: .utf8)
        }
        var probe = HostProbe(folder: folder.path)
        #expect(probe.read() == HostProbe.Reading(), "what is not there is left out")
        try write("stat", "cpu  100 0 100 700 100 0 0 0 50 0\ncpu0 1 2 3 4\n")
        try write("meminfo", "MemTotal:       1000 kB\nMemFree: 5 kB\nMemAvailable:    250 kB\n")
        try write("self/stat", "7 (a ) b) S 1 1 1 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 1 0 5 1 1 1\n")
        try write("self/statm", "100 3 2 1 0 1 0\n")
        let first: HostProbe.Reading = probe.read()
        #expect(first.processorUse == nil)
        #expect(first.memoryTotal == 1_024_000 && first.memoryAvailable == 256_000)
        #expect(first.ownProcessorTime == 200 / Double(sysconf(CInt(_SC_CLK_TCK))))
        #expect(first.ownMemory == 3 * Double(sysconf(CInt(_SC_PAGESIZE))))
        try write("stat", "cpu  150 0 100 800 150 0 0 0 50 0\n")
        #expect(probe.read().processorUse == 0.25)
        try write("stat", "cpu  1 0 1 1\n")
        #expect(probe.read().processorUse == nil, "counters that went back say nothing")
        try write("stat", "nonsense\n")
        #expect(probe.read().processorUse == nil)
    }

    @Test("this host can be read")
    func real() {
        var probe = HostProbe()
        let reading: HostProbe.Reading = probe.read()
        #expect((reading.memoryTotal ?? 0) > 0 && (reading.memoryAvailable ?? 0) > 0)
        #expect((reading.ownMemory ?? 0) > 0 && (reading.ownProcessorTime ?? -1) >= 0)
    }
}
