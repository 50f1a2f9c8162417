internal import Glibc
internal import MAOSSystem

/// A file of the kernel's that is read again and again: it stays open.
final class KernelFile {
    private static let limit: Int = 4 << 20

    private let path: String
    private var file: Descriptor?

    /// Opens it at the first reading.
    init(_ path: String) {
        self.path = path
    }

    /// Reads it from the start, and hands its bytes to a body; nil when it cannot be read.
    ///
    /// - Parameters:
    ///   - buffer: Where the bytes go; grows to the size of the file.
    ///   - body: What to do with the bytes.
    /// - Returns: What the body returns.
    func read<Value>(
        into buffer: inout [UInt8], _ body: (Span<UInt8>) -> Value?
    ) -> Value? {
        if file == nil {
            do throws(SystemError) {
                file = try Descriptor.open(path, flags: O_RDONLY)
            } catch {
                return nil
            }
        }
        guard let count: Int = fill(&buffer) else {
            // It may be another one by the next time.
            file = nil
            return nil
        }
        return body(buffer.span.extracting(0..<count))
    }

    /// The kernel's number of the open file.
    private var number: CInt? {
        switch file {
        case .some(let open): open.number
        case .none: nil
        }
    }

    /// Reads everything; the kernel gives some files in parts, and knows their end only when it has nothing more to give.
    private func fill(_ buffer: inout [UInt8]) -> Int? {
        guard let number else { return nil }
        var filled: Int = 0
        while true {
            if filled == buffer.count {
                guard buffer.count < KernelFile.limit else { return nil }
                buffer.append(contentsOf: repeatElement(0, count: max(4_096, buffer.count)))
            }
            let count: Int = buffer.withUnsafeMutableBytes { bytes in
                pread(number, bytes.baseAddress?.advanced(by: filled), bytes.count - filled, off_t(filled))
            }
            if count == 0 { return filled }
            guard count > 0 else {
                if errno == EINTR { continue }
                return nil
            }
            filled += count
        }
    }
}
