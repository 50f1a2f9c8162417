internal import CLinux
internal import Glibc

/// What one attempt to move bytes brought.
package enum Transfer: Hashable, Sendable {
    /// So many bytes moved; zero on a read is the end of the stream.
    case count(Int)
    /// Nothing moves now; wait until the descriptor is ready.
    case wouldBlock
    /// The descriptor is of no use any more, with the `errno` value.
    case failed(CInt)
}

extension Descriptor {
    /// Reads what is there, at most as much as the buffer holds.
    package borrowing func read(into buffer: UnsafeMutableRawBufferPointer) -> Transfer {
        while true {
            let count = Glibc.read(number, buffer.baseAddress, buffer.count)
            if count >= 0 { return .count(count) }
            if let outcome = Descriptor.classify(errno) { return outcome }
        }
    }

    /// Writes as much as the descriptor takes.
    package borrowing func write(_ bytes: UnsafeRawBufferPointer) -> Transfer {
        while true {
            let count = Glibc.write(number, bytes.baseAddress, bytes.count)
            if count >= 0 { return .count(count) }
            if let outcome = Descriptor.classify(errno) { return outcome }
        }
    }

    /// Receives from a socket what is there, at most as much as the buffer holds.
    package borrowing func receive(into buffer: UnsafeMutableRawBufferPointer) -> Transfer {
        while true {
            let count = recv(number, buffer.baseAddress, buffer.count, 0)
            if count >= 0 { return .count(count) }
            if let outcome = Descriptor.classify(errno) { return outcome }
        }
    }

    /// Sends to a socket as much as it takes; a peer that is gone is a failure, never a signal.
    package borrowing func send(_ bytes: UnsafeRawBufferPointer) -> Transfer {
        while true {
            let count = Glibc.send(number, bytes.baseAddress, bytes.count, CInt(MSG_NOSIGNAL))
            if count >= 0 { return .count(count) }
            if let outcome = Descriptor.classify(errno) { return outcome }
        }
    }

    /// Writes everything, waiting as long as it takes; for blocking descriptors.
    package borrowing func writeAll(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            switch write(UnsafeRawBufferPointer(rebasing: rest)) {
            case .count(let count): rest = rest.dropFirst(count)
            case .wouldBlock: throw SystemError(code: EAGAIN, call: "write")
            case .failed(let code): throw SystemError(code: code, call: "write")
            }
        }
    }

    /// Nil for an interruption, after which the call is made again.
    @inline(__always)
    private static func classify(_ code: CInt) -> Transfer? {
        switch code {
        case EINTR: nil
        case EAGAIN: .wouldBlock
        default: .failed(code)
        }
    }
}
