import Dispatch
package import MAOSCore
import Synchronization

/// Keeps output in memory, up to a cap a stream, and "writes" it on a thread of its own.
package final class RecordingOutputStore: OutputStore {
    /// What was stored of one stream.
    package struct Stream: Sendable {
        /// The newest bytes, up to the cap.
        package var data: [UInt8] = []
        /// Bytes stored, also those that are gone.
        package var total: Int = 0
        /// The sizes of the chunks, in order.
        package var chunks: [Int] = []

        /// The kept bytes as text.
        package var text: String { String(decoding: data, as: UTF8.self) }
    }

    /// Names one stream of one owner.
    package struct Key: Hashable, Sendable {
        let owner: OutputOwner
        let stream: OutputStream
    }

    private struct Pending {
        var bytes: Int = 0
        var most: Int = 0
    }

    /// What was written.
    package let streams = Watched<[Key: Stream]>([:])
    private let pending = Mutex(Pending())
    private let queue = DispatchQueue(label: "output store")
    private let cap: Int

    /// Keeps so many bytes of each stream.
    package init(cap: Int = 1 << 20) {
        self.cap = cap
    }

    /// Takes chunks for writing.
    package func append(_ chunks: [OutputChunk]) {
        let count: Int = chunks.reduce(0) { $0 + $1.data.count }
        pending.withLock { pending in
            pending.bytes += count
            pending.most = max(pending.most, pending.bytes)
        }
        queue.async { [self] in
            write(chunks)
            pending.withLock { $0.bytes -= count }
        }
    }

    private func write(_ chunks: [OutputChunk]) {
        streams.change { streams in
            for chunk in chunks {
                let owner: OutputOwner = chunk.task.map(OutputOwner.task) ?? .agent(chunk.agent)
                let key = Key(owner: owner, stream: chunk.stream)
                var stream: Stream = streams.removeValue(forKey: key) ?? Stream()
                stream.data.append(contentsOf: chunk.data)
                if stream.data.count > cap * 2 { stream.data.removeFirst(stream.data.count - cap) }
                stream.total += chunk.data.count
                stream.chunks.append(chunk.data.count)
                streams[key] = stream
            }
        }
    }

    /// Bytes taken and not yet written.
    package var pendingBytes: Int { pending.withLock { $0.bytes } }

    /// The most bytes that ever waited.
    package var mostPending: Int { pending.withLock { $0.most } }

    /// Calls a body when everything of before is written.
    package func whenWritten(_ body: @escaping @Sendable () -> Void) {
        queue.async(execute: body)
    }

    /// Holds writing up until the returned function is called.
    package func holdUp() -> @Sendable () -> Void {
        queue.suspend()
        return { [queue] in queue.resume() }
    }

    /// What a task printed.
    package func text(of task: TaskID, _ stream: OutputStream = .stdout) -> String {
        self.stream(.task(task), stream).text
    }

    /// What an owner printed on a stream.
    package func stream(_ owner: OutputOwner, _ stream: OutputStream) -> Stream {
        streams.value[Key(owner: owner, stream: stream)] ?? Stream()
    }

    /// Waits until a stream holds a text.
    package func wait(for text: String, in owner: OutputOwner, _ stream: OutputStream = .stdout) async throws {
        let key = Key(owner: owner, stream: stream)
        try await streams.wait(for: "\"\(text)\"") { $0[key]?.text.contains(text: text) ?? false }
    }

    /// Not kept in entries, so there is nothing to read.
    package func read(
        _ owner: OutputOwner, from sequence: UInt64, limit: Int, byteLimit: Int
    ) throws(JournalError) -> OutputPage {
        OutputPage(entries: [], firstSequence: 0, nextSequence: 1, lastSequence: 0)
    }

    /// Nobody is told.
    package func observe(_ observer: any OutputObserver) {}
}
