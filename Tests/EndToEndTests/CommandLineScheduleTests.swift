import Foundation
import MAOSCore
import Testing

/// `maos-cli schedule` against a real server.
@Suite("The command line with schedules")
struct CommandLineScheduleTests {
    private let server: ServerProcess
    private let program: CommandLineProgram

    init() throws {
        server = try ServerProcess()
        program = CommandLineProgram(beside: server)
    }

    private func run(_ words: String...) throws -> ProgramOutcome { try program.run(words) }

    private func shown(_ id: String) throws -> JSONValue {
        try #require(try run("schedule", "get", id, "--json").json)
    }

    @Test("a change says some things anew and leaves the others, the id and the counts")
    func change() throws {
        let id: String = try run(
            "schedule", "create", "nightly", "--cron", "30 2 * * *", "--zone", "Europe/Berlin", "--jitter", "5m",
            "--catch-up", "once", "--cwd", "/tmp", "--max-cost", "2", "--", "true", "a b"
        ).output.trimmingCharacters(in: .newlines)
        #expect(try run("schedule", "run", id).status == 0)
        let before: JSONValue = try shown(id)
        let changed: ProgramOutcome = try run(
            "schedule", "change", id, "--daily", "--time", "04:15", "--overlap", "skip", "--max-runs", "5")
        #expect(changed.status == 0 && changed.output == "\(id)  changed\n", "\(changed.errors)")
        let after: JSONValue = try shown(id)
        #expect(after["cron"] == nil && after["recurrence"]?["time"] == "04:15", "\(after)")
        #expect(after["timeZone"] == "Europe/Berlin" && after["overlap"] == "skip" && after["maxRuns"] == 5)
        for member: String in ["id", "name", "task", "jitter", "catchUp", "runs", "lastTaskId", "createdAt"] {
            #expect(after[member] == before[member] && after[member] != nil, "\(member): \(after)")
        }
        #expect(try run("schedule", "change", id, "--name", "early").status == 0)
        #expect(try shown(id)["name"] == "early" && shown(id)["recurrence"] == after["recurrence"])
    }

    @Test("a change that cannot be is refused, and nothing is lost by it")
    func refused() throws {
        let id: String = try run("schedule", "create", "--daily", "--", "true").output
            .trimmingCharacters(in: .newlines)
        #expect(try run("schedule", "change", id).status == 2)
        #expect(try run("schedule", "change", id, "--cron", "@daily", "--daily").status == 2)
        #expect(try run("schedule", "change", id, "--time", "09:00").status == 2)
        #expect(try run("schedule", "change", "none", "--daily").status == 1)
        let bad: ProgramOutcome = try run("schedule", "change", id, "--cron", "61 * * * *")
        #expect(bad.status == 1 && bad.errors.contains("minute"), "\(bad.errors)")
        #expect(try shown(id)["cron"] == nil)
        let path: String = server.directory + "/schedule.json"
        try #"{"cron":"@daily","task":{"context":{"command":"x","environment":{"TOKEN":"secret"}}}}"#
            .write(toFile: path, atomically: true, encoding: .utf8)
        #expect(try run("schedule", "change", id, "--body", path).status == 0)
        #expect(try shown(id)["cron"] == "0 0 * * *")
        let hidden: ProgramOutcome = try run("schedule", "change", id, "--cron", "@hourly")
        #expect(hidden.status == 1 && hidden.errors.contains("--body FILE"), "\(hidden.errors)")
        #expect(try shown(id)["task"]?["environmentNames"] == ["TOKEN"], "its variables are still there")
    }
}
