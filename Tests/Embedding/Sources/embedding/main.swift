import Foundation
import MAOSCore

let clock = FunctionTimeSource { Date().timeIntervalSince1970 }
let agents = FunctionAgentRuntime(time: clock) { attempt in
    .completed(result: JSONText(["greeting": .string(attempt.launch.task.specification.description)]))
}
let maos = try Orchestrator(journal: MemoryJournal(), runtime: agents, time: clock)
try await maos.start()
let events = maos.events.subscribe()
_ = try await maos.submit(
    .createTask(TaskSpecification(kind: .code, description: "hello"), id: nil, idempotency: nil), as: .system)
for try await case .task(let event) in events.map(\.body) where event.kind == .completed {
    print("completed: \(event.state.result ?? .emptyObject)")
    break
}
