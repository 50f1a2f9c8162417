internal import CLinux
internal import Glibc

/// Random bytes from the kernel, fit for keys.
package enum SystemRandom {
    /// Fills memory with random bytes.
    package static func fill(_ buffer: UnsafeMutableRawBufferPointer) {
        var rest = buffer[...]
        while !rest.isEmpty {
            let part = UnsafeMutableRawBufferPointer(rebasing: rest)
            let count = getrandom(part.baseAddress, part.count, 0)
            if count < 0 {
                let code = errno
                precondition(code == EINTR, "getrandom failed with \(code)")
                continue
            }
            rest = rest.dropFirst(count)
        }
    }

    /// So many random bytes.
    package static func bytes(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            fill(UnsafeMutableRawBufferPointer(buffer))
            initialized = count
        }
    }
}
