#if TSAN
internal import CLinux
internal import Glibc

/// A value that several threads share, one at a time.
///
/// ThreadSanitizer does not see the standard library's mutex on Linux, so builds for it lock with pthread.
package final class Locked<Value>: @unchecked Sendable {
    // `value` is only touched while `mutex` is held.
    private var value: Value
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>

    /// Puts a value under a lock.
    package init(_ value: sending Value) {
        self.value = value
        mutex = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// Runs a body that alone has the value; keep it short, and never wait inside.
    package func withLock<Result, Failure: Error>(
        _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&value)
    }
}
#else
internal import Synchronization

/// A value that several threads share, one at a time.
package struct Locked<Value>: ~Copyable, Sendable {
    private let mutex: Mutex<Value>

    /// Puts a value under a lock.
    package init(_ value: sending Value) {
        mutex = Mutex(value)
    }

    /// Runs a body that alone has the value; keep it short, and never wait inside.
    @inline(__always)
    package borrowing func withLock<Result, Failure: Error>(
        _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        try mutex.withLock(body)
    }
}
#endif
