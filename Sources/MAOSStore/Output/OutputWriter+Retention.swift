internal import CLinux
internal import Glibc
internal import MAOSCore
internal import MAOSSystem

/// How many bytes the logs take, as far as their folders have been looked through.
struct OutputUsage {
    /// Per folder; `nil` until it has been looked through.
    private var shards: [Int?] = Array(repeating: nil, count: 2 * OutputPlace.shards)
    /// Bytes by the time of the last write, in steps of ``ageStep``.
    private var ages: [Int64: Int] = [:]

    /// Bytes in all folders that have been looked through.
    private(set) var total = 0

    /// Milliseconds.
    static let ageStep: Int64 = 10 * 60 * 1_000

    /// Counts what was written into a folder, or deleted from it; a folder that has not been looked through will be.
    mutating func add(_ bytes: Int, toShard shard: Int) {
        guard let known: Int = shards[shard] else { return }
        shards[shard] = known + bytes
        total += bytes
    }

    /// Takes the number of bytes in a folder anew.
    mutating func set(_ bytes: Int, ofShard shard: Int) {
        total += bytes - (shards[shard] ?? 0)
        shards[shard] = bytes
    }

    /// Forgets when bytes were written, as a walk through all folders begins that notes it anew.
    mutating func forgetTimes() { ages.removeAll() }

    /// Notes when so many bytes were written.
    mutating func note(_ bytes: Int, writtenAt time: Instant) {
        ages[time.milliseconds / OutputUsage.ageStep, default: 0] += bytes
    }

    /// Tells up to when files have to have been written that together take so many bytes.
    func time(ofOldest bytes: Int) -> Instant {
        var sum = 0
        for (step, count) in ages.sorted(by: { $0.key < $1.key }) {
            sum += count
            if sum >= bytes { return Instant(milliseconds: (step + 1) * OutputUsage.ageStep) }
        }
        return .distantFuture
    }
}

/// Goes through the folders one by one, again and again: counts what the logs take and deletes what is past its time, or too
/// much altogether.
extension OutputWriter {
    /// What a walk through the folders is for.
    enum Purpose {
        /// Counting, and deleting what is past its retention.
        case count
        /// Deleting what was written before a time, until all logs together are small enough.
        case shrink(until: Instant)
    }

    /// Whether all logs together take too much.
    var isOverLimit: Bool { usage.total > configuration.bytesTotal }

    /// Sees to one folder.
    func sweep(shard: Int, at now: Instant, _ purpose: Purpose) {
        let folder: String = OutputPlace.folder(shard: shard, root: root)
        if shard == 0, case .count = purpose { usage.forgetTimes() }
        var left = 0
        Folder.forEachName(in: folder) { name in
            if name.hasSuffix(OutputPlace.suffix) {
                let log: OpenOutput? = self.log(named: name.dropLast(OutputPlace.suffix.utf8.count), shard: shard)
                left += sweep(file: "\(folder)/\(name)", of: log, at: now, purpose, shard: shard)
            } else if name.hasSuffix(".more") {
                let log: OpenOutput? = self.log(named: name.dropLast(5), shard: shard)
                let path = "\(folder)/\(name)"
                var kept = 0
                Folder.forEachName(in: path) { file in
                    kept += sweep(file: "\(path)/\(file)", of: log, at: now, purpose, shard: shard)
                }
                if kept == 0, log == nil { rmdir(path) }
                left += kept
            }
        }
        usage.set(left, ofShard: shard)
    }

    private func log(named name: Substring, shard: Int) -> OpenOutput? {
        let owner: OutputOwner =
            shard < OutputPlace.shards
            ? .task(TaskID(unchecked: String(name))) : .agent(AgentID(unchecked: String(name)))
        return logs[owner]
    }

    /// Sees to one file; returns how many bytes of it are left.
    private func sweep(file path: String, of log: OpenOutput?, at now: Instant, _ purpose: Purpose, shard: Int) -> Int {
        var status = stat()
        guard stat(path, &status) == 0 else { return 0 }
        let size = Int(status.st_size)
        let written = Instant(
            milliseconds: Int64(status.st_mtim.tv_sec) * 1_000 + Int64(status.st_mtim.tv_nsec) / 1_000_000)
        let isExpired: Bool
        switch purpose {
        case .count:
            isExpired = configuration.retention.map { written + $0 < now } ?? false
        case .shrink(let time):
            isExpired = written < time && usage.total > configuration.bytesTotal / 10 * 9
        }
        guard isExpired, log?.isNewest(path) != true, unlink(path) == 0 else {
            if case .count = purpose { usage.note(size, writtenAt: written) }
            return size
        }
        usage.add(-size, toShard: shard)
        if let log {
            log.forget(path)
            views.publish([(log.owner, log.view)])
        }
        return 0
    }
}
