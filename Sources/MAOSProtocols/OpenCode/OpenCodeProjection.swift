internal import MAOSCore

/// Turns what the core knows into the dialect's messages.
enum OpenCodeProjection {
    /// A message with its type, and its time at the end.
    ///
    /// - Parameters:
    ///   - type: The message's type.
    ///   - requestID: The client's name for the request that it answers.
    ///   - now: The time.
    ///   - body: Writes the other members.
    /// - Returns: The message, as UTF-8.
    static func message(
        _ type: String, requestID: JSONValue? = nil, at now: Instant, _ body: (inout JSONWriter) -> Void
    ) -> [UInt8] {
        var writer = JSONWriter(reservingCapacity: 512)
        writer.beginObject()
        writer.member("type", type)
        body(&writer)
        if let requestID { writer.member("request_id", requestID) }
        writer.member("timestamp", timestamp: now.milliseconds)
        writer.endObject()
        return writer.take()
    }

    /// A message whose content is under `data`, with the time inside.
    static func dataMessage(
        _ type: String, requestID: JSONValue?, at now: Instant, _ body: (inout JSONWriter) -> Void
    ) -> [UInt8] {
        var writer = JSONWriter(reservingCapacity: 1_024)
        writer.beginObject()
        writer.member("type", type)
        writer.beginObject("data")
        body(&writer)
        writer.member("timestamp", timestamp: now.milliseconds)
        writer.endObject()
        if let requestID { writer.member("request_id", requestID) }
        writer.endObject()
        return writer.take()
    }

    // MARK: The connection

    static func connectionEstablished(version: String, isAuthenticated: Bool, at now: Instant) -> [UInt8] {
        message("connection_established", at: now) { (writer: inout JSONWriter) in
            writer.member("server_version", version)
            writer.member("api_version", OpenCodeConfiguration.apiVersion)
            writer.member("authentication_required", !isAuthenticated)
        }
    }

    static func pong(_ timestamp: JSONValue?, requestID: JSONValue?, at now: Instant) -> [UInt8] {
        var writer = JSONWriter(reservingCapacity: 128)
        writer.beginObject()
        writer.member("type", "pong")
        if let timestamp { writer.member("timestamp", timestamp) }
        writer.member("server_time", timestamp: now.milliseconds)
        if let requestID { writer.member("request_id", requestID) }
        writer.endObject()
        return writer.take()
    }

    static func connectionStatus(
        clients: Int, startedAt: Instant, lastPing: Instant, queue: Int, isReady: Bool, at now: Instant
    ) -> [UInt8] {
        message("connection_status", at: now) { (writer: inout JSONWriter) in
            writer.member("status", isReady ? "healthy" : "degraded")
            writer.member("client_count", clients)
            writer.member("uptime_seconds", max(0, (now - startedAt).count / 1_000))
            writer.member("last_ping", timestamp: lastPing.milliseconds)
            writer.member("message_queue_size", queue)
        }
    }

    // MARK: Logs

    static func write(_ entry: LogEntry, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("time", timestamp: entry.time.milliseconds)
        writer.member("level", entry.level.rawValue)
        writer.member("message", entry.message)
        writer.member("agent", entry.agent)
        writer.member("source", entry.source)
        writer.member("details", .object(entry.details))
        if let task: TaskID = entry.task {
            writer.beginObject("context")
            writer.member("task_id", task.rawValue)
            writer.endObject()
        }
        writer.endObject()
    }

    static func logEntry(_ entry: LogEntry, at now: Instant) -> [UInt8] {
        message("log_entry", at: now) { (writer: inout JSONWriter) in
            writer.key("log")
            write(entry, to: &writer)
        }
    }

    static func logEntries(_ page: LogPage, requestID: JSONValue?, at now: Instant) -> [UInt8] {
        dataMessage("log_entries", requestID: requestID, at: now) { (writer: inout JSONWriter) in
            writer.beginArray("entries")
            for entry: LogEntry in page.entries { write(entry, to: &writer) }
            writer.endArray()
            writer.member("total_count", page.summary.total)
            writer.member("filtered_count", page.filteredCount)
            writer.member("filtered_count_is_exact", page.isFilteredCountExact)
            writer.beginObject("pagination")
            writer.member("has_more", page.next != nil)
            if let next: LogCursor = page.next {
                writer.member("next_cursor", next.text)
            } else {
                writer.key("next_cursor")
                writer.null()
            }
            writer.endObject()
            writer.beginObject("summary")
            writer.member("error_count", page.summary.count(of: .error))
            writer.member("warn_count", page.summary.count(of: .warn))
            writer.member("info_count", page.summary.count(of: .info))
            writer.member("debug_count", page.summary.count(of: .debug))
            writer.member("fatal_count", page.summary.count(of: .fatal))
            writer.memberIfPresent("oldest_entry", timestamp: page.summary.oldest?.milliseconds)
            writer.memberIfPresent("newest_entry", timestamp: page.summary.newest?.milliseconds)
            writer.endObject()
        }
    }

