internal import MAOSCore

/// What processes have to be like; without anything, all are.
package struct OpenCodeProcessFilter: Sendable, Hashable {
    var programs: [ProcessProgram] = []
    var states: [ProcessState] = []
    var leastCPU: Double?
    var mostCPU: Double?
    var leastMemory: Double?
    var mostMemory: Double?
    /// In lower case.
    var nameContains: String?
    /// In lower case.
    var commandContains: String?
    var workingDirectory: String?
    var createdAfter: Instant?

    /// Whether a process is like that.
    func matches(_ process: ProcessReading, _ host: OpenCodeHost) -> Bool {
        if !programs.isEmpty, !programs.contains(process.program) { return false }
        if !states.isEmpty, !states.contains(process.state) { return false }
        let cpu: Double = host.cpuPercent(of: process)
        if let leastCPU, cpu < leastCPU { return false }
        if let mostCPU, cpu > mostCPU { return false }
        let memory: Double = host.memoryPercent(of: process)
        if let leastMemory, memory < leastMemory { return false }
        if let mostMemory, memory > mostMemory { return false }
        if let nameContains, !process.name.lowercased().contains(text: nameContains) { return false }
        if let commandContains, !process.commandLine.lowercased().contains(text: commandContains) { return false }
        if let workingDirectory, process.workingDirectory != workingDirectory { return false }
        if let createdAfter, process.startedAt <= createdAfter { return false }
        return true
    }
}

/// One look at the machine, in the dialect's words.
struct OpenCodeHost: Sendable {
    let reading: HostReading
    private(set) var scan: ProcessScan
    /// When processes of interest were first seen.
    let discovered: [ProcessIdentity: Instant]

    /// Processes that are OpenCode or Claude, or were started here.
    var ofInterest: [ProcessReading] { scan.processes.filter(\.isOfInterest) }

    /// Takes over where processes work, as far as the scan does not know it.
    mutating func locate(_ details: [ProcessIdentity: ProcessDetails]) {
        for index: Int in scan.processes.indices where scan.processes[index].workingDirectory == nil {
            scan.processes[index].workingDirectory = details[scan.processes[index].identity]?.workingDirectory
        }
    }

    private var processors: Double { Double(max(1, reading.processor.count)) }

    /// 0…100, where 100 is all processors.
    func cpuPercent(of process: ProcessReading) -> Double {
        OpenCodeHost.rounded(min(100, max(0, process.cpuPercent / processors)))
    }

    /// 0…100 of the machine's memory.
    func memoryPercent(of process: ProcessReading) -> Double {
        OpenCodeHost.rounded(HostReading.percent(process.residentBytes, of: reading.memory?.total ?? 0))
    }

    /// The same of what all processes of an agent use.
    func cpuPercent(of usage: ProcessUsage) -> Double {
        OpenCodeHost.rounded(min(100, max(0, usage.cpuPercent / processors)))
    }

    static func rounded(_ number: Double) -> Double { (number * 100).rounded() / 100 }

    /// What an agent runs: that of its processes that clients know by name, if there is one.
    func program(of agent: AgentID) -> ProcessProgram {
        scan.processes.first { $0.owner?.agent == agent && $0.program != .other }?.program ?? .other
    }
}

extension OpenCodeProjection {
    private static let nameLimit: Int = 256
    private static let textLimit: Int = 4_096

    /// Writes a process with the members that any message has of processes.
    static func write(
        _ process: ProcessReading, _ details: ProcessDetails?, in host: OpenCodeHost, at now: Instant,
        to writer: inout JSONWriter
    ) {
        writer.beginObject()
        writer.member("pid", Int(process.identity.pid))
        writer.member("name", OpenCodeFailure.cut(process.name, to: nameLimit))
        let command: String = process.commandLine.isEmpty ? process.name : process.commandLine
        writer.member("cmdline", OpenCodeFailure.cut(SecretMask.masked(commandLine: command), to: textLimit))
        writer.member("status", process.state.rawValue)
        writer.member("cpu_percent", host.cpuPercent(of: process))
        writer.member("memory_percent", host.memoryPercent(of: process))
        writer.member("memory_rss", process.residentBytes)
        writer.member("memory_usage", process.residentBytes)
        writer.member("create_time", Double(process.startedAt.milliseconds) / 1_000)
        writer.member("type", process.program.rawValue)
        writer.memberIfPresent("task_id", process.owner?.attempt?.task.rawValue)
        writer.memberIfPresent("agent_id", process.owner?.agent.rawValue)
        let folder: String? = process.workingDirectory ?? details?.workingDirectory
        writer.memberIfPresent("working_dir", folder.map { OpenCodeFailure.cut($0, to: textLimit) })
        writer.member("activity", activity(of: process))
        writer.member("is_opencode", process.program == .opencode)
        writer.member("is_claude_desktop", process.program == .claudeDesktop)
        writer.member("start_time", timestamp: process.startedAt.milliseconds)
        writer.member("runtime_seconds", max(0, (now - process.startedAt).count / 1_000))
        writer.member("threads", process.threads)
        writer.memberIfPresent("open_files", details?.openFiles)
        writer.memberIfPresent("connections", details?.connections)
        let discovered: Instant = host.discovered[process.identity] ?? host.scan.time
        writer.member("discovered_at", timestamp: discovered.milliseconds)
        writer.endObject()
    }

