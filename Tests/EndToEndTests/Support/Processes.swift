import Foundation

extension Processes {
    /// The processes of a task's attempts, by what they were told in their environment.
    static func ofTask(_ id: String) -> [Int32] { mentioning("MAOS_TASK_ID=\(id)") }

    /// The state of a process as the kernel has it: `R`, `S`, `T`…; nil when it is gone.
    static func state(of id: Int32) -> Character? {
        guard let text: String = contents("/proc/\(id)/stat") else { return nil }
        // The name in parentheses may hold anything.
        guard let end: String.Index = text.lastIndex(of: ")") else { return nil }
        return text[text.index(after: end)...].first { $0 != " " }
    }

    /// Whether the kernel has stopped a process; one that waits for a child to become a program (`vfork`) is as good as that
    /// when the child is stopped.
    static func isHalted(_ id: Int32) -> Bool { state(of: id) == "T" || state(of: id) == "D" }

    /// A number of `/proc/PID/status`, such as `VmRSS` in kilobytes.
    static func number(_ name: String, of id: Int32) -> Int? {
        for line: Substring in (contents("/proc/\(id)/status") ?? "").split(separator: "\n") {
            guard line.hasPrefix("\(name):") else { continue }
            return line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) }
        }
        return nil
    }

    /// The children of a process that have ended and were not waited for.
    static func zombies(of id: Int32) -> Int {
        let names: [String] = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { Int32($0) }.filter { (child: Int32) in
            state(of: child) == "Z" && number("PPid", of: child) == Int(id)
        }.count
    }

    private static func contents(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }
}
