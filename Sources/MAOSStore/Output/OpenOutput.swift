internal import CLinux
internal import Glibc
internal import MAOSCore
internal import MAOSSystem

/// A log that is being written; on the writer's thread only.
final class OpenOutput {
    /// An entry that is not in a file yet.
    struct Pending {
        var kind: OutputRecord.Kind
        var sequence: UInt64
        var time: Instant
        /// As in ``OutputRecord/extent``.
        var extent: UInt32
        var content: [UInt8]
    }

    /// How large logs and their files may get, in bytes.
    struct Limits {
        var log: Int
        var segment: Int
    }

    let owner: OutputOwner
    let place: OutputPlace
    /// What readers may see.
    private(set) var view: OutputView
    /// When it was used last, as the writer counts.
    var lastUse: UInt64 = 0
    /// Bytes that its files have grown by since that was asked for last; less than 0 when the oldest have been deleted.
    private(set) var growth = 0

    private let limits: Limits
    /// The newest file, while it is open.
    private var file: OpenFile?
    /// The number of the next entry; past ``OutputView/lastSequence`` where entries could not be written.
    private var nextSequence: UInt64

    /// A file that is closed when nobody holds it.
    private final class OpenFile {
        let descriptor: Descriptor

        init(_ descriptor: consuming Descriptor) {
            self.descriptor = descriptor
        }
    }

    /// Distance between two marks for readers, in bytes.
    private static let markDistance = 32 * 1_024
    /// Marks that are kept: enough for a block and more.
    private static let markLimit = 48

    init(_ owner: OutputOwner, root: String, limits: Limits) throws(SystemError) {
        self.owner = owner
        self.limits = limits
        place = OutputPlace(owner, root: root)
        view = try OutputView(place)
        nextSequence = view.lastSequence + 1
    }

    /// Takes so many numbers for entries, and returns the first.
    func takeNumbers(_ count: Int = 1) -> UInt64 {
        defer { nextSequence += UInt64(count) }
        return nextSequence
    }

    /// Tells and forgets how much the files have grown.
    func takeGrowth() -> Int {
        defer { growth = 0 }
        return growth
    }

    // MARK: - Writing

    /// Writes entries; returns how many of them, from the first on, are in files now.
    ///
    /// - Parameters:
    ///   - entries: In order.
    ///   - buffer: Memory that is used again and again.
    /// - Returns: Less than the count of entries when the disk refused the others, whose numbers stay unused.
    func write(_ entries: [Pending], buffer: inout [UInt8]) -> Int {
        var stored = 0
        do throws(SystemError) {
            try openNewest(for: entries)
            var end: Int = view.segments[view.segments.count - 1].size
            var start: Int = end
            buffer.removeAll(keepingCapacity: true)
            for (index, entry) in entries.enumerated() {
                let record = OutputRecord(
                    kind: entry.kind, sequence: entry.sequence, time: entry.time, extent: entry.extent,
                    content: entry.content)
                var offset: Int = OutputSegment.place(forRecordOf: record.size, after: end)
                if offset + record.size > limits.segment, end > 0 {
                    try commit(
                        buffer, at: start, lastSequence: index > 0 ? OpenOutput.last(of: entries[index - 1]) : nil)
                    stored = index
                    try roll(to: entry.sequence)
                    buffer.removeAll(keepingCapacity: true)
                    (end, start, offset) = (0, 0, 0)
                }
                if offset > end { buffer.append(contentsOf: repeatElement(0, count: offset - end)) }
                mark(entry.sequence, at: offset)
                record.write(to: &buffer)
                buffer.append(contentsOf: entry.content)
                end = offset + record.size
            }
            try commit(buffer, at: start, lastSequence: entries.last.map(OpenOutput.last(of:)))
            stored = entries.count
        } catch {
            giveUp()
        }
        return stored
    }

    private static func last(of entry: Pending) -> UInt64 {
        entry.kind == .reference ? entry.sequence + UInt64(entry.extent) - 1 : entry.sequence
    }