    private static func activity(of process: ProcessReading) -> String {
        guard let owner: ProcessOwner = process.owner else { return "unknown" }
        return owner.attempt == nil ? "interactive" : "executing_task"
    }

    static func write(
        _ processes: [ProcessReading], in host: OpenCodeHost, at now: Instant, to writer: inout JSONWriter
    ) {
        writer.beginArray("processes")
        for process: ProcessReading in processes { write(process, nil, in: host, at: now, to: &writer) }
        writer.endArray()
    }

    private static func writeLoad(_ host: OpenCodeHost, to writer: inout JSONWriter) {
        writer.beginObject("system_load")
        writer.member("load1", host.reading.load?.oneMinute ?? 0)
        writer.member("load5", host.reading.load?.fiveMinutes ?? 0)
        writer.member("load15", host.reading.load?.fifteenMinutes ?? 0)
        writer.endObject()
    }

    // MARK: Resources

    static func writeResources(_ host: OpenCodeHost, at now: Instant, to writer: inout JSONWriter) {
        let reading: HostReading = host.reading
        writer.beginObject()
        writer.member("cpu_usage", OpenCodeHost.rounded(min(100, max(0, reading.processor.percent ?? 0))))
        writer.member("cpu_cores", reading.processor.count)
        writer.memberIfPresent("cpu_frequency", reading.processor.frequency)
        writer.member("memory_usage", OpenCodeHost.rounded(reading.memory?.percent ?? 0))
        writer.member("memory_used", reading.memory?.used ?? 0)
        writer.member("memory_total", reading.memory?.total ?? 0)
        writer.member("memory_available", reading.memory?.available ?? 0)
        writer.member("disk_usage", OpenCodeHost.rounded(reading.disk?.percent ?? 0))
        writer.member("disk_used", reading.disk?.used ?? 0)
        writer.member("disk_total", reading.disk?.total ?? 0)
        writer.member("disk_free", reading.disk?.free ?? 0)
        let network: HostNetwork = reading.network ?? HostNetwork()
        writer.beginObject("network_stats")
        writer.member("bytes_sent", network.sent.bytes)
        writer.member("bytes_recv", network.received.bytes)
        writer.member("packets_sent", network.sent.packets)
        writer.member("packets_recv", network.received.packets)
        writer.member("errors_sent", network.sent.errors)
        writer.member("errors_recv", network.received.errors)
        writer.member("drop_sent", network.sent.drops)
        writer.member("drop_recv", network.received.drops)
        writer.endObject()
        writer.member("active_processes", max(reading.processes, host.scan.processes.count))
        writer.member("claude_processes", host.ofInterest.count)
        if let load: HostLoad = reading.load {
            writer.beginArray("load_average")
            writer.number(load.oneMinute)
            writer.number(load.fiveMinutes)
            writer.number(load.fifteenMinutes)
            writer.endArray()
        }
        writer.memberIfPresent("uptime_seconds", reading.uptime.map { $0.count / 1_000 })
        let time: Instant = reading.time.milliseconds > 0 ? reading.time : now
        writer.member("timestamp", timestamp: time.milliseconds)
        writer.endObject()
    }

    static func systemResources(_ host: OpenCodeHost, requestID: JSONValue?, at now: Instant) -> [UInt8] {
        message("system_resources", requestID: requestID, at: now) { (writer: inout JSONWriter) in
            writer.key("data")
            writeResources(host, at: now, to: &writer)
        }
    }

    static func resourceUpdate(_ host: OpenCodeHost, at now: Instant) -> [UInt8] {
        message("resource_update", at: now) { (writer: inout JSONWriter) in
            writer.key("resources")
            writeResources(host, at: now, to: &writer)
        }
    }

