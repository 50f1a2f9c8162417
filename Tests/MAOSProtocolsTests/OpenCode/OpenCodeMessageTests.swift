import MAOSCore
import MAOSProtocols
import Testing

@Suite("OpenCode messages")
struct OpenCodeMessageTests {
    private let now = Instant(milliseconds: 1_893_456_000_000)  // 2030-01-01T00:00:00Z

    private func failure(_ text: String) -> OpenCodeFailure? {
        guard case .failure(let failure) = OpenCodeMessages.decode(Array(text.utf8), at: now).request else {
            return nil
        }
        return failure
    }

    private func task(_ members: String, type: String = "start_task") -> OpenCodeFailure? {
        failure(
            #"{"type":"\#(type)","task":{"id":"t","type":"testing","priority":"low","description":"d"\#(members)}}"#)
    }

    @Test(
        "what is no JSON object is INVALID_JSON (OC-CONN-06, OC-ERR-02)",
        arguments: ["{", "", "[]", "1", "null", "\"ping\"", "{\"type\":\"ping\"} x", "{\"a\":1,}"])
    func notJSON(text: String) {
        #expect(failure(text)?.code == .invalidJSON)
        #expect(failure(text)?.message.hasPrefix("Invalid JSON") == true)
    }

    @Test("a message needs a type that is known (OC-CONN-07, OC-CONN-08, OC-ERR-03)")
    func types() {
        #expect(failure(#"{"type":"nope"}"#)?.code == .unknownMessageType)
        #expect(failure(#"{"type":"nope"}"#)?.message.hasPrefix("Unknown message type") == true)
        #expect(failure("{}")?.code == .missingRequiredField)
        #expect(failure("{}")?.details["field"] == "type")
        #expect(failure(#"{"type":7}"#)?.code == .invalidFieldType)
    }

    @Test("every request is declared, and a plain one of each kind is understood (OC-VER-01, OC-VER-05)")
    func requests() {
        let texts: [String] = [
            #"{"type":"ping","timestamp":1642152600000}"#, #"{"type":"request_status"}"#,
            #"{"type":"start_task","task":{"id":"a","type":"testing","priority":"low","description":"d"}}"#,
            #"{"type":"cancel_task","task_id":"a"}"#, #"{"type":"retry_task","task_id":"a"}"#,
            #"{"type":"get_task_status","task_id":"a"}"#, #"{"type":"list_tasks"}"#,
            """
            {"type":"schedule_task","task":{"id":"a","type":"testing","priority":"low","description":"d",
            "scheduled_time":"2030-01-02T00:00:00Z"}}
            """, #"{"type":"request_system_resources"}"#, #"{"type":"request_process_list"}"#,
            #"{"type":"request_log_entries"}"#, #"{"type":"request_system_health"}"#,
            #"{"type":"request_metrics","time_range":"1h"}"#, #"{"type":"kill_process","pid":12}"#,
            #"{"type":"request_claude_processes"}"#, #"{"type":"subscribe_to_updates","channels":["agents"]}"#,
            #"{"type":"unsubscribe_from_updates","channels":["agents"],"subscription_id":"sub_1"}"#,
            #"{"type":"authenticate","api_key":"sk-1"}"#,
        ]
        #expect(OpenCodeMessages.schemas.count == 18)
        for text in texts { #expect(failure(text) == nil, "\(text)") }
        #expect(Set(texts.map { OpenCodeMessages.decode(Array($0.utf8), at: now).type }).count == 18)
    }

    @Test(
        "what each version of the document brought is there: requests, their filters, and what is sent",
        arguments: [
            // OC-VER-02: subscriptions, resources, progress, recovery.
            (
                ["subscribe_to_updates", "unsubscribe_from_updates", "request_system_resources", "retry_task"],
                ["resource_update", "task_progress_update", "task_retried"]
            ),
            // OC-VER-03: errors, limits, heartbeat, health of connections.
            (["ping"], ["error", "rate_limit_info", "pong", "connection_status"]),
            // OC-VER-04: processes, filters, channel filters, detailed progress.
            (
                ["request_process_list", "kill_process", "request_claude_processes"],
                ["process_list", "process_killed", "detailed_process_scan", "task_status_update"]
            ),
        ])
    func versions(requests: [String], answers: [String]) throws {
        let declared: [String] = OpenCodeMessages.schemas.map { $0.0 }
        let sent: [String] = DeclaredChannel.openCode.sent.compactMap { (message: DeclaredMessage) in
            guard let type = message.schema?.fields.first(where: { $0.name == "type" }),
                case .enumeration(let names) = type.constraint
            else { return nil }
            return names.first
        }
        for request: String in requests { #expect(declared.contains(request)) }
        for answer: String in answers { #expect(sent.contains(answer), "\(answer)") }
        for name: String in ["list_tasks", "request_process_list", "request_log_entries", "subscribe_to_updates"] {
            let schema: MessageSchema = try #require(OpenCodeMessages.schemas.first { $0.0 == name }?.1)
            #expect(schema.fields.contains { $0.name.hasPrefix("filter") }, "\(name)")
        }
    }

    @Test("a request's own name is kept, text or number (OC-CONN-03)")
    func requestID() {
        #expect(OpenCodeMessages.decode(Array(#"{"type":"ping","request_id":"r1"}"#.utf8), at: now).requestID == "r1")
        #expect(OpenCodeMessages.decode(Array(#"{"type":"nope","request_id":7}"#.utf8), at: now).requestID == 7)
        #expect(OpenCodeMessages.decode(Array(#"{"type":"ping","request_id":{}}"#.utf8), at: now).requestID == nil)
    }

    @Test("absent id, type and description are named in that order (OC-ERR-40, OC-REQ-07)")
    func essentials() {
        for text in [
            #"{"type":"start_task","task":{}}"#, #"{"type":"start_task"}"#, #"{"type":"start_task","task":1}"#,
        ] {
            #expect(failure(text)?.code == .invalidTaskData)
            #expect(failure(text)?.message == "Task data is missing required fields: id, type, description")
        }
        #expect(
            failure(#"{"type":"start_task","task":{"type":"testing"}}"#)?.message
                == "Task data is missing required fields: id, description")
        let noPriority = failure(#"{"type":"start_task","task":{"id":"a","type":"testing","description":"d"}}"#)
        #expect(noPriority?.code == .missingRequiredField)
        #expect(noPriority?.details["field"] == "priority")
    }

    @Test("task ids keep to their pattern and are not reserved (OC-VAL-01, OC-VAL-03, OC-ERR-07)")
    func ids() {
        func id(_ id: String) -> OpenCodeErrorCode? {
            failure(
                #"{"type":"start_task","task":{"id":"\#(id)","type":"testing","priority":"low","description":"d"}}"#)?
                .code
        }
        #expect(id(String(repeating: "a", count: 100)) == nil)
        #expect(id("A-z_09") == nil)
        #expect(id(String(repeating: "a", count: 101)) == .invalidFieldFormat)
        for bad in ["a b", "", "ä", "a/b", "a.b"] { #expect(id(bad) == .invalidFieldFormat) }
        #expect(id("system_x") == .invalidFieldValue)
        #expect(id("internal_") == .invalidFieldValue)
        #expect(id("systemx") == nil)
    }

    @Test("all types and priorities of the document are taken, others refused (OC-TYPE-01, OC-TYPE-02, OC-ERR-05)")
    func vocabulary() {
        let types = [
            "testing", "documentation", "analysis", "deployment", "maintenance", "security", "refactoring", "feature",
            "bugfix", "research",
        ]
        for type in types {
            for priority in ["low", "medium", "high", "critical"] {
                #expect(
                    failure(
                        #"{"type":"start_task","task":{"id":"a","type":"\#(type)","priority":"\#(priority)","description":"d"}}"#
                    ) == nil)
            }
        }
        let urgent = failure(
            #"{"type":"start_task","task":{"id":"a","type":"testing","priority":"urgent","description":"d"}}"#)
        #expect(urgent?.code == .invalidFieldValue)
        #expect(
            urgent?.message
                == "Invalid priority value: 'urgent'. Valid values are: low, medium, high, critical")
        #expect(urgent?.details["field"] == "priority")
        #expect(urgent?.details["value"] == "urgent")
        #expect(urgent?.details["expected"] == ["low", "medium", "high", "critical"])
        #expect(
            failure(#"{"type":"start_task","task":{"id":"a","type":"code","priority":"low","description":"d"}}"#)?.code
                == .invalidFieldValue)
    }

    @Test("a description has 1 to 1000 characters (OC-VAL-04)")
    func description() {
        func description(_ text: String) -> OpenCodeErrorCode? {
            failure(
                #"{"type":"start_task","task":{"id":"a","type":"testing","priority":"low","description":"\#(text)"}}"#)?
                .code
        }
        #expect(description(String(repeating: "ä", count: 1_000)) == nil)
        #expect(description(String(repeating: "ä", count: 1_001)) == .invalidFieldValue)
        #expect(description("") == .invalidFieldValue)
    }

    @Test("patterns of files are globs that stay inside (OC-VAL-05, OC-VAL-06, OC-VAL-07)")
    func patterns() {
        for good in ["**/*.test.js", "*.{ts,tsx}", "src/[a-z]*.md", "a?b", "[!x].c"] {
            #expect(task(#","files_pattern":"\#(good)""#) == nil, "\(good)")
        }
        for bad in ["[", "a[b", "{a", "a}", "[z-a]"] {
            #expect(task(#","files_pattern":"\#(bad)""#)?.code == .invalidFieldFormat, "\(bad)")
        }
        for unsafe in ["../x", "/etc/*", "a/../b", "a..b"] {
            #expect(task(#","files_pattern":"\#(unsafe)""#)?.code == .invalidFieldValue, "\(unsafe)")
        }
        #expect(task(#","files_pattern":"\#(String(repeating: "a", count: 500))""#) == nil)
        #expect(task(#","files_pattern":"\#(String(repeating: "a", count: 501))""#)?.code == .invalidFieldValue)
    }

    @Test("timeouts, dependencies and tags keep to their sizes (OC-VAL-17, OC-VAL-18, OC-VAL-19, OC-VAL-20, OC-VAL-21)")
    func sizes() {
        for good in ["1000", "86400000", "3600000.0"] { #expect(task(#","timeout":\#(good)"#) == nil) }
        for bad in ["999", "86400001", "-1"] { #expect(task(#","timeout":\#(bad)"#)?.code == .invalidFieldValue) }
        #expect(task(#","timeout":"1000""#)?.code == .invalidFieldType)
        #expect(task(#","timeout":"1000""#)?.details["expected"] == "integer")
        func list(_ count: Int) -> String { (0..<count).map { "\"d\($0)\"" }.joined(separator: ",") }
        #expect(task(#","dependencies":[\#(list(20))]"#) == nil)
        #expect(task(#","dependencies":[\#(list(21))]"#)?.code == .invalidFieldValue)
        #expect(task(#","dependencies":["a","a"]"#)?.code == .invalidFieldValue)
        #expect(task(#","dependencies":["a b"]"#)?.code == .invalidFieldFormat)
        #expect(task(#","dependencies":["t"]"#)?.code == .taskDependencyError)
        #expect(task(#","metadata":{"tags":[\#(list(10))]}"#) == nil)
        #expect(task(#","metadata":{"tags":[\#(list(11))]}"#)?.code == .invalidFieldValue)
        #expect(task(#","metadata":{"tags":["a","a"]}"#)?.code == .invalidFieldValue)
        #expect(task(#","metadata":{"tags":[1]}"#)?.code == .invalidFieldType)
        #expect(
            task(#","metadata":{"tags":["\#(String(repeating: "a", count: 51))"]}"#)?.code == .invalidFieldValue)
    }

    @Test("metadata has the document's members checked, and any others (OC-TYPE-10)")
    func metadata() {
        #expect(
            task(
                #","metadata":{"estimated_duration":1800,"complexity":"medium","test_framework":"jest","owner":"me"}"#)
                == nil)
        #expect(task(#","metadata":{"complexity":"extreme"}"#)?.code == .invalidFieldValue)
        #expect(task(#","metadata":{"complexity":"extreme"}"#)?.details["field"] == "task.metadata.complexity")
        #expect(task(#","metadata":{"owner":"\#(String(repeating: "a", count: 101))"}"#)?.code == .invalidFieldValue)
        #expect(task(#","metadata":[]"#)?.code == .invalidFieldType)
    }

    @Test("members that only the server sets are ignored (OC-TYPE-08)")
    func readOnly() {
        #expect(
            task(#","status":"completed","progress":99,"created_at":7,"started_at":"x","completed_at":null,"error":[]"#)
                == nil)
    }

    @Test("a scheduled time lies a minute to a year ahead (OC-VAL-08, OC-VAL-09, OC-VAL-10, OC-ERR-14, OC-REQ-30)")
    func scheduledTime() {
        func time(_ text: String) -> OpenCodeFailure? {
            task(#","scheduled_time":"\#(text)""#, type: "schedule_task")
        }
        #expect(time("2030-01-01T00:01:01Z") == nil)
        #expect(time("2030-01-01T01:01:01+01:00") == nil)
        #expect(time("2030-12-31T00:00:00.5Z") == nil)
        for bad in ["2029-12-31T00:00:00Z", "2030-01-01T00:00:59Z", "2031-01-02T00:00:00Z", "yesterday", ""] {
            let failure = time(bad)
            #expect(failure?.code == .invalidScheduleTime, "\(bad)")
            #expect(failure?.details["field"] == "scheduled_time")
            #expect(failure?.details["value"] == .string(bad))
            #expect(failure?.details["current_time"] == "2030-01-01T00:00:00.000Z")
            #expect(failure?.details["minimum_delay_seconds"] == 60)
        }
        #expect(time("2029-12-31T00:00:00Z")?.message == "Scheduled time must be in the future")
        #expect(task("", type: "schedule_task")?.code == .missingRequiredField)
        #expect(task(#","recurring":{"interval":"daily"}"#)?.code == .missingRequiredField)
    }

    @Test("a recurrence is daily, weekly or monthly, for up to 1000 runs (OC-TYPE-09, OC-ERR-15)")
    func recurring() {
        func recurring(_ members: String) -> OpenCodeFailure? {
            task(#","scheduled_time":"2030-01-02T00:00:00Z","recurring":{\#(members)}"#, type: "schedule_task")
        }
        for interval in ["daily", "weekly", "monthly"] { #expect(recurring(#""interval":"\#(interval)""#) == nil) }
        #expect(recurring(#""interval":"daily","max_runs":1000,"end_time":"2030-02-02T00:00:00Z""#) == nil)
        for bad in [
            #""interval":"hourly""#, "", #""interval":"daily","max_runs":0"#, #""interval":"daily","max_runs":1001"#,
            #""interval":"daily","end_time":"2030-01-01T00:00:00Z""#, #""interval":"daily","end_time":"soon""#,
            #""interval":"daily","timezone":7"#,
        ] {
            #expect(recurring(bad)?.code == .invalidRecurringConfig || bad.isEmpty, "\(bad)")
        }
        #expect(recurring("")?.details["field"] == "task.recurring.interval")
        #expect(recurring(#""interval":"hourly""#)?.details["field"] == "task.recurring.interval")
        #expect(task(#","scheduled_time":"2030-01-02T00:00:00Z","recurring":"daily""#)?.code == .invalidRecurringConfig)
    }

    @Test("filters are checked to the last member (OC-ERR-37, OC-REQ-23, OC-VAL-12)")
    func filters() {
        func list(_ members: String) -> OpenCodeFailure? { failure(#"{"type":"list_tasks",\#(members)}"#) }
        for good in [
            #""filter":{}"#, #""filter":{"status":["running","pending"],"priority":"high"}"#, #""limit":1000"#,
            #""filter":{"progress_range":{"min":0,"max":50}},"sort":{"field":"created_at","order":"desc"}"#,
            #""filter":{"status":"queued"}"#,
        ] { #expect(list(good) == nil, "\(good)") }
        for (bad, field) in [
            (#""filter":{"colour":"red"}"#, "filter.colour"), (#""filter":{"status":["odd"]}"#, "filter.status.0"),
            (#""filter":{"priority":"odd"}"#, "filter.priority"), (#""filter":7"#, "filter"),
            (#""filter":{"created_after":"x"}"#, "filter.created_after"),
            (#""filter":{"has_dependencies":"yes"}"#, "filter.has_dependencies"),
            (#""filter":{"progress_range":{"min":60,"max":50}}"#, "filter.progress_range"),
            (#""filter":{"progress_range":{"low":1}}"#, "filter.progress_range.low"),
            (#""sort":{"field":"colour"}"#, "sort.field"), (#""sort":{"order":"up"}"#, "sort.order"),
        ] {
            #expect(list(bad)?.code == .filterValidationError, "\(bad)")
            #expect(list(bad)?.details["field"] == .string(field), "\(bad)")
        }
        for bad in [#""limit":0"#, #""limit":1001"#, #""offset":-1"#] { #expect(list(bad)?.code == .invalidFieldValue) }
        let long = String(repeating: "a", count: 4_097)
        #expect(
            failure(#"{"type":"request_process_list","filter":{"working_dir":"/\#(long)"}}"#)?.code
                == .filterValidationError)
        #expect(
            failure(#"{"type":"request_process_list","filter":{"cpu_percent_min":50,"cpu_percent_max":5}}"#)?.code
                == .filterValidationError)
        #expect(
            failure(#"{"type":"request_log_entries","filter":{"level":["loud"]}}"#)?.code == .filterValidationError)
        #expect(failure(#"{"type":"request_log_entries","cursor":"x"}"#)?.code == .invalidFieldValue)
    }

    @Test("requests about single things name them rightly (OC-ERR-04, OC-REQ-01, OC-REQ-46, OC-REQ-47)")
    func small() {
        #expect(failure(#"{"type":"cancel_task"}"#)?.code == .missingRequiredField)
        #expect(failure(#"{"type":"cancel_task"}"#)?.details["field"] == "task_id")
        #expect(failure(#"{"type":"cancel_task","task_id":7}"#)?.code == .invalidFieldType)
        #expect(failure(#"{"type":"ping","timestamp":"x"}"#)?.code == .invalidFieldType)
        #expect(failure(#"{"type":"ping","timestamp":1.5}"#) == nil)
        for bad in ["", "1x", "0h", "h", "31d", "-1h", "1.5h"] {
            #expect(
                [.invalidFieldFormat, .invalidFieldValue].contains(
                    failure(#"{"type":"request_metrics","time_range":"\#(bad)"}"#)?.code), "\(bad)")
        }
        for bad in ["0", "-5", "2147483648"] {
            #expect(failure(#"{"type":"kill_process","pid":\#(bad)}"#)?.code == .invalidFieldValue)
        }
        #expect(failure(#"{"type":"kill_process","pid":7,"signal":"SIGSTOP"}"#)?.code == .invalidFieldValue)
        #expect(failure(#"{"type":"kill_process"}"#)?.code == .missingRequiredField)
        #expect(failure(#"{"type":"authenticate"}"#)?.code == .missingRequiredField)
    }

    @Test("subscriptions name channels that there are, by either name (OC-REQ-50, OC-REQ-54, OC-ERR-36)")
    func channels() {
        for name in ["system_resources", "task_status", "log_entries", "agent_update", "detailed_process_scan"] {
            #expect(failure(#"{"type":"subscribe_to_updates","channels":["\#(name)"]}"#) == nil)
        }
        #expect(failure(#"{"type":"subscribe_to_updates","channels":["weather"]}"#)?.code == .subscriptionError)
        #expect(failure(#"{"type":"subscribe_to_updates","channels":[]}"#)?.code == .subscriptionError)
        #expect(failure(#"{"type":"subscribe_to_updates"}"#)?.code == .missingRequiredField)
        func filtered(_ filters: String) -> OpenCodeErrorCode? {
            failure(#"{"type":"subscribe_to_updates","channels":["task_status","log_entries"],"filters":\#(filters)}"#)?
                .code
        }
        #expect(filtered(#"{"task_status":{"task_ids":["a"]},"log_entries":{"levels":["error","warn"]}}"#) == nil)
        #expect(filtered(#"{"log_entries":{"levels":["loud"]}}"#) == .filterValidationError)
        #expect(filtered(#"{"task_status":{"colour":1}}"#) == .filterValidationError)
        #expect(filtered(#"{"agents":{}}"#) == .filterValidationError)
    }

    @Test("texts about errors have at most 1000 characters (OC-VAL-11)")
    func longErrors() throws {
        let failure = OpenCodeFailure(.databaseError, String(repeating: "é", count: 5_000))
        let message = try JSONReader.parse(failure.encoded(at: now), depthLimit: 8)
        #expect(message["message"]?.stringValue?.unicodeScalars.count == 1_000)
    }
}
