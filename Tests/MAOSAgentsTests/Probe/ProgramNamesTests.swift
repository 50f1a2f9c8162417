import MAOSAgents
import MAOSCore
import Testing

/// Which program a command line means.
@Suite("Names of programs") struct ProgramNamesTests {
    private static func program(_ words: [String]) -> ProcessProgram {
        ProgramNames.program(of: words.flatMap { Array($0.utf8) + [0] })
    }

    @Test(
        "a process is classified by the base name of its program, or of the script that an interpreter runs [OC-TYPE-05]",
        arguments: [
            (["opencode"], ProcessProgram.opencode),
            (["/home/me/.opencode/bin/opencode", "run", "--task", "task_456"], .opencode),
            (["python", "opencode", "run", "--task", "task_456"], .opencode),
            (["/usr/bin/python3.11", "-m", "opencode", "run"], .opencode),
            (["/usr/bin/python3", "-u", "-W", "ignore", "/opt/opencode.py"], .opencode),
            (["bun", "run", "--cwd", "/srv", "opencode.ts"], .opencode),
            (["bun", "/usr/lib/node_modules/opencode-ai/bin/opencode"], .opencode),
            (["npx", "-y", "opencode-ai@latest"], .opencode),
            (["npm exec opencode"], .opencode),
            (["claude"], .claude),
            (["claude", "--resume"], .claude),
            (["node", "--max-old-space-size=4096", "/usr/local/bin/claude", "-p", "hello"], .claude),
            (["node", "-r", "opencode", "/usr/local/bin/claude"], .claude),
            (["node", "/usr/lib/node_modules/@anthropic-ai/claude-code/cli.js"], .anthropicClaude),
            (["npx", "@anthropic-ai/claude-code"], .anthropicClaude),
            (["/home/me/.cursor/extensions/anthropic.claude-code-1.0/resources/claude"], .cursorClaude),
            (["cursor-claude"], .cursorClaude),
            (["/usr/lib/claude-desktop/claude-desktop --type=renderer --lang=en"], .claudeDesktop),
            (["/opt/Claude/Claude", "--type=gpu-process"], .claudeDesktop),
        ])
    func known(_ words: [String], _ expected: ProcessProgram) {
        #expect(ProgramNamesTests.program(words) == expected)
    }

    @Test(
        "other processes are not, even where they speak of these programs",
        arguments: [
            [], [""], ["", ""], ["/"], ["sleep", "1000"], ["grep", "opencode"], ["vim", "/home/me/claude"], ["-bash"],
            ["bash", "-c", "opencode run"], ["python", "-c", "import claude"], ["node", "-e", "claude"], ["node"],
            ["python3", "/home/me/claude/main.py"], ["node", "/home/me/opencode/index.js"], ["opencodes"], ["myclaude"],
            ["/opencode/bin/sh"], ["bun", "run"], ["tail -f opencode"], ["node", "--", ""],
        ])
    func others(_ words: [String]) {
        #expect(ProgramNamesTests.program(words) == .other)
    }

    @Test("bytes that are no text do no harm")
    func broken() {
        #expect(ProgramNames.program(of: [0xFF, 0xFE, 0, 0xC3, 0x28]) == .other)
        #expect(ProgramNames.program(of: [0, 0, 0]) == .other)
        #expect(ProgramNames.program(of: Array("opencode".utf8)) == .opencode, "the last zero byte may be cut off")
        #expect(ProgramNames.program(of: Array(repeating: UInt8(ascii: "/"), count: 4_096)) == .other)
    }
}