    // MARK: Processes

    /// Processes that a list shows, with how many there are.
    struct ProcessPage: Sendable {
        var processes: [ProcessReading]
        var totalCount: Int
        var filteredCount: Int
    }

    /// The page of a list.
    static func page(_ list: OpenCodeProcessList, in host: OpenCodeHost) -> ProcessPage {
        let all: [ProcessReading] = list.includesSystem ? host.scan.processes : host.ofInterest
        var found: [ProcessReading] = all.filter { list.filter.matches($0, host) }
        if let field: OpenCodeProcessList.Field = list.field {
            let isAscending: Bool = list.isAscending
            found.sort { (left: ProcessReading, right: ProcessReading) in
                let order: Int = compare(left, right, by: field)
                if order == 0 { return left.identity.pid < right.identity.pid }
                return isAscending ? order < 0 : order > 0
            }
        }
        return ProcessPage(
            processes: Array(found.dropFirst(list.offset).prefix(list.limit)), totalCount: all.count,
            filteredCount: found.count)
    }

    private static func compare(
        _ left: ProcessReading, _ right: ProcessReading, by field: OpenCodeProcessList.Field
    ) -> Int {
        func order<Value: Comparable>(_ left: Value, _ right: Value) -> Int { left < right ? -1 : left > right ? 1 : 0 }
        return switch field {
        case .cpuPercent: order(left.cpuPercent, right.cpuPercent)
        case .memoryPercent, .memoryRSS: order(left.residentBytes, right.residentBytes)
        case .pid: order(left.identity.pid, right.identity.pid)
        case .name: order(left.name, right.name)
        case .createTime, .startTime: order(left.startedAt, right.startedAt)
        case .runtimeSeconds: order(right.startedAt, left.startedAt)
        case .threads: order(left.threads, right.threads)
        }
    }

    static func processList(
        _ page: ProcessPage, details: [ProcessIdentity: ProcessDetails], in host: OpenCodeHost, requestID: JSONValue?,
        at now: Instant
    ) -> [UInt8] {
        dataMessage("process_list", requestID: requestID, at: now) { (writer: inout JSONWriter) in
            writer.beginArray("processes")
            for process: ProcessReading in page.processes {
                write(process, details[process.identity], in: host, at: now, to: &writer)
            }
            writer.endArray()
            writer.member("total_count", page.totalCount)
            writer.member("filtered_count", page.filteredCount)
            writeLoad(host, to: &writer)
            writer.beginObject("resource_summary")
            writer.member(
                "total_cpu_percent", OpenCodeHost.rounded(min(100, max(0, host.reading.processor.percent ?? 0))))
            writer.member("total_memory_percent", OpenCodeHost.rounded(host.reading.memory?.percent ?? 0))
            let claude: [ProcessReading] = host.ofInterest
            let cpu: Double = claude.reduce(0) { $0 + host.cpuPercent(of: $1) }
            writer.member("claude_cpu_percent", OpenCodeHost.rounded(min(100, cpu)))
            let memory: Double = claude.reduce(0) { $0 + host.memoryPercent(of: $1) }
            writer.member("claude_memory_percent", OpenCodeHost.rounded(min(100, memory)))
            writer.endObject()
        }
    }

    static func claudeProcesses(_ host: OpenCodeHost, requestID: JSONValue?, at now: Instant) -> [UInt8] {
        message("claude_processes", requestID: requestID, at: now) { (writer: inout JSONWriter) in
            write(host.ofInterest, in: host, at: now, to: &writer)
        }
    }

    static func claudeProcessesUpdate(_ host: OpenCodeHost, at now: Instant) -> [UInt8] {
        message("claude_processes_update", at: now) { (writer: inout JSONWriter) in
            let processes: [ProcessReading] = host.ofInterest
            write(processes, in: host, at: now, to: &writer)
            writer.member("process_count", processes.count)
            writer.member("opencode_processes", processes.count { $0.program == .opencode })
            writer.member("claude_desktop_processes", processes.count { $0.program == .claudeDesktop })
        }
    }

    static func processScan(_ host: OpenCodeHost, at now: Instant) -> [UInt8] {
        message("detailed_process_scan", at: now) { (writer: inout JSONWriter) in
            write(host.ofInterest, in: host, at: now, to: &writer)
            writeLoad(host, to: &writer)
            writer.member("scan_duration_ms", OpenCodeHost.rounded(host.scan.duration))
        }
    }

