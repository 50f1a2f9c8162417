import CSQLite
import Foundation
package import MAOSCore
import Synchronization

/// A disk in memory, below SQLite, that fails when it is told to and forgets what was not synced when its power is cut.
///
/// SQLite uses it under ``name``. What has been written since a file's last sync is remembered write by write; a power cut
/// keeps any of them and drops the others.
package final class FaultDisk: @unchecked Sendable {
    // Everything is only touched while `mutex` is held; the pointers never change.

    /// What goes wrong, and from which operation on; operations are writes, syncs, truncations and deletions.
    package enum Fault: Sendable {
        case none
        /// One operation fails, with this result code; the ones after it do not.
        case once(at: Int, code: Int32)
        /// From an operation on nothing works any more.
        case dead(from: Int)
    }

    /// A change to a file that no sync has made durable yet.
    private enum Change {
        case write(offset: Int, bytes: [UInt8])
        case truncate(size: Int)
    }

    private final class File {
        var current: [UInt8] = []
        var durable: [UInt8] = []
        var changes: [Change] = []
        var locks: [Int: Int32] = [:]
        var regions: [UnsafeMutableRawPointer] = []
        var sharedSlots: [Int32: Set<Int>] = [:]
        var exclusiveSlots: [Int32: Int] = [:]

        deinit { for region in regions { region.deallocate() } }
    }

    /// What SQLite allocates for an open file.
    private struct Handle {
        var base: sqlite3_file
        var disk: UInt
        var number: Int
    }

    /// The name to give to SQLite.
    package let name: String

    private let mutex = NSRecursiveLock()
    private var files: [String: File] = [:]
    private var open: [Int: (path: String, file: File, deletes: Bool)] = [:]
    private var lastHandle = 0
    private var operationCount = 0
    private var fault = Fault.none
    private var limit = Int.max
    private let vfs: UnsafeMutablePointer<sqlite3_vfs>

    private static let numbers = Atomic<Int>(0)

    // MARK: - Life

    /// A disk with nothing on it.
    package init() {
        name = "fault-\(FaultDisk.numbers.wrappingAdd(1, ordering: .relaxed).newValue)"
        vfs = .allocate(capacity: 1)
        vfs.initialize(to: sqlite3_vfs())
        vfs.pointee.iVersion = 2
        vfs.pointee.szOsFile = Int32(MemoryLayout<Handle>.size)
        vfs.pointee.mxPathname = 512
        vfs.pointee.zName = UnsafePointer(strdup(name))
        vfs.pointee.pAppData = Unmanaged.passUnretained(self).toOpaque()
        FaultDisk.fill(&vfs.pointee)
        sqlite3_vfs_register(vfs, 0)
    }

    /// Lets SQLite forget the disk; every connection must have been closed.
    package func remove() {
        sqlite3_vfs_unregister(vfs)
        free(UnsafeMutablePointer(mutating: vfs.pointee.zName))
        vfs.deallocate()
    }

    // MARK: - For tests

    /// Operations so far.
    package var operations: Int { locked { operationCount } }

    /// Decides what goes wrong; operations count from here on.
    package func set(_ fault: Fault) {
        locked {
            self.fault = fault
            operationCount = 0
        }
    }

    /// Decides how many bytes fit on the disk.
    package func setLimit(_ bytes: Int) { locked { limit = bytes } }

    /// Bytes on the disk.
    package var used: Int { locked { files.values.reduce(0) { $0 + $1.current.count } } }

    /// What a new start finds after the power was cut: what was synced, and of the rest whatever the generator says.
    package func afterPowerCut(_ random: inout SeededRandom) -> FaultDisk {
        let disk = FaultDisk()
        locked {
            for (path, file) in files {
                let copy = File()
                copy.durable = file.durable
                for change: Change in file.changes where random.below(2) == 0 {
                    FaultDisk.apply(change, to: &copy.durable)
                }
                copy.current = copy.durable
                disk.files[path] = copy
            }
        }
        return disk
    }

    private static func apply(_ change: Change, to bytes: inout [UInt8]) {
        switch change {
        case .write(let offset, let written):
            if bytes.count < offset + written.count {
                bytes.append(contentsOf: repeatElement(0, count: offset + written.count - bytes.count))
            }
            bytes.replaceSubrange(offset..<(offset + written.count), with: written)
        case .truncate(let size):
            if size < bytes.count { bytes.removeSubrange(size...) }
        }
    }

    private func locked<Value>(_ body: () -> Value) -> Value {
        mutex.lock()
        defer { mutex.unlock() }
        return body()
    }

    /// Counts an operation, and says how it fails if it does.
    private func operation(_ code: Int32) -> Int32 {
        operationCount += 1
        switch fault {
        case .none: return SQLITE_OK
        case .once(let at, let result): return operationCount == at ? result : SQLITE_OK
        case .dead(let from): return operationCount >= from ? code : SQLITE_OK
        }
    }

    // MARK: - The file system

    private static func disk(_ vfs: UnsafeMutablePointer<sqlite3_vfs>?) -> FaultDisk {
        guard let data = vfs?.pointee.pAppData else { fatalError("no disk") }
        return Unmanaged<FaultDisk>.fromOpaque(data).takeUnretainedValue()
    }

    private static func fill(_ vfs: inout sqlite3_vfs) {
        vfs.xOpen = { vfs, path, file, flags, outFlags in
            guard let file else { return SQLITE_CANTOPEN }
            return FaultDisk.disk(vfs).openFile(path.map { String(cString: $0) }, file, flags, outFlags)
        }
        vfs.xDelete = { vfs, path, _ in
            guard let path else { return DiskError.delete }
            return FaultDisk.disk(vfs).delete(String(cString: path))
        }
        vfs.xAccess = { vfs, path, _, result in
            guard let path else { return DiskError.access }
            let disk: FaultDisk = FaultDisk.disk(vfs)
            result?.pointee = disk.locked { disk.files[String(cString: path)] == nil ? 0 : 1 }
            return SQLITE_OK
        }
        vfs.xFullPathname = { _, path, size, out in
            guard let path, let out, strlen(path) < Int(size) else { return SQLITE_CANTOPEN }
            strcpy(out, path)
            return SQLITE_OK
        }
        vfs.xRandomness = { _, count, out in
            for index in 0..<Int(count) { out?[index] = CChar(truncatingIfNeeded: Int.random(in: 0...255)) }
            return count
        }
        vfs.xSleep = { _, microseconds in
            usleep(UInt32(microseconds))
            return microseconds
        }
        vfs.xCurrentTime = { _, out in
            out?.pointee = 2_460_000
            return SQLITE_OK
        }
        vfs.xCurrentTimeInt64 = { _, out in
            out?.pointee = 2_460_000 * 86_400_000
            return SQLITE_OK
        }
        vfs.xGetLastError = { _, _, _ in 0 }
    }

    private func openFile(
        _ path: String?, _ file: UnsafeMutablePointer<sqlite3_file>, _ flags: Int32,
        _ outFlags: UnsafeMutablePointer<Int32>?
    ) -> Int32 {
        file.pointee.pMethods = nil
        return locked {
            lastHandle += 1
            let path: String = path ?? "temporary-\(lastHandle)"
            if files[path] == nil {
                guard flags & SQLITE_OPEN_CREATE != 0 else { return SQLITE_CANTOPEN }
                files[path] = File()
            }
            guard let found: File = files[path] else { return SQLITE_CANTOPEN }
            open[lastHandle] = (path, found, flags & SQLITE_OPEN_DELETEONCLOSE != 0)
            file.withMemoryRebound(to: Handle.self, capacity: 1) { handle in
                handle.pointee.disk = UInt(bitPattern: Unmanaged.passUnretained(self).toOpaque())
                handle.pointee.number = lastHandle
            }
            file.pointee.pMethods = FaultDisk.methods
            outFlags?.pointee = flags
            return SQLITE_OK
        }
    }

    private func delete(_ path: String) -> Int32 {
        locked {
            let result: Int32 = operation(DiskError.delete)
            guard result == SQLITE_OK else { return result }
            return files.removeValue(forKey: path) == nil ? DiskError.deleteMissing : SQLITE_OK
        }
    }

    // MARK: - Files

    /// Runs a body with an open file.
    private static func with(
        _ file: UnsafeMutablePointer<sqlite3_file>?, _ body: (FaultDisk, File, Int) -> Int32
    ) -> Int32 {
        guard let file else { return SQLITE_MISUSE }
        let handle: Handle = file.withMemoryRebound(to: Handle.self, capacity: 1) { $0.pointee }
        guard let pointer = UnsafeRawPointer(bitPattern: handle.disk) else { return SQLITE_MISUSE }
        let disk: FaultDisk = Unmanaged<FaultDisk>.fromOpaque(pointer).takeUnretainedValue()
        return disk.locked {
            guard let entry = disk.open[handle.number] else { return SQLITE_MISUSE }
            return body(disk, entry.file, handle.number)
        }
    }

    nonisolated(unsafe) private static let methods: UnsafePointer<sqlite3_io_methods> = {
        let methods = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
        methods.initialize(to: sqlite3_io_methods())
        methods.pointee.iVersion = 2
        fillTransfer(&methods.pointee)
        fillLocks(&methods.pointee)
        fillShared(&methods.pointee)
        return UnsafePointer(methods)
    }()

    private static func fillTransfer(_ methods: inout sqlite3_io_methods) {
        methods.xClose = { file in
            FaultDisk.with(file) { disk, _, number in
                guard let entry = disk.open.removeValue(forKey: number) else { return SQLITE_OK }
                entry.file.locks[number] = nil
                if entry.deletes { disk.files[entry.path] = nil }
                return SQLITE_OK
            }
        }
        methods.xRead = { file, out, count, offset in
            FaultDisk.with(file) { _, content, _ in
                guard let out else { return DiskError.read }
                let start = min(Int(offset), content.current.count)
                let end = min(Int(offset) + Int(count), content.current.count)
                content.current[start..<end].withUnsafeBytes {
                    out.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(out), byteCount: $0.count)
                }
                guard end - start < Int(count) else { return SQLITE_OK }
                memset(out + (end - start), 0, Int(count) - (end - start))
                return DiskError.shortRead
            }
        }
        methods.xWrite = { file, bytes, count, offset in
            FaultDisk.with(file) { disk, content, _ in
                let result: Int32 = disk.operation(DiskError.write)
                guard result == SQLITE_OK, let bytes else { return result }
                let growth: Int = max(0, Int(offset) + Int(count) - content.current.count)
                guard disk.used + growth <= disk.limit else { return SQLITE_FULL }
                let written = [UInt8](UnsafeRawBufferPointer(start: bytes, count: Int(count)))
                let change = Change.write(offset: Int(offset), bytes: written)
                FaultDisk.apply(change, to: &content.current)
                content.changes.append(change)
                return SQLITE_OK
            }
        }
        methods.xTruncate = { file, size in
            FaultDisk.with(file) { disk, content, _ in
                let result: Int32 = disk.operation(DiskError.truncate)
                guard result == SQLITE_OK else { return result }
                FaultDisk.apply(.truncate(size: Int(size)), to: &content.current)
                content.changes.append(.truncate(size: Int(size)))
                return SQLITE_OK
            }
        }
        methods.xSync = { file, _ in
            FaultDisk.with(file) { disk, content, _ in
                let result: Int32 = disk.operation(DiskError.sync)
                guard result == SQLITE_OK else { return result }
                content.durable = content.current
                content.changes.removeAll()
                return SQLITE_OK
            }
        }
        methods.xFileSize = { file, size in
            FaultDisk.with(file) { _, content, _ in
                size?.pointee = Int64(content.current.count)
                return SQLITE_OK
            }
        }
        methods.xFileControl = { _, _, _ in SQLITE_NOTFOUND }
        methods.xSectorSize = { _ in 4_096 }
        methods.xDeviceCharacteristics = { _ in SQLITE_IOCAP_POWERSAFE_OVERWRITE }
    }

    private static func fillLocks(_ methods: inout sqlite3_io_methods) {
        methods.xLock = { file, level in
            FaultDisk.with(file) { _, content, number in
                let others: Int32 = content.locks.filter { $0.key != number }.values.max() ?? SQLITE_LOCK_NONE
                let allowed: Bool =
                    switch level {
                    case SQLITE_LOCK_SHARED: others < SQLITE_LOCK_PENDING
                    case SQLITE_LOCK_RESERVED: others < SQLITE_LOCK_RESERVED
                    default: others == SQLITE_LOCK_NONE
                    }
                guard allowed else { return SQLITE_BUSY }
                content.locks[number] = max(level, content.locks[number] ?? SQLITE_LOCK_NONE)
                return SQLITE_OK
            }
        }
        methods.xUnlock = { file, level in
            FaultDisk.with(file) { _, content, number in
                content.locks[number] = level == SQLITE_LOCK_NONE ? nil : level
                return SQLITE_OK
            }
        }
        methods.xCheckReservedLock = { file, result in
            FaultDisk.with(file) { _, content, _ in
                result?.pointee = content.locks.values.contains { $0 >= SQLITE_LOCK_RESERVED } ? 1 : 0
                return SQLITE_OK
            }
        }
    }

    private static func fillShared(_ methods: inout sqlite3_io_methods) {
        methods.xShmMap = { file, region, size, extend, out in
            FaultDisk.with(file) { _, content, _ in
                while content.regions.count <= Int(region) {
                    guard extend != 0 else {
                        out?.pointee = nil
                        return SQLITE_OK
                    }
                    let memory = UnsafeMutableRawPointer.allocate(byteCount: Int(size), alignment: 16)
                    memset(memory, 0, Int(size))
                    content.regions.append(memory)
                }
                out?.pointee = UnsafeMutableRawPointer(content.regions[Int(region)])
                return SQLITE_OK
            }
        }
        methods.xShmLock = { file, first, count, flags in
            FaultDisk.with(file) { _, content, number in
                let slots: Range<Int32> = first..<(first + count)
                if flags & SQLITE_SHM_UNLOCK != 0 {
                    for slot: Int32 in slots {
                        content.sharedSlots[slot]?.remove(number)
                        if content.exclusiveSlots[slot] == number { content.exclusiveSlots[slot] = nil }
                    }
                    return SQLITE_OK
                }
                let isShared: Bool = flags & SQLITE_SHM_SHARED != 0
                for slot: Int32 in slots {
                    if let holder: Int = content.exclusiveSlots[slot], holder != number { return SQLITE_BUSY }
                    let sharers: Set<Int> = content.sharedSlots[slot, default: []].subtracting([number])
                    if !isShared, !sharers.isEmpty { return SQLITE_BUSY }
                }
                for slot: Int32 in slots {
                    if isShared {
                        content.sharedSlots[slot, default: []].insert(number)
                    } else {
                        content.exclusiveSlots[slot] = number
                    }
                }
                return SQLITE_OK
            }
        }
        methods.xShmBarrier = { file in _ = FaultDisk.with(file) { _, _, _ in SQLITE_OK } }
        methods.xShmUnmap = { _, _ in SQLITE_OK }
    }
}

/// SQLite's extended codes for what a disk refuses, which its header builds from macros.
package enum DiskError {
    package static let read: Int32 = SQLITE_IOERR | 1 << 8
    package static let shortRead: Int32 = SQLITE_IOERR | 2 << 8
    package static let write: Int32 = SQLITE_IOERR | 3 << 8
    package static let sync: Int32 = SQLITE_IOERR | 4 << 8
    package static let truncate: Int32 = SQLITE_IOERR | 6 << 8
    package static let delete: Int32 = SQLITE_IOERR | 10 << 8
    package static let access: Int32 = SQLITE_IOERR | 13 << 8
    package static let deleteMissing: Int32 = SQLITE_IOERR | 23 << 8
}
