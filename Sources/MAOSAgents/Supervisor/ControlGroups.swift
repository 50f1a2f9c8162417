internal import Glibc
internal import MAOSSystem

/// The part of the control group tree (cgroup v2) that this server may divide among what it starts.
package final class ControlGroups: Sendable {
    /// The folder under which groups are made.
    private let folder: String
    /// The controllers that act on groups made there.
    private let controllers: Set<String>

    /// Uses a folder whose controllers are enabled.
    package init(folder: String, controllers: Set<String>) {
        self.folder = folder
        self.controllers = controllers
        removeLeftovers()
    }

    /// Finds out whether a part of the tree was delegated to this process, and prepares it.
    ///
    /// The process moves itself into a group `server` below its own one, because a group with processes cannot hand
    /// controllers on.
    ///
    /// - Returns: Nil where nothing was delegated: resource limits and sums do the work then.
    package static func delegated() -> ControlGroups? {
        guard let folder: String = ownFolder() else { return nil }
        let offered: Set<String> = Set(ControlFile.words("\(folder)/cgroup.controllers"))
        guard offered.isSuperset(of: ["memory", "pids"]), access("\(folder)/cgroup.procs", W_OK) == 0,
            access("\(folder)/cgroup.subtree_control", W_OK) == 0
        else { return nil }
        let wanted: Set<String> = offered.intersection(["memory", "pids", "cpu"])
        let others: [String] = ControlFile.words("\(folder)/cgroup.procs").filter {
            $0 != String(ProcessSettings.processNumber)
        }
        guard others.isEmpty else { return nil }
        let server: String = "\(folder)/server"
        guard mkdir(server, 0o755) == 0 || errno == EEXIST, ControlFile.write("0", to: "\(server)/cgroup.procs") else {
            return nil
        }
        let change: String = wanted.map { "+\($0)" }.joined(separator: " ")
        guard ControlFile.write(change, to: "\(folder)/cgroup.subtree_control") else {
            _ = ControlFile.write("0", to: "\(folder)/cgroup.procs")
            rmdir(server)
            return nil
        }
        return ControlGroups(folder: folder, controllers: wanted)
    }

    /// The folder of the group that this process is in.
    private static func ownFolder() -> String? {
        guard let groups: String = ControlFile.text("/proc/self/cgroup"),
            let mounts: String = ControlFile.text("/proc/self/mountinfo")
        else { return nil }
        return folder(groups: groups, mounts: mounts)
    }

    /// Finds a process's folder from what the kernel says of its groups and of its mounts.
    package static func folder(groups: String, mounts: String) -> String? {
        guard let line: Substring = groups.split(separator: "\n").first(where: { $0.hasPrefix("0::/") }) else {
            return nil
        }
        let path: Substring = line.dropFirst(3)
        for mount in mounts.split(separator: "\n") {
            // `ID PARENT DEVICE ROOT POINT OPTIONS… - TYPE SOURCE OPTIONS`
            let fields: [Substring] = mount.split(separator: " ")
            guard let dash: Int = fields.firstIndex(of: "-"), dash + 1 < fields.count, fields[dash + 1] == "cgroup2",
                fields.count > 5
            else { continue }
            let (root, point): (Substring, Substring) = (fields[3], fields[4])
            guard root != "/" else { return path == "/" ? String(point) : "\(point)\(path)" }
            guard path.hasPrefix(root) else { continue }
            return "\(point)\(path.dropFirst(root.count))"
        }
        return nil
    }

    /// Makes a group with limits; nil when it cannot be made.
    func make(_ name: String, _ limits: ResourceLimits) -> ControlGroup? {
        let path: String = "\(folder)/maos-\(String(name.map { $0 == "/" ? "." : $0 }))"
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else { return nil }
        if controllers.contains("memory"), let memory: Int = limits.memory {
            _ = ControlFile.write("\(memory)", to: "\(path)/memory.max")
            _ = ControlFile.write("0", to: "\(path)/memory.swap.max")
            _ = ControlFile.write("1", to: "\(path)/memory.oom.group")
        }
        if controllers.contains("pids"), let processes: Int = limits.processes {
            _ = ControlFile.write("\(processes)", to: "\(path)/pids.max")
        }
        if controllers.contains("cpu"), let cores: Double = limits.cores {
            let period: Int = 100_000
            let quota: Int = max(1_000, Int(min(cores, 10_000) * Double(period)))
            _ = ControlFile.write("\(quota) \(period)", to: "\(path)/cpu.max")
        }
        guard let group = ControlGroup(path: path, controllers: controllers) else {
            rmdir(path)
            return nil
        }
        return group
    }

    /// Ends and removes the groups of a server before this one.
    private func removeLeftovers() {
        guard let stream = opendir(folder) else { return }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let name: String = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard name.hasPrefix("maos-") else { continue }
            _ = ControlFile.write("1", to: "\(folder)/\(name)/cgroup.kill")
            rmdir("\(folder)/\(name)")
        }
    }
}

/// One group, for one process tree.
final class ControlGroup: Sendable {
    /// Whether it keeps the limit of memory itself.
    let keepsMemory: Bool
    /// Whether it keeps the limit of processes itself.
    let keepsProcesses: Bool
    private let path: String
    private let procs: Descriptor

    fileprivate init?(path: String, controllers: Set<String>) {
        do throws(SystemError) {
            procs = try Descriptor.open("\(path)/cgroup.procs", flags: O_WRONLY)
        } catch {
            return nil
        }
        self.path = path
        keepsMemory = controllers.contains("memory")
        keepsProcesses = controllers.contains("pids")
    }

    /// Where a process joins by writing `0`.
    var entry: Int32 { procs.number }

    /// The processes in it.
    func members() -> [Int32] {
        ControlFile.words("\(path)/cgroup.procs").compactMap { Int32($0) }
    }

    /// Kills everything in it, as one.
    func kill() {
        _ = ControlFile.write("1", to: "\(path)/cgroup.kill")
    }

    /// Whether the kernel killed something in it for want of memory.
    var hasKilledForMemory: Bool { count("oom_kill", in: "memory.events") > 0 }

    /// Whether the kernel refused it a process.
    var hasRefusedProcesses: Bool { count("max", in: "pids.events") > 0 }

    private func count(_ name: String, in file: String) -> Int {
        let words: [String] = ControlFile.words("\(path)/\(file)")
        guard let place: Int = words.firstIndex(of: name), place + 1 < words.count else { return 0 }
        return Int(words[place + 1]) ?? 0
    }

    /// Removes it; it is empty by now.
    func remove() {
        rmdir(path)
    }
}

/// The small files through which the kernel is asked and told.
private enum ControlFile {
    static func text(_ path: String) -> String? {
        guard let bytes: [UInt8] = SmallFile.read(path, limit: 1 << 20) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    static func words(_ path: String) -> [String] {
        (text(path) ?? "").split(whereSeparator: { $0 == " " || $0 == "\n" }).map(String.init)
    }

    static func write(_ text: String, to path: String) -> Bool {
        do throws(SystemError) {
            let file: Descriptor = try Descriptor.open(path, flags: O_WRONLY)
            try SmallFile.append(Array(text.utf8), to: file)
            return true
        } catch {
            return false
        }
    }
}
