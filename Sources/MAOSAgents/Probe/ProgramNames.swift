package import MAOSCore

/// Tells from a command line which program a process runs.
package enum ProgramNames {
    /// Programs that run a script, whose name comes among their arguments.
    private static let interpreters: Set<String> = [
        "node", "nodejs", "bun", "deno", "python", "pypy", "ruby", "perl", "sh", "bash", "dash", "zsh", "ash", "tsx",
        "ts-node", "npm", "npx", "bunx", "uv", "uvx",
    ]
    /// What interpreters take before the name of the script.
    private static let subcommands: Set<String> = ["run", "x", "exec", "tool"]
    /// Options whose value is the next argument.
    private static let optionsWithValue: Set<String> = [
        "-r", "--require", "--import", "--loader", "--experimental-loader", "-W", "-X", "-I", "--cwd", "--config", "-C",
    ]
    /// Options that are followed by the script's text, so that there is no script with a name.
    private static let inlineOptions: Set<String> = ["-c", "-e", "-p", "--eval", "--print", "-"]
    /// Names in packages that say nothing; that of the folder above counts then.
    private static let plainNames: Set<String> = [
        "cli", "index", "main", "__main__", "bin", "dist", "lib", "build", "src", "start",
    ]
    /// Folders that packages are in.
    private static let packageFolders: Set<String> = ["node_modules", "site-packages", "dist-packages"]
    private static let scriptEndings: [Substring] = [".js", ".mjs", ".cjs", ".ts", ".mts", ".py", ".pyc", ".sh", ".rb"]

    /// The program of a process with these arguments, each with a zero byte behind it.
    package static func program(of arguments: [UInt8]) -> ProcessProgram {
        var words: [Substring] = arguments.split(separator: 0, omittingEmptySubsequences: false).map {
            Substring(String(decoding: $0, as: UTF8.self))
        }
        if words.last?.isEmpty == true { words.removeLast() }
        let found: ProcessProgram = program(of: words)
        // A process that chose a title has all of it in the first argument.
        guard found == .other, words.count == 1, let title: Substring = words.first, title.contains(" ") else {
            return found
        }
        return program(of: title.split(separator: " "))
    }

    private static func program(of words: [Substring]) -> ProcessProgram {
        guard let first: Substring = words.first else { return .other }
        let found: ProcessProgram = program(named: first)
        guard found == .other, interpreters.contains(unversioned(baseName(first))) else { return found }
        return script(words.dropFirst()).map(program) ?? .other
    }

    /// The script that an interpreter with these arguments runs; nil where it has no name.
    private static func script(_ words: ArraySlice<Substring>) -> Substring? {
        var rest: ArraySlice<Substring> = words
        while let word: Substring = rest.popFirst() {
            if word == "-m" { return rest.first }
            if inlineOptions.contains(String(word)) { return nil }
            if word.hasPrefix("-") {
                if optionsWithValue.contains(String(word)) { _ = rest.popFirst() }
                continue
            }
            if subcommands.contains(String(word)), !rest.isEmpty { continue }
            return word
        }
        return nil
    }

    /// The program that a path or a name means.
    private static func program(named path: Substring) -> ProcessProgram {
        var parts: [Substring] = path.split(separator: "/")
        guard let last: Substring = parts.popLast() else { return .other }
        var name: Substring = withoutEnding(last)
        // A version may stand behind the name of a package.
        if let at: Substring.Index = name.lastIndex(of: "@"), at > name.startIndex { name = name[..<at] }
        if parts.contains(where: { packageFolders.contains(String($0)) }) {
            while plainNames.contains(String(name)), let folder: Substring = parts.popLast() { name = folder }
        }
        let isPackage: Bool = parts.contains("@anthropic-ai")
        switch name {
        case "opencode", ".opencode", "opencode-ai", "opencode-cli": return .opencode
        case "claude", "claude-code", "claude.exe":
            if isPackage { return .anthropicClaude }
            return parts.contains(where: { $0 == ".cursor" || $0 == ".cursor-server" }) ? .cursorClaude : .claude
        case "anthropic", "anthropic-claude", "anthropic_claude": return .anthropicClaude
        case "cursor-claude", "cursor_claude": return .cursorClaude
        case "Claude", "claude-desktop", "claude_desktop", "Claude.AppImage", "claude-desktop.AppImage":
            return .claudeDesktop
        default: return .other
        }
    }

    private static func baseName(_ path: Substring) -> Substring {
        // A login shell has a minus before its name.
        let name: Substring = path.lastIndex(of: "/").map { path[path.index(after: $0)...] } ?? path
        return name.hasPrefix("-") ? name.dropFirst() : name
    }

    private static func withoutEnding(_ name: Substring) -> Substring {
        for ending: Substring in scriptEndings where name.hasSuffix(ending) && name.count > ending.count {
            return name.dropLast(ending.count)
        }
        return name
    }

    /// A name such as `python3.11` without its version.
    private static func unversioned(_ name: Substring) -> String {
        var name: Substring = name
        while let last: Character = name.last, last.isNumber || last == "." { name = name.dropLast() }
        return String(name)
    }
}
