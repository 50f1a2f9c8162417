internal import MAOSAgents
internal import MAOSCore

extension MetricsBoard.Builder {
    /// Adds what is known of the machine, and of what this program uses of it.
    mutating func add(_ host: HostMonitor) {
        gauge(host, "maos_host_cpu_ratio", "Part of the host's processor time that is used") {
            $0.processor.percent.map { $0 / 100 }
        }
        gauge(host, "maos_host_cpus", "Processors of the host that are on") { Double($0.processor.count) }
        gauge(host, "maos_host_temperature_celsius", "Temperature of the host's processors") {
            $0.processor.temperature
        }
        for (window, average) in [
            ("1m", \HostLoad.oneMinute), ("5m", \HostLoad.fiveMinutes), ("15m", \HostLoad.fifteenMinutes),
        ] as [(String, any KeyPath<HostLoad, Double> & Sendable)] {
            gauge(host, "maos_host_load", "Tasks of the host that ran or wanted to", [MetricLabel("window", window)]) {
                $0.load?[keyPath: average]
            }
        }
        gauge(host, "maos_host_memory_total_bytes", "Memory of the host") { $0.memory.map { Double($0.total) } }
        gauge(host, "maos_host_memory_available_bytes", "Memory of the host to be had") {
            $0.memory.map { Double($0.available) }
        }
        gauge(host, "maos_host_memory_used_ratio", "Part of the host's memory that is used") {
            $0.memory.map { $0.percent / 100 }
        }
        gauge(host, "maos_host_swap_used_bytes", "Swap space of the host that is used") {
            $0.memory.map { Double($0.swapUsed) }
        }
        gauge(host, "maos_host_disk_total_bytes", "Size of the data directory's disk") {
            $0.disk.map { Double($0.total) }
        }
        gauge(host, "maos_host_disk_free_bytes", "What the server may still take of that disk") {
            $0.disk.map { Double($0.free) }
        }
        gauge(host, "maos_host_disk_used_ratio", "Part of that disk that is used") { $0.disk.map { $0.percent / 100 } }
        for (direction, bytes) in [
            ("read", \HostDiskActivity.bytesRead), ("written", \HostDiskActivity.bytesWritten),
        ] as [(String, any KeyPath<HostDiskActivity, Int64> & Sendable)] {
            count(host, "maos_host_disk_bytes_total", "Bytes that all disks have moved", direction) {
                ($0.diskActivity?[keyPath: bytes]).map { Double($0) }
            }
        }
        for (direction, part) in [
            ("in", \HostNetwork.received), ("out", \HostNetwork.sent),
        ] as [(String, any KeyPath<HostNetwork, HostNetwork.Direction> & Sendable)] {
            count(host, "maos_host_network_bytes_total", "Bytes on all networks but the loopback", direction) {
                ($0.network?[keyPath: part].bytes).map { Double($0) }
            }
            count(host, "maos_host_network_packets_total", "Packets on all networks but the loopback", direction) {
                ($0.network?[keyPath: part].packets).map { Double($0) }
            }
        }
        gauge(host, "maos_host_processes", "Processes of the host") { $0.processes > 0 ? Double($0.processes) : nil }
        gauge(host, "maos_process_resident_bytes", "Memory that the server occupies") {
            $0.own.residentBytes.map { Double($0) }
        }
        add(
            MetricSeries(
                "maos_process_cpu_seconds_total", .counter, of: .execution, "Processor time that the server has used")
        ) { host.reading.own.processorTime.map { .number($0) } ?? .unknown }
        add(
            MetricSeries(
                "maos_host_probe_seconds", .gauge, of: .execution, "How long the last look at the host's processes took"
            )
        ) { .number(host.scan.duration / 1_000) }
    }

    private mutating func gauge(
        _ host: HostMonitor, _ name: String, _ summary: String, _ labels: [MetricLabel] = [],
        _ value: @escaping @Sendable (HostReading) -> Double?
    ) {
        add(MetricSeries(name, .gauge, of: .execution, labels: labels, summary)) {
            value(host.reading).map { .number($0) } ?? .unknown
        }
    }

    private mutating func count(
        _ host: HostMonitor, _ name: String, _ summary: String, _ direction: String,
        _ value: @escaping @Sendable (HostReading) -> Double?
    ) {
        add(
            MetricSeries(
                name, .counter, of: .execution, labels: [MetricLabel("direction", direction)], summary)
        ) { value(host.reading).map { .number($0) } ?? .unknown }
    }
}
