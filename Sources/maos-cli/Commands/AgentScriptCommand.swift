internal import Glibc
internal import MAOSAgents

/// `agent-script`.
enum AgentScriptCommand {
    private static let file = Operand("FILE", .one, .file, "the script; - reads standard input")

    static let command = Command(
        "agent-script", "play an agent by a script, for examples and tests",
        details: [
            "Meant to be run by the server as a task's command. A script has one statement a line: say TEXT, warn TEXT, "
                + "progress 0.5 STEP, sleep 250ms, result JSON, spawn SECONDS, fail MESSAGE, exit CODE. Blank lines and "
                + "lines that begin with # count for nothing. The exit code is the script's own."
        ],
        operands: [file], needs: .nothing,
        examples: [
            Example("agent-script build.maos", "run a script here"),
            Example("task create code \"Pretend\" -- maos-cli agent-script $PWD/build.maos", "let an agent run it"),
        ]
    ) { (invocation) throws(Failure) in
        let path: String = invocation.arguments.text(file) ?? "-"
        let text = String(decoding: try InputFile.read(path), as: UTF8.self)
        let script: AgentScript
        do throws(AgentScriptError) {
            script = try AgentScript.parse(text)
        } catch {
            throw .usage("\(path == "-" ? "standard input" : path), \(error)")
        }
        exit(script.run(environment: ProcessScriptEnvironment()))
    }
}
