internal import CLinux
internal import Glibc

/// Keeps other programs out while it is there, as far as they take the same lock; it ends with the process at the latest.
package struct FileLock: ~Copyable {
    private let descriptor: Descriptor

    /// Waits until nobody else has the lock.
    ///
    /// - Parameter path: An empty file that stands for the lock; it is made where there is none, and stays.
    /// - Throws: ``SystemError`` if the file cannot be made or opened.
    package init(_ path: String) throws(SystemError) {
        let opened: Descriptor = try Descriptor.open(path, flags: O_RDWR | O_CREAT, mode: 0o600)
        let number: CInt = opened.number
        try systemCall("flock \(path)") { flock(number, LOCK_EX) }
        descriptor = opened
    }
}
