import MAOSCore
import Testing

/// When people are told that a resource runs short.
@Suite("The watch over resources") struct ResourceWatchTests {
    private static func reading(_ percent: Double?, memory: Int64 = 0, disk: Int64 = 0) -> HostReading {
        var reading = HostReading()
        reading.processor.percent = percent
        reading.memory = HostMemory(total: 100, available: 100 - memory)
        reading.disk = HostDisk(total: 100, used: disk, free: 100 - disk)
        return reading
    }

    /// What is told of the processors at each of these usages.
    private static func told(_ usages: [Double]) -> [ResourceAlert.Level?] {
        var watch = ResourceWatch()
        return usages.map { (usage: Double) in watch.look(at: reading(usage)).first?.level }
    }

    @Test("an alert is raised once, after three looks in a row above the threshold [HIVE-EVT-14]")
    func raised() {
        #expect(ResourceWatchTests.told([91, 91, 91, 91, 91, 91]) == [nil, nil, .warning, nil, nil, nil])
        #expect(ResourceWatchTests.told([91, 91, 90, 91, 91, 90]) == [nil, nil, nil, nil, nil, nil])
    }

    @Test("it is over after three looks in a row well below the threshold, and may be raised again then")
    func cleared() {
        #expect(
            ResourceWatchTests.told([95, 95, 95, 86, 85, 84.9, 84, 84, 95, 95, 95])
                == [nil, nil, .warning, nil, nil, nil, nil, .info, nil, nil, .warning])
        #expect(
            ResourceWatchTests.told([95, 95, 95, 80, 80, 88, 80, 80, 91])
                == [nil, nil, .warning, nil, nil, nil, nil, nil, nil])
    }

    @Test("it is told once more when it becomes critical")
    func critical() {
        #expect(ResourceWatchTests.told([99, 99, 99, 99, 99, 99]) == [nil, nil, .critical, nil, nil, nil])
        #expect(
            ResourceWatchTests.told([92, 92, 92, 96, 96, 96, 92, 92, 92, 99, 99, 99])
                == [nil, nil, .warning, nil, nil, .critical, nil, nil, nil, nil, nil, nil])
        #expect(ResourceWatchTests.told([99, 92, 99]) == [nil, nil, .warning], "the least bad of the three counts")
    }

    @Test("each resource counts by itself, and what is unknown is neither good nor bad")
    func apart() {
        var watch = ResourceWatch()
        for _ in 0..<2 { #expect(watch.look(at: ResourceWatchTests.reading(nil, memory: 95, disk: 99)).isEmpty) }
        let told: [ResourceAlert] = watch.look(at: ResourceWatchTests.reading(nil, memory: 95, disk: 99))
        #expect(told.map(\.resource) == [.memory, .disk] && told.map(\.level) == [.warning, .critical])
        for _ in 0..<2 { #expect(watch.look(at: ResourceWatchTests.reading(nil, memory: 10, disk: 99)).isEmpty) }
        let over: [ResourceAlert] = watch.look(at: ResourceWatchTests.reading(nil, memory: 10, disk: 99))
        #expect(over.map(\.resource) == [.memory] && over.map(\.level) == [.info])
    }

    @Test("other thresholds count from the next look on, and 100 means never")
    func thresholds() {
        var thresholds = ResourceThresholds()
        thresholds.cpu = 100
        var watch = ResourceWatch(thresholds)
        for _ in 0..<10 { #expect(watch.look(at: ResourceWatchTests.reading(100)).isEmpty) }
        watch.thresholds.cpu = 50
        for _ in 0..<2 { #expect(watch.look(at: ResourceWatchTests.reading(60)).isEmpty) }
        #expect(watch.look(at: ResourceWatchTests.reading(60)).first?.threshold == 50)
    }

    @Test("the trend is that of the newer looks against the older ones")
    func trend() {
        func trend(_ usages: [Double]) -> ResourceAlert.Trend? {
            var watch = ResourceWatch()
            return usages.compactMap { watch.look(at: ResourceWatchTests.reading($0)).first?.trend }.last
        }
        #expect(trend([50, 60, 91, 92, 93]) == .increasing)
        #expect(trend([94, 94, 94]) == .stable)
        #expect(trend([50, 90, 99, 94, 91, 91, 70, 60, 60]) == .decreasing)
    }

    @Test("everybody is told in the same words")
    func event() throws {
        var watch = ResourceWatch()
        var told: [ResourceAlert] = []
        for usage: Double in [92, 92.2, 92.46] { told += watch.look(at: ResourceWatchTests.reading(usage)) }
        var alert: ResourceAlert = try #require(told.first)
        alert.trend = .increasing
        #expect(alert.event.type == "resource_alert")
        #expect(
            "\(alert.event.data)"
                == #"{"resource":"cpu","level":"warning","usagePercent":92.5,"thresholdPercent":90,"trend":"increasing","#
                + #""message":"Processor usage is 92.5 %, above the threshold of 90 %"}"#)
        alert.level = .info
        alert.usage = 12
        #expect(alert.event.type == "resource_alert_cleared")
        #expect(alert.message == "Processor usage is 12 %, below the threshold of 90 % again")
    }
}
