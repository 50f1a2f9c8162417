internal import CLinux
internal import Glibc

extension Descriptor {
    /// Holds on to a process, which need not be a child: the descriptor is readable once it has ended, and never means another.
    ///
    /// - Parameter pid: The process; who wants a certain one checks its start time afterwards.
    /// - Returns: The descriptor.
    /// - Throws: ``SystemError`` with `ESRCH` when there is none of that number, with another code on a kernel before 5.3.
    package static func process(_ pid: Int32) throws(SystemError) -> Descriptor {
        Descriptor(owning: try systemCall("pidfd_open") { maos_process_open(pid) })
    }
}

extension SystemError {
    /// Whether there is no such process.
    package var isNoSuchProcess: Bool { code == ESRCH }
}

extension Signals {
    /// Ask to end and leave a memory image: from a terminal.
    package static let quit: CInt = SIGQUIT

    /// Sends a signal to the process that a descriptor of ``Descriptor/process(_:)`` means.
    ///
    /// - Throws: ``SystemError`` when it has been waited for, or is not ours to signal.
    package static func send(_ signal: CInt, through process: borrowing Descriptor) throws(SystemError) {
        let number: CInt = process.number
        try systemCall("pidfd_send_signal") { maos_process_signal(number, signal) }
    }

    /// Sends a signal to a process by its number.
    ///
    /// - Throws: ``SystemError`` when there is none, or it is not ours to signal.
    package static func deliver(_ signal: CInt, to process: Int32) throws(SystemError) {
        // 0, 1 and negative numbers mean the own group, the whole system's first process and others together.
        guard process > 1 else { throw SystemError(code: EPERM, call: "kill") }
        try systemCall("kill") { Glibc.kill(process, signal) }
    }
}
