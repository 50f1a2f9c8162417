internal import CLinux
internal import Glibc

/// A system call's failure: which call, and the kernel's reason.
package struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The `errno` value.
    package let code: CInt
    /// The call that failed, as its manual page is named.
    package let call: String

    /// Makes an error from an `errno` value and the name of the call.
    package init(code: CInt, call: String) {
        self.code = code
        self.call = call
    }

    /// The kernel's reason in words, such as `Address already in use`.
    package var reason: String {
        String(cString: strerror(code))
    }

    /// The call and its reason, such as `bind: Address already in use`.
    package var description: String {
        "\(call): \(reason)"
    }

    /// Whether somebody else has the address already.
    package var isAddressInUse: Bool { code == EADDRINUSE }

    /// Whether a file or folder is not there.
    package var isNotFound: Bool { code == ENOENT }

    /// Whether it is there already.
    package var isAlreadyThere: Bool { code == EEXIST }
}

/// Runs a system call, again while a signal interrupts it.
///
/// `errno` is read in the statement after the call, before anything can overwrite it.
///
/// - Parameters:
///   - name: The call's name, for the error.
///   - body: The call; a negative result means failure.
/// - Returns: The call's result, zero or more.
/// - Throws: ``SystemError`` with the kernel's reason.
@inline(__always)
@discardableResult
package func systemCall<Number: SignedInteger>(
    _ name: @autoclosure () -> String, _ body: () -> Number
) throws(SystemError) -> Number {
    while true {
        let result = body()
        guard result < 0 else { return result }
        let code = errno
        guard code == EINTR else { throw SystemError(code: code, call: name()) }
    }
}