    // MARK: Health and use

    static func systemHealth(
        _ components: [HealthComponent], startedAt: Instant, requestID: JSONValue?, at now: Instant
    ) -> [UInt8] {
        func worst(_ names: String...) -> HealthStatus {
            components.filter { names.contains($0.name) }.map(\.status).max() ?? .healthy
        }
        let shown: [(String, HealthStatus)] = [
            ("websocket_server", worst("communication", "transport")),
            ("task_manager", worst("orchestration", "agents")),
            ("file_monitoring", worst("execution")), ("database", worst("storage", "journal")),
        ]
        return dataMessage("system_health", requestID: requestID, at: now) { (writer: inout JSONWriter) in
            let overall: HealthStatus = shown.map(\.1).max() ?? .healthy
            writer.member("overall_status", OpenCodeVocabulary.name(of: overall))
            writer.beginObject("components")
            for (name, status) in shown { writer.member(name, OpenCodeVocabulary.name(of: status)) }
            writer.endObject()
            writer.member("uptime_seconds", max(0, (now - startedAt).count / 1_000))
            let lastCheck: Instant = components.map(\.lastCheck).max() ?? now
            writer.member("last_health_check", timestamp: lastCheck.milliseconds)
            writer.beginArray("issues")
            for component: HealthComponent in components
            where component.status == .degraded || component.status == .unhealthy {
                writer.beginObject()
                writer.member("component", component.name)
                writer.member("severity", component.status == .unhealthy ? "critical" : "warning")
                let text: String = component.message ?? "\(component.name) is \(component.status.name)"
                writer.member("message", OpenCodeFailure.cut(text))
                writer.member("since", timestamp: component.lastCheck.milliseconds)
                writer.endObject()
            }
            writer.endArray()
        }
    }

    static func apiMetrics(
        _ counts: OpenCodeUsage.Counts, range: String, length: Milliseconds, since start: Instant,
        connections: OpenCodeConnections, limits: [(name: OpenCodeLimitName, current: Int, limit: Int)],
        requestID: JSONValue?, at now: Instant
    ) -> [UInt8] {
        dataMessage("api_metrics", requestID: requestID, at: now) { (writer: inout JSONWriter) in
            // A server that has run for less than the range has answered in that time only.
            let seconds: Double = Double(max(1_000, min(length.count, (now - start).count))) / 1_000
            writer.member("requests_total", counts.requests)
            writer.member("requests_per_second", (Double(counts.requests) / seconds * 1_000).rounded() / 1_000)
            let mean: Double = counts.requests == 0 ? 0 : Double(counts.duration) / Double(counts.requests)
            writer.member("average_response_time_ms", (mean * 100).rounded() / 100)
            let failed: Double = counts.requests == 0 ? 0 : Double(counts.errors) * 100 / Double(counts.requests)
            writer.member("error_rate_percent", (failed * 100).rounded() / 100)
            writer.beginObject("endpoint_usage")
            for name: String in counts.byType.keys.sorted() { writer.member(name, counts.byType[name] ?? 0) }
            writer.endObject()
            writer.beginObject("client_connections")
            writer.member("current", connections.current)
            writer.member("peak_today", connections.peakToday)
            writer.member("total_today", connections.totalToday)
            writer.endObject()
            writer.beginObject("rate_limits")
            writer.member("violations", counts.refusals)
            writer.beginObject("usage")
            for limit: (name: OpenCodeLimitName, current: Int, limit: Int) in limits {
                writer.beginObject(limit.name.wireName)
                writer.member("current", limit.current)
                writer.member("limit", limit.limit)
                writer.endObject()
            }
            writer.endObject()
            writer.endObject()
            writer.member("time_range", range)
        }
    }
}