    /// Writes the buffer to the newest file, after which readers may see it.
    private func commit(_ buffer: [UInt8], at offset: Int, lastSequence: UInt64?) throws(SystemError) {
        guard !buffer.isEmpty, let lastSequence else { return }
        try buffer.withUnsafeBufferPointer { (bytes: UnsafeBufferPointer<UInt8>) throws(SystemError) -> Void in
            try writeNewest(UnsafeRawBufferPointer(bytes), at: offset)
        }
        let newest: Int = view.segments.count - 1
        growth += offset + buffer.count - view.segments[newest].size
        view.segments[newest].size = offset + buffer.count
        view.lastSequence = lastSequence
    }

    private func writeNewest(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(SystemError) {
        guard let file else { throw SystemError(code: EBADF, call: "pwrite") }
        try OutputFile.write(bytes, at: offset, to: file.descriptor)
    }

    private func mark(_ sequence: UInt64, at offset: Int) {
        if let last: OutputView.Mark = view.recent.last, offset < last.offset + OpenOutput.markDistance { return }
        if view.recent.count >= OpenOutput.markLimit { view.recent.removeFirst(OpenOutput.markLimit / 2) }
        view.recent.append(OutputView.Mark(sequence: sequence, offset: offset))
    }

    /// After a failure: what may be half written is cut off, and the file is opened anew next time.
    private func giveUp() {
        if let newest: OutputSegment = view.segments.last {
            if let file { try? OutputFile.truncate(file.descriptor, to: newest.size) }
            view.recent.removeAll { $0.offset >= newest.size }
            if newest.size == 0 {
                unlink(newest.path)
                view.segments.removeLast()
            }
        }
        file = nil
    }

    // MARK: - Files

    /// Opens the newest file; makes the first one when there is none.
    private func openNewest(for entries: [Pending]) throws(SystemError) {
        guard file == nil else { return }
        if let newest: OutputSegment = view.segments.last {
            let opened: Descriptor = try Descriptor.open(newest.path, flags: O_RDWR | O_CREAT)
            guard try OutputFile.size(of: opened) >= newest.size else {
                // Somebody has deleted or cut it; what it held is gone.
                view.segments.removeLast()
                return try openNewest(for: entries)
            }
            // What a crash left half written goes.
            try OutputFile.truncate(opened, to: newest.size)
            file = OpenFile(opened)
            return
        }
        try openNew(place.firstFile, in: place.folder, from: entries.first?.sequence ?? nextSequence)
    }

    private func openNew(_ path: String, in folder: String, from sequence: UInt64) throws(SystemError) {
        let opened: Descriptor
        do throws(SystemError) {
            opened = try Descriptor.open(path, flags: O_RDWR | O_CREAT | O_TRUNC)
        } catch {
            guard error.isNotFound else { throw error }
            try Folder.make(folder)
            opened = try Descriptor.open(path, flags: O_RDWR | O_CREAT | O_TRUNC)
        }
        file = OpenFile(opened)
        view.segments.append(OutputSegment(path: path, firstSequence: sequence, size: 0))
        view.recent.removeAll(keepingCapacity: true)
    }

    /// Goes on in a new file, and deletes the oldest ones until the log may grow by a whole file.
    private func roll(to sequence: UInt64) throws(SystemError) {
        file = nil
        var total: Int = view.segments.reduce(0) { $0 + $1.size }
        while total + limits.segment > limits.log, view.segments.count > 1 {
            total -= view.segments[0].size
            removeOldest()
        }
        if total + limits.segment > limits.log { removeOldest() }
        try openNew(place.file(from: sequence), in: place.moreFolder, from: sequence)
    }

    private func removeOldest() {
        let oldest: OutputSegment = view.segments.removeFirst()
        unlink(oldest.path)
        growth -= oldest.size
    }

    /// Forgets a file that has been deleted, other than the newest.
    func forget(_ path: String) {
        view.segments.removeAll { $0.path == path }
    }

    /// Whether this file is the one that is written.
    func isNewest(_ path: String) -> Bool { view.segments.last?.path == path }
}
