internal import CLinux
internal import Glibc

/// The only owner of a file descriptor; closing happens once, when it goes away.
package struct Descriptor: ~Copyable, Sendable {
    /// The kernel's number; valid as long as this value lives.
    package let number: CInt

    /// Takes over a descriptor that nobody else closes.
    package init(owning number: CInt) {
        precondition(number >= 0, "not a descriptor: \(number)")
        self.number = number
    }

    deinit {
        let result = close(number)
        precondition(result == 0 || errno != EBADF, "double close of \(number)")
    }

    /// Gives the number away; the receiver closes it.
    package consuming func release() -> CInt {
        let number = number
        discard self
        return number
    }

    /// A second descriptor of the same open file, closed on exec.
    package borrowing func duplicate() throws(SystemError) -> Descriptor {
        let number = number
        return Descriptor(owning: try systemCall("fcntl") { fcntl(number, F_DUPFD_CLOEXEC, 0) })
    }

    /// Switches between blocking and non-blocking calls.
    package borrowing func setNonBlocking(_ nonBlocking: Bool) throws(SystemError) {
        let number = number
        let flags = try systemCall("fcntl") { fcntl(number, F_GETFL, 0) }
        let wanted = nonBlocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK
        guard wanted != flags else { return }
        try systemCall("fcntl") { fcntl(number, F_SETFL, wanted) }
    }

    /// The two ends of a pipe, closed on exec.
    ///
    /// - Parameter nonBlocking: Whether both ends answer "not now" instead of waiting.
    /// - Returns: The two ends.
    /// - Throws: ``SystemError`` if the process has no descriptor left.
    package static func pipe(nonBlocking: Bool) throws(SystemError) -> Pipe {
        var numbers: (CInt, CInt) = (-1, -1)
        try systemCall("pipe2") {
            withUnsafeMutableBytes(of: &numbers) { bytes in
                pipe2(bytes.bindMemory(to: CInt.self).baseAddress, O_CLOEXEC | (nonBlocking ? O_NONBLOCK : 0))
            }
        }
        return Pipe(reading: Descriptor(owning: numbers.0), writing: Descriptor(owning: numbers.1))
    }

    /// Opens a file, closed on exec.
    ///
    /// - Parameters:
    ///   - path: The file's path.
    ///   - flags: `O_RDONLY` and its relatives; `O_CLOEXEC` is added.
    ///   - mode: The permissions of a file that the call creates.
    /// - Returns: The open file.
    /// - Throws: ``SystemError`` with the kernel's reason, and the path in the call's name.
    package static func open(_ path: String, flags: CInt, mode: UInt32 = 0o600) throws(SystemError) -> Descriptor {
        Descriptor(owning: try systemCall("open \(path)") { Glibc.open(path, flags | O_CLOEXEC, mode_t(mode)) })
    }
}

/// The two ends of a pipe.
package struct Pipe: ~Copyable, Sendable {
    /// Where bytes come out.
    package var reading: Descriptor
    /// Where bytes go in.
    package var writing: Descriptor

    /// Puts two ends together.
    package init(reading: consuming Descriptor, writing: consuming Descriptor) {
        self.reading = reading
        self.writing = writing
    }

    /// Takes the two ends apart, for two owners.
    package consuming func ends(_ body: (consuming Descriptor, consuming Descriptor) -> Void) {
        body(reading, writing)
    }
}
