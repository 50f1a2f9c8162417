internal import MAOSCore

extension HiveProjection {
    static func write(_ system: SystemEvent, _ type: HiveFrameType, at event: Event, to writer: inout JSONWriter) {
        switch type {
        case .learningCycleStarted, .coordinationEvent:
            writeMembers(of: system.data.value(), to: &writer)
        case .learningCycleCompleted:
            writeLearned(system.data.value(), to: &writer)
        case .interModuleMessage:
            writeMessage(system.data.value(), to: &writer)
        case .resourceAlert:
            writeResource(system.data.value(), to: &writer)
        case .systemAlert:
            if let alert = HiveAlert(system) { write(alert, to: &writer) }
        case .errorOccurred:
            writer.member("error_id", "err-\(event.sequence)")
            writer.member("component", "scheduler")
            writer.beginObject("error")
            writer.member("code", "SCHEDULE_FAILED")
            let data: JSONValue = system.data.value()
            writer.member("message", data["error"]?.stringValue ?? "A scheduled run could not be started")
            writer.beginObject("details")
            writeMembers(of: data, to: &writer)
            writer.endObject()
            writer.endObject()
            writer.member("severity", "error")
        default: break
        }
    }

    /// Writes an execution that failed.
    static func write(_ workflow: WorkflowEvent, at event: Event, to writer: inout JSONWriter) {
        writer.member("error_id", "err-\(event.sequence)")
        writer.member("component", "workflow_engine")
        writer.beginObject("error")
        writer.member("code", "WORKFLOW_FAILED")
        writer.member("message", workflow.text ?? "The workflow \(workflow.name) failed")
        writer.beginObject("details")
        writer.member("workflow_id", workflow.workflow.rawValue)
        writer.member("execution_id", workflow.execution.rawValue)
        writer.member("name", workflow.name)
        writer.endObject()
        writer.endObject()
        writer.member("severity", "error")
    }

    static func write(_ alert: HiveAlert, to writer: inout JSONWriter) {
        writer.member("level", alert.level)
        writer.member("title", alert.title)
        writer.member("message", alert.message)
        writer.beginObject("details")
        writeMembers(of: alert.data, to: &writer)
        if alert.data["affected_components"] == nil, alert.data["affectedComponents"] == nil {
            writer.member("affected_components", alert.components)
        }
        writer.endObject()
    }

    private static func writeResource(_ data: JSONValue, to writer: inout JSONWriter) {
        let resource: String = data["resource"]?.stringValue ?? "resource"
        writer.member("resource", resource)
        writer.member("usage_percent", data["usagePercent"]?.doubleValue ?? 0)
        writer.member("threshold_percent", data["thresholdPercent"]?.doubleValue ?? 0)
        writer.member("trend", data["trend"]?.stringValue ?? "stable")
        writer.member("recommendations", HiveVocabulary.recommendations(for: resource))
        writer.memberIfPresent("level", data["level"]?.stringValue)
        writer.memberIfPresent("message", data["message"]?.stringValue)
    }

    private static func writeLearned(_ data: JSONValue, to writer: inout JSONWriter) {
        for member: JSONObject.Member in data.objectValue?.members ?? [] {
            guard member.key == "improvements" else {
                writer.member(snake(member.key), snake(member.value))
                continue
            }
            // The keys below are named for capabilities, whose names are not ours to change.
            writer.beginObject("improvements")
            for improvement: JSONObject.Member in member.value.objectValue?.members ?? [] {
                writer.member(improvement.key, snake(improvement.value))
            }
            writer.endObject()
        }
    }

    /// Writes what those who give tasks to agents are told of what an agent has learned.
    private static func writeMessage(_ data: JSONValue, to writer: inout JSONWriter) {
        writer.member("from_module", "background_processes")
        writer.member("to_module", "agent_management")
        writer.member("message_type", "LearningCycleCompleted")
        writer.beginObject("payload")
        writer.member("cycle_id", data["cycleId"]?.stringValue ?? "")
        writer.member("agent_id", data["agentId"]?.stringValue ?? "")
        writer.memberIfPresent("duration_ms", data["durationMs"]?.doubleValue)
        writer.endObject()
    }

    // MARK: Names

    /// Writes the members of an object, with the names that the document gives such members.
    private static func writeMembers(of data: JSONValue, to writer: inout JSONWriter) {
        for member: JSONObject.Member in data.objectValue?.members ?? [] where member.key != "timestamp" {
            writer.member(snake(member.key), snake(member.value))
        }
    }

    private static func snake(_ value: JSONValue) -> JSONValue {
        switch value {
        case .object(let object): .object(JSONObject(object.members.map { (snake($0.key), snake($0.value)) }))
        case .array(let elements): .array(elements.map { snake($0) })
        default: value
        }
    }

    /// `agentsRebalanced` as `agents_rebalanced`.
    private static func snake(_ name: String) -> String {
        guard name.utf8.contains(where: { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }) else { return name }
        var text: [UInt8] = []
        for byte: UInt8 in name.utf8 {
            if (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) {
                if !text.isEmpty { text.append(UInt8(ascii: "_")) }
                text.append(byte + 32)
            } else {
                text.append(byte)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
