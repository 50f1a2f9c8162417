internal import MAOSCore

/// Finds the newest output of one stream in a log that is read forwards only: looks back in strides that grow.
struct OutputTailReader {
    /// Entries of the first look back.
    private static let firstStride: UInt64 = 128
    /// Entries that are looked at, at most.
    private static let entryLimit: UInt64 = 16_384
    /// Bytes of one read.
    private static let readBytes: Int = 1 << 20

    private let owner: OutputOwner
    private let stream: OutputStream
    private let byteLimit: Int

    init(owner: OutputOwner, stream: OutputStream, byteLimit: Int) {
        self.owner = owner
        self.stream = stream
        self.byteLimit = byteLimit
    }

    /// The tail; its ``OutputPage/nextSequence`` is where what comes after it begins.
    mutating func read(_ output: any OutputStore) throws(JournalError) -> OutputPage {
        var page: OutputPage = try output.read(owner, from: .max, limit: 1, byteLimit: 1)
        page.entries = []
        page.nextSequence = page.lastSequence + 1
        var start: UInt64 = page.nextSequence
        var bytes: Int = 0
        var stride: UInt64 = OutputTailReader.firstStride
        while start > max(page.firstSequence, 1), bytes < byteLimit,
            page.nextSequence - start < OutputTailReader.entryLimit
        {
            let end: UInt64 = start
            start = end > stride ? end - stride : 1
            stride *= 2
            let entries: [OutputEntry] = try read(output, from: start, to: end)
            bytes += entries.reduce(0) { $0 + $1.data.count }
            page.entries = entries + page.entries
        }
        cut(&page.entries, excess: bytes - byteLimit)
        return page
    }

    /// The stream's entries from one number up to another, which is not included.
    private func read(
        _ output: any OutputStore, from start: UInt64, to end: UInt64
    ) throws(JournalError) -> [OutputEntry] {
        var entries: [OutputEntry] = []
        var next: UInt64 = start
        while next < end {
            let page: OutputPage = try output.read(
                owner, from: next, limit: Int(clamping: end - next), byteLimit: OutputTailReader.readBytes)
            entries += page.entries.filter { $0.stream == stream && $0.sequence < end }
            guard page.nextSequence > next, !page.entries.isEmpty else { break }
            next = page.nextSequence
        }
        return entries
    }

    /// Takes so many bytes off the beginning, and the rest of the line that they end in.
    private func cut(_ entries: inout [OutputEntry], excess: Int) {
        guard excess > 0 else { return }
        var left: Int = excess
        var first: Int = 0
        while first < entries.count, entries[first].data.count <= left {
            left -= entries[first].data.count
            first += 1
        }
        entries.removeFirst(first)
        guard left > 0, !entries.isEmpty else { return }
        let rest: ArraySlice<UInt8> = entries[0].data[left...]
        let line: Int? = rest.firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 }
        entries[0].data = Array(rest[(line ?? left)...])
    }
}
