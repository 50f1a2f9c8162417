package import MAOSCore

/// A small program for examples and tests, which plays an agent without a model.
///
/// One statement a line; blank lines and lines that begin with `#` count for nothing.
///
/// | statement | what it does |
/// |---|---|
/// | `say TEXT` | prints the text on standard output |
/// | `warn TEXT` | prints the text on standard error |
/// | `progress 0.5 STEP` | reports progress, 0 … 1, and what is being done, which may be left out |
/// | `sleep 250ms` | waits; also in seconds: `sleep 2s`, `sleep 0.5s` |
/// | `result JSON` | writes the result, any JSON value |
/// | `spawn SECONDS` | starts a process of its own that lives so long, and goes on |
/// | `fail MESSAGE` | prints the message on standard error and ends with code 1 |
/// | `exit N` | ends with that code, 0 … 255 |
package struct AgentScript: Hashable, Sendable {
    /// One step of a script.
    package enum Statement: Hashable, Sendable {
        /// Prints on standard output.
        case say(String)
        /// Prints on standard error.
        case warn(String)
        /// 0…1.
        case progress(Double, step: String)
        /// Milliseconds.
        case sleep(Int64)
        /// Leaves a result.
        case result(JSONText)
        /// Seconds.
        case spawn(Int)
        /// Prints on standard error and ends with 1.
        case fail(String)
        /// 0…255.
        case exit(Int32)
    }

    /// In the order in which they run.
    package let statements: [Statement]

    /// Reads a script.
    ///
    /// - Throws: The first line that is no statement.
    package static func parse(_ text: String) throws(AgentScriptError) -> AgentScript {
        var statements: [Statement] = []
        var number: Int = 0
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            number += 1
            let line: Substring = trimmed(line)
            guard !line.isEmpty, !line.hasPrefix("#") else { continue }
            let word: Substring = line.prefix { $0 != " " && $0 != "\t" }
            let rest: Substring = trimmed(line[word.endIndex...])
            do throws(Problem) {
                statements.append(try statement(word, rest))
            } catch {
                throw AgentScriptError(line: number, message: error.message)
            }
        }
        return AgentScript(statements: statements)
    }

    /// Runs the script.
    ///
    /// - Returns: The exit code: 0 when it came to its end.
    package func run(environment: some AgentScriptEnvironment) -> Int32 {
        for statement in statements {
            switch statement {
            case .say(let text): environment.print(text)
            case .warn(let text): environment.printError(text)
            case .progress(let progress, let step):
                environment.print("::maos progress=\(progress)" + (step.isEmpty ? "" : " step=\(step)"))
            case .sleep(let milliseconds): environment.sleep(milliseconds: milliseconds)
            case .result(let result):
                guard environment.write(result: result) else { return 1 }
            case .spawn(let seconds):
                guard environment.spawn(seconds: seconds) else { return 1 }
            case .fail(let message):
                environment.printError(message)
                return 1
            case .exit(let code): return code
            }
        }
        return 0
    }

    // MARK: - Reading

    private struct Problem: Error {
        let message: String
    }

    private static let longestWait: Double = 86_400_000

    private static func statement(_ word: Substring, _ rest: Substring) throws(Problem) -> Statement {
        switch word {
        case "say": return .say(String(rest))
        case "warn": return .warn(String(rest))
        case "progress":
            let number: Substring = rest.prefix { $0 != " " && $0 != "\t" }
            guard let progress = Double(number), (0...1).contains(progress) else {
                throw Problem(message: "progress needs a number from 0 to 1, not \"\(number)\"")
            }
            return .progress(progress, step: String(trimmed(rest[number.endIndex...])))
        case "sleep": return .sleep(try milliseconds(rest))
        case "result":
            do throws(JSONError) {
                return .result(try JSONText(String(rest)))
            } catch {
                throw Problem(message: "result needs a JSON value: \(error)")
            }
        case "spawn":
            guard let seconds = Int(rest), (0...86_400).contains(seconds) else {
                throw Problem(message: "spawn needs whole seconds from 0 to 86400, not \"\(rest)\"")
            }
            return .spawn(seconds)
        case "fail": return .fail(rest.isEmpty ? "failed" : String(rest))
        case "exit":
            guard let code = Int32(rest), (0...255).contains(code) else {
                throw Problem(message: "exit needs a code from 0 to 255, not \"\(rest)\"")
            }
            return .exit(code)
        default:
            throw Problem(
                message:
                    "unknown statement \"\(word)\"; known are say, warn, progress, sleep, result, spawn, fail, exit")
        }
    }

    private static func milliseconds(_ text: Substring) throws(Problem) -> Int64 {
        let factor: Double
        let digits: Substring
        if text.hasSuffix("ms") {
            (factor, digits) = (1, text.dropLast(2))
        } else if text.hasSuffix("s") {
            (factor, digits) = (1_000, text.dropLast(1))
        } else {
            throw Problem(message: "sleep needs a time such as 250ms or 2s, not \"\(text)\"")
        }
        guard let number = Double(digits), number >= 0, number * factor <= longestWait else {
            throw Problem(message: "sleep needs a time from 0ms to 86400s, not \"\(text)\"")
        }
        return Int64(number * factor)
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text: Substring = text.drop { $0.isWhitespace }
        while let last: Character = text.last, last.isWhitespace { text.removeLast() }
        return text
    }
}

/// A line that is no statement.
package struct AgentScriptError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The line's number, beginning with 1.
    package let line: Int
    /// What is wrong with it.
    package let message: String

    /// Such as `line 3: exit needs a code from 0 to 255, not "x"`.
    package var description: String { "line \(line): \(message)" }
}

/// What a script acts on.
package protocol AgentScriptEnvironment {
    /// Prints a line on standard output, at once.
    func print(_ line: String)
    /// Prints a line on standard error, at once.
    func printError(_ line: String)
    /// Waits.
    func sleep(milliseconds: Int64)
    /// Writes the result; false where it cannot be.
    func write(result: JSONText) -> Bool
    /// Starts a process that lives for a while; false where it cannot be.
    func spawn(seconds: Int) -> Bool
}