    static func processKilled(
        _ pid: Int32, _ signal: ProcessSignal, requestID: JSONValue?, at now: Instant
    ) -> [UInt8] {
        message("process_killed", requestID: requestID, at: now) { (writer: inout JSONWriter) in
            writer.beginObject("data")
            writer.member("pid", Int(pid))
            writer.member("signal", signal.rawValue)
            writer.member("success", true)
            writer.member("termination_time", timestamp: now.milliseconds)
            writer.endObject()
        }
    }

    // MARK: Agents

    /// Writes an agent with what it does.
    static func write(
        _ agent: AgentRecord, task: TaskRecord?, usage: ProcessUsage?, in host: OpenCodeHost,
        to writer: inout JSONWriter
    ) {
        let program: ProcessProgram = host.program(of: agent.id)
        writer.beginObject()
        writer.member("id", agent.id.rawValue)
        writer.member("name", agent.name)
        writer.member("status", OpenCodeVocabulary.name(of: agent.status))
        writer.member("core_status", agent.status.name)
        writer.member("type", program.rawValue)
        writer.member("role", agent.specification.type.name)
        writer.member("task", task?.specification.description ?? "")
        writer.memberIfPresent("task_id", task?.id.rawValue)
        writer.member("progress", task.map { OpenCodeVocabulary.percent($0.state) } ?? 0)
        writer.member("start_time", timestamp: agent.createdAt.milliseconds)
        writer.member("memory_usage", usage?.residentBytes ?? 0)
        writer.member("cpu_percent", usage.map { host.cpuPercent(of: $0) } ?? 0)
        writer.member("working_dir", agent.specification.workspace ?? "")
        writer.member("is_claude_desktop", program == .claudeDesktop)
        writer.member("process_type", program.rawValue)
        writer.endObject()
    }

    static func agentUpdate(
        _ event: AgentEvent, task: TaskRecord?, usage: ProcessUsage?, in host: OpenCodeHost, at now: Instant
    ) -> [UInt8] {
        message("agent_update", at: now) { (writer: inout JSONWriter) in
            writer.beginObject("agent")
            writer.member("id", event.id.rawValue)
            writer.member("name", event.name)
            writer.member("status", OpenCodeVocabulary.name(of: event.state.status))
            writer.member("core_status", event.state.status.name)
            writer.member("type", host.program(of: event.id).rawValue)
            writer.member("task", task?.specification.description ?? "")
            writer.memberIfPresent("task_id", task?.id.rawValue)
            writer.member("progress", task.map { OpenCodeVocabulary.percent($0.state) } ?? 0)
            writer.member("memory_usage", usage?.residentBytes ?? 0)
            writer.member("cpu_percent", usage.map { host.cpuPercent(of: $0) } ?? 0)
            writer.member("timestamp", timestamp: now.milliseconds)
            writer.endObject()
        }
    }
}

/// Hides what looks like a secret in what others may see.
enum SecretMask {
    private static let words: [String] = ["key", "token", "secret", "password", "passwd", "credential", "bearer"]

    /// A command line with its secrets hidden: values of options and variables that are named for one, and API keys.
    static func masked(commandLine: String) -> String {
        guard mayHoldSecret(commandLine) else { return commandLine }
        var hidesNext = false
        var masked: [String] = []
        for part: Substring in commandLine.split(separator: " ", omittingEmptySubsequences: false) {
            if hidesNext, !part.hasPrefix("-"), !part.isEmpty {
                hidesNext = isSecret(part) && part.lowercased() == "bearer"
                masked.append(hidesNext ? String(part) : "***")
                continue
            }
            hidesNext = false
            if let equals: Substring.Index = part.firstIndex(of: "="), isSecret(part[..<equals]) {
                masked.append("\(part[..<equals])=***")
            } else if part.hasPrefix("sk-") || part.hasPrefix("sess_") {
                masked.append("***")
            } else {
                hidesNext = (part.hasPrefix("-") && isSecret(part)) || part.lowercased() == "bearer"
                masked.append(String(part))
            }
        }
        return masked.joined(separator: " ")
    }

    private static func mayHoldSecret(_ text: String) -> Bool {
        let lowered: String = text.lowercased()
        return lowered.contains(text: "sk-") || lowered.contains(text: "sess_")
            || words.contains { lowered.contains(text: $0) }
    }

    private static func isSecret(_ name: Substring) -> Bool {
        let lowered: String = name.lowercased()
        return words.contains { lowered.contains(text: $0) }
    }
}
