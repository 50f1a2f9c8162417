internal import MAOSSystem

/// Where threads that wait for the server put what came, for the one thread that shows it.
final class Inbox<Item: Sendable>: Sendable {
    private let items = Locked<[Item]>([])
    private let pipe: Pipe

    init() throws(Failure) {
        do throws(SystemError) {
            pipe = try Descriptor.pipe(nonBlocking: true)
        } catch {
            throw .refused("cannot make a pipe: \(error.reason)")
        }
    }

    /// Puts an item in; from any thread.
    func post(_ item: Item) {
        let wasEmpty: Bool = items.withLock { items in
            defer { items.append(item) }
            return items.isEmpty
        }
        guard wasEmpty else { return }
        var byte: UInt8 = 0
        withUnsafeBytes(of: &byte) { bytes in _ = pipe.writing.write(bytes) }
    }

    /// The system's number for what becomes readable with an item, to wait for it together with other descriptors.
    var number: CInt { pipe.reading.number }

    /// Takes everything that is there, waiting for the first item.
    ///
    /// - Parameter timeout: Milliseconds to wait; negative waits for ever.
    /// - Returns: The items in their order; none when the time is over.
    func take(timeout: Int) -> [Item] {
        let isReady: Bool? = try? Socket.wait(for: pipe.reading, writable: false, timeout: timeout)
        guard isReady == true else { return [] }
        var drain: UInt64 = 0
        withUnsafeMutableBytes(of: &drain) { bytes in _ = pipe.reading.read(into: bytes) }
        return items.withLock { items in
            defer { items = [] }
            return items
        }
    }
}
