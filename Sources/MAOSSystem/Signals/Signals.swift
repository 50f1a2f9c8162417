internal import CLinux
internal import Glibc

/// The signals that matter to a server, and who gets them.
package enum Signals {
    /// Ask to end: from a service manager.
    package static let terminate: CInt = SIGTERM
    /// Ask to end: from a terminal.
    package static let interrupt: CInt = SIGINT
    /// Ask to read certificates and configuration again.
    package static let hangUp: CInt = SIGHUP

    /// Blocks signals in this thread and in all threads that it starts, so that a ``SignalSource`` can receive them.
    ///
    /// Called first thing in a program, before there are other threads. Child processes inherit the mask unless who starts
    /// them clears it.
    package static func block(_ signals: [CInt]) throws(SystemError) {
        var set = makeSet(signals)
        let result = pthread_sigmask(SIG_BLOCK, &set, nil)
        guard result == 0 else { throw SystemError(code: result, call: "pthread_sigmask") }
    }

    /// Makes writing to a pipe or socket whose reader is gone an error instead of the end of the process.
    ///
    /// Programs started by exec inherit this, so who starts them sets the default again.
    package static func ignoreBrokenPipes() {
        signal(SIGPIPE, SIG_IGN)
    }

    static func makeSet(_ signals: [CInt]) -> sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in signals { sigaddset(&set, signal) }
        return set
    }

    /// Blocks everything but faults, and returns the mask of before.
    static func blockAllForNewThread() -> sigset_t {
        var set = sigset_t()
        sigfillset(&set)
        for fault in [SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS] { sigdelset(&set, fault) }
        var previous = sigset_t()
        pthread_sigmask(SIG_SETMASK, &set, &previous)
        return previous
    }

    static func restore(_ mask: sigset_t) {
        var mask = mask
        pthread_sigmask(SIG_SETMASK, &mask, nil)
    }
}
