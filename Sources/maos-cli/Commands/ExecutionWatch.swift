internal import MAOSCore
internal import MAOSProtocols
internal import MAOSSystem

/// Shows executions as they go on: a tree that is drawn again in place, or a line for each change.
struct ExecutionWatch {
    private static let ended: Set<String> = ["completed", "failed", "cancelled"]

    private let server: Server
    private let invocation: Invocation
    private let tasks: StepTasks

    init(_ server: Server, _ invocation: Invocation) {
        self.server = server
        self.invocation = invocation
        tasks = StepTasks(server)
    }

    /// Watches until all have ended; fails unless all complete.
    func run(_ ids: [String]) throws(Failure) {
        let block: LiveBlock? = invocation.output.isLive && !invocation.wantsJSON ? LiveBlock(invocation.output) : nil
        var printed: [String: String] = [:]
        var tick: Int = 0
        var last: [JSONValue] = []
        var trouble: String?
        while true {
            let begin: Int64 = SystemClock.monotonicMilliseconds()
            let all: [JSONValue]
            do throws(Failure) {
                all = try look(at: ids)
                (last, trouble) = (all, nil)
            } catch {
                // What goes on does so without us: a server that is started again is asked again.
                guard !last.isEmpty, error.code == .unreachable else { throw error }
                if let block {
                    let lines: [String] = last.flatMap { ExecutionTree($0, tasks, invocation.output).lines(atMost: 4) }
                    block.show(
                        lines + [invocation.output.styled("\(DisplayText.line(error.message)), trying again", .yellow)])
                } else if trouble != error.message {
                    invocation.errors.line("\(Program.name): \(error.message), trying again")
                }
                trouble = error.message
                Pause.milliseconds(500)
                continue
            }
            let isOver: Bool = all.allSatisfy { ExecutionWatch.ended.contains($0["status"]?.stringValue ?? "") }
            if let block {
                let room: Int = max(4, (invocation.output.size.rows - 2) / ids.count - 2)
                block.show(
                    all.flatMap {
                        ExecutionTree($0, tasks, invocation.output).lines(atMost: isOver ? .max : room, tick: tick)
                    })
            } else {
                for data: JSONValue in all { printChanges(data, &printed) }
            }
            if isOver {
                block?.finish()
                for (step, task) in all.flatMap(ExecutionWatch.failures) {
                    invocation.note("what \(step) printed: maos-cli task logs \(task)")
                }
                guard all.allSatisfy({ $0["status"]?.stringValue == "completed" }) else { throw .shown(.refused) }
                return
            }
            tick += 1
            // Of a large execution the server is asked less often than it takes to answer.
            let took: Int64 = SystemClock.monotonicMilliseconds() - begin
            Pause.milliseconds(max(Int64(TaskProgress.frame), 4 * took))
        }
    }

    /// The executions as they are; a server that is about to stop counts as one that cannot be reached.
    private func look(at ids: [String]) throws(Failure) -> [JSONValue] {
        var all: [JSONValue] = []
        for id: String in ids {
            let reply: Reply = try server.call(
                "get the execution \(id)", .get, APIPath("executions", id).text, accepting: [503])
            guard reply.status != 503 else {
                throw Failure(code: .unreachable, message: "\(server.endpoint.url) is about to stop")
            }
            all.append(reply.data)
        }
        return all
    }

    /// The steps that failed with a task of their own, the first three, and these tasks.
    static func failures(in execution: JSONValue) -> [(step: String, task: String)] {
        guard execution["status"]?.stringValue == "failed" else { return [] }
        let failed: [(step: String, task: String)] = (execution["steps"]?.arrayValue ?? []).compactMap { (step) in
            guard step["status"]?.stringValue == "failed", let task: String = step["taskId"]?.stringValue else {
                return nil
            }
            return (step["stepId"]?.stringValue ?? "?", task)
        }
        return Array(failed.prefix(3))
    }

    private func printChanges(_ data: JSONValue, _ printed: inout [String: String]) {
        let id: String = data["id"]?.stringValue ?? "?"
        if invocation.wantsJSON {
            let text: String = JSONText(data).description
            if printed.updateValue(text, forKey: id) != text { invocation.output.line(text) }
            return
        }
        for step: JSONValue in data["steps"]?.arrayValue ?? [] {
            guard let ordinal: Int = step["ordinal"]?.intValue, let status: String = step["status"]?.stringValue else {
                continue
            }
            let change: String = "\(status) \(step["attempt"]?.intValue ?? 0)"
            guard printed.updateValue(change, forKey: "\(id)/\(ordinal)") != change else { continue }
            let round: String = step["iteration"]?.intValue.map { "[\($0)]" } ?? ""
            let error: String = step["error"]?.stringValue.map { "  " + DisplayText.line($0) } ?? ""
            let question: String =
                status == "running" && step["taskId"] == nil
                ? step["approvalId"]?.stringValue.map { "  waits for approval \($0)" } ?? "" : ""
            let took: String =
                step["endTime"] == nil ? "" : ExecutionTree.elapsed(step).map { "  \($0)" } ?? ""
            invocation.output.line(
                "\(id)  \(step["stepId"]?.stringValue ?? "?")\(round)  \(status)\(question)\(took)\(error)")
        }
        let status: String = data["status"]?.stringValue ?? "?"
        guard printed.updateValue(status, forKey: id) != status else { return }
        let error: String = data["error"]?.stringValue.map { "  " + DisplayText.line($0) } ?? ""
        invocation.output.line("\(id)  \(status)\(error)")
    }
}
