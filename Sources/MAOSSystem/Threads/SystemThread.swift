internal import CLinux
internal import Glibc

/// A thread of the operating system, with a name, that runs one body.
///
/// It blocks every signal that is not a fault of its own, so that signals arrive where somebody waits for them.
package final class SystemThread: Sendable {
    private final class Start {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    private let handle: pthread_t
    private let joined = Locked(false)

    /// Starts a thread.
    ///
    /// - Parameters:
    ///   - name: What tools show; cut to 15 bytes.
    ///   - body: Runs on the new thread, which ends when it returns.
    /// - Throws: ``SystemError`` if the system has no thread left.
    package init(name: String, body: @escaping @Sendable () -> Void) throws(SystemError) {
        let start = Unmanaged.passRetained(Start(name: name, body: body))
        var handle = pthread_t()
        let previous = Signals.blockAllForNewThread()
        let result = pthread_create(
            &handle, nil,
            { context in
                guard let context else { return nil }
                let start = Unmanaged<Start>.fromOpaque(context).takeRetainedValue()
                var name = Array(start.name.utf8.prefix(15)).map { CChar(bitPattern: $0) }
                name.append(0)
                pthread_setname_np(pthread_self(), name)
                start.body()
                return nil
            }, start.toOpaque())
        Signals.restore(previous)
        guard result == 0 else {
            start.release()
            throw SystemError(code: result, call: "pthread_create")
        }
        self.handle = handle
    }

    /// Waits until the body has returned; a second call returns at once.
    ///
    /// - Precondition: Not called on the thread itself.
    package func join() {
        let isFirst = joined.withLock { joined in
            defer { joined = true }
            return !joined
        }
        guard isFirst else { return }
        let result = pthread_join(handle, nil)
        precondition(result == 0, "pthread_join failed with \(result)")
    }

    /// A number that no other living thread has.
    ///
    /// Not the kernel's number, which costs a system call.
    @inline(never)
    package static func currentIdentity() -> UInt {
        UInt(maos_thread_identity())
    }
}
