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
        var path: String = folder
        var status = statvfs()
        while statvfs(path, &status) != 0 {
            guard let slash: String.Index = path.lastIndex(of: "/"), path != "/" else {
                storage = 0
                return
            }
            path = slash == path.startIndex ? "/" : String(path[..<slash])
        }
        storage = Int64(clamping: UInt64(status.f_blocks) &* UInt64(status.f_frsize) / 1_048_576)
    }
}
