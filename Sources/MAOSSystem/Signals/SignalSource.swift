internal import CLinux
internal import Glibc

/// Receives signals on an event loop, as ordinary events.
package final class SignalSource: EventSource, @unchecked Sendable {
    private let handler: @Sendable (CInt) -> Void

    /// Opens a source for signals that ``Signals/block(_:)`` has blocked in every thread.
    ///
    /// - Parameters:
    ///   - signals: The signals to receive.
    ///   - loop: Where the handler runs.
    ///   - handler: Called once for each signal received, with its number.
    /// - Throws: ``SystemError`` if the process has no descriptor left.
    package init(
        _ signals: [CInt], on loop: EventLoop, handler: @escaping @Sendable (CInt) -> Void
    ) throws(SystemError) {
        self.handler = handler
        var set = Signals.makeSet(signals)
        let number = try systemCall("signalfd") {
            signalfd(-1, &set, CInt(SFD_CLOEXEC) | CInt(SFD_NONBLOCK))
        }
        super.init(loop: loop, descriptor: Descriptor(owning: number))
    }

    /// Begins to receive; from any thread.
    package func start() {
        loop.execute { [self] in
            do throws(SystemError) {
                try register(for: .readable, trigger: .level)
            } catch {
                preconditionFailure("cannot watch signals: \(error)")
            }
        }
    }

    /// Stops receiving; from any thread.
    package func stop() {
        loop.execute { [self] in closeDescriptor() }
    }

    package override func ready(_ events: EventSet) {
        var information = signalfd_siginfo()
        while isOpen {
            let outcome = withUnsafeMutableBytes(of: &information) { read(into: $0) }
            guard case .count(let count) = outcome, count == MemoryLayout<signalfd_siginfo>.size else { return }
            handler(CInt(information.ssi_signo))
        }
    }
}
