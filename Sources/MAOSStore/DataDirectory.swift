internal import CLinux
internal import Glibc
internal import MAOSCore
internal import MAOSSystem

/// The folder that holds everything the server keeps, for this process alone.
///
/// As long as the value lives no other process gets the folder: a lock on a file in it sees to that, which the kernel drops
/// when the process ends, however it ends.
struct DataDirectory: ~Copyable, Sendable {
    /// The folder's path.
    let path: String

    /// The database's file.
    var database: String { "\(path)/maos.db" }

    private let lock: Descriptor

    /// Makes the folder with mode 0700 if it is not there, and takes it.
    ///
    /// - Throws: ``JournalError/locked(_:)`` when another process has it, ``JournalError/unavailable(_:)`` when it cannot be
    ///   made or written to.
    init(path: String) throws(JournalError) {
        let lock: Descriptor = try DataDirectory.openLock(in: path)
        let number: CInt = lock.number
        let end: Int64 = SystemClock.monotonicMilliseconds() + DataDirectory.patience
        while try !DataDirectory.take(number, of: path) {
            // A server that was killed as it started a process is gone, and that process has the lock until it is another
            // program.
            let holder: Int32? = DataDirectory.holder(number)
            guard let holder, !DataDirectory.isThere(holder), SystemClock.monotonicMilliseconds() < end else {
                let name: String = holder.map { "process \($0)" } ?? "another process"
                throw .locked("the data directory \(path) is in use by \(name)")
            }
            usleep(5_000)
        }
        // For people and for the message above; the lock itself does not need it.
        let text: [UInt8] = Array("\(getpid())\n".utf8)
        if ftruncate(number, 0) == 0 { _ = pwrite(number, text, text.count, 0) }
        self.path = path
        self.lock = lock
    }

    /// Milliseconds that what a server left behind may have the folder.
    private static let patience: Int64 = 5_000

    /// Locks the folder's file; false when another process has it.
    private static func take(_ lock: CInt, of path: String) throws(JournalError) -> Bool {
        do throws(SystemError) {
            try systemCall("flock") { flock(lock, LOCK_EX | LOCK_NB) }
            return true
        } catch {
            guard error.code == EWOULDBLOCK else {
                throw .unavailable("the data directory \(path) cannot be locked: \(error)")
            }
            return false
        }
    }

    /// Whether there is a process of this number.
    private static func isThere(_ process: Int32) -> Bool { kill(process, 0) == 0 || errno != ESRCH }

    private static func openLock(in path: String) throws(JournalError) -> Descriptor {
        do throws(SystemError) {
            try Folder.make(path)
            return try Descriptor.open("\(path)/lock", flags: O_RDWR | O_CREAT)
        } catch {
            throw .unavailable("the data directory \(path) cannot be used: \(error)")
        }
    }

    /// Lets other processes have the folder.
    func release() {
        flock(lock.number, LOCK_UN)
    }

    /// The process that wrote its number into the lock file.
    private static func holder(_ number: CInt) -> Int32? {
        var bytes = [UInt8](repeating: 0, count: 16)
        let count: Int = pread(number, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        return Int32(String(decoding: bytes[..<count].prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    }

    /// Refuses a database file that SQLite would overwrite or that is none.
    ///
    /// SQLite takes an empty file for a new database and deletes the log beside it, and with it everything that is only there.
    ///
    /// - Throws: ``JournalError/corrupt(_:)``; nothing has been changed.
    func inspectDatabase() throws(JournalError) {
        let size: Int = Folder.size(ofFile: database) ?? 0
        guard size > 0 else {
            guard (Folder.size(ofFile: "\(database)-wal") ?? 0) == 0 else {
                throw .corrupt("\(database) is empty or gone, but its log \(database)-wal is there")
            }
            return
        }
        let magic: [UInt8] = Array("SQLite format 3\0".utf8)
        var header = [UInt8](repeating: 0, count: magic.count)
        do throws(SystemError) {
            let file: Descriptor = try Descriptor.open(database, flags: O_RDONLY)
            let number: CInt = file.number
            let count: Int = try systemCall("read") { pread(number, &header, magic.count, 0) }
            guard count == magic.count, header == magic else {
                throw SystemError(code: 0, call: "header")
            }
        } catch {
            if error.code == 0 { throw .corrupt("\(database) is not a database") }
            throw .unavailable("\(database) cannot be read: \(error)")
        }
    }

    /// Makes the database's file, if it is not there, so that only its owner may read it.
    func createDatabase() throws(JournalError) {
        do throws(SystemError) {
            _ = try Descriptor.open(database, flags: O_RDWR | O_CREAT)
        } catch {
            throw .unavailable("\(database) cannot be opened: \(error)")
        }
    }
}
