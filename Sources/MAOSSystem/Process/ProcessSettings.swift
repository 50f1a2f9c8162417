internal import CLinux
internal import Glibc

/// What this process asks of the kernel about its children, and says about itself.
package enum ProcessSettings {
    /// This process's number.
    package static var processNumber: Int32 { getpid() }

    /// Makes this process the parent of descendants that lose theirs.
    ///
    /// - Throws: ``SystemError`` on a kernel that cannot.
    package static func adoptOrphans() throws(SystemError) {
        try systemCall("prctl") { maos_prctl(PR_SET_CHILD_SUBREAPER, 1) }
    }

    /// A variable of this process's environment.
    package static func variable(_ name: String) -> String? {
        guard let value = getenv(name) else { return nil }
        return String(cString: value)
    }

    /// Tells the programs on a pseudo-terminal that its size changed.
    package static func resize(_ terminal: borrowing Descriptor, to size: TerminalSize) {
        _ = maos_terminal_resize(terminal.number, CInt(size.columns), CInt(size.rows))
    }
}
