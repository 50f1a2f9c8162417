internal import CLinux
internal import Glibc

/// What the machine has.
package struct HostCapacity: Sendable, Hashable {
    /// Processors that are on.
    package let processors: Int64
    /// Megabytes of memory.
    package let memory: Int64
    /// Megabytes of the disk that a folder is on, used ones included.
    package let storage: Int64

    /// Reads it from the system; what cannot be read is 0.
    ///
    /// - Parameter folder: A folder on the disk that is meant, or the path of one whose nearest existing parent is on it.
    package init(folder: String) {
        processors = Int64(max(1, sysconf(CInt(_SC_NPROCESSORS_ONLN))))
        memory = Int64(max(0, sysconf(CInt(_SC_PHYS_PAGES)))) * Int64(max(0, sysconf(CInt(_SC_PAGESIZE)))) / 1_048_576
        storage = (DiskSpace(folder: folder)?.total ?? 0) / 1_048_576
    }
}

/// How full a file system is, in bytes.
package struct DiskSpace: Sendable, Hashable {
    /// All there is.
    package let total: Int64
    /// What nobody uses.
    package let free: Int64
    /// What of that users without privileges may take.
    package let available: Int64

    /// Asks the system; nil when it does not say.
    ///
    /// - Parameter folder: A folder on the disk that is meant, or the path of one whose nearest existing parent is on it.
    package init?(folder: String) {
        var path: String = folder
        var status = statvfs()
        while statvfs(path, &status) != 0 {
            guard let slash: String.Index = path.lastIndex(of: "/"), path != "/" else { return nil }
            path = slash == path.startIndex ? "/" : String(path[..<slash])
        }
        let unit = UInt64(status.f_frsize)
        total = Int64(clamping: UInt64(status.f_blocks) &* unit)
        free = Int64(clamping: UInt64(status.f_bfree) &* unit)
        available = Int64(clamping: UInt64(status.f_bavail) &* unit)
    }
}
