internal import MAOSCore
internal import MAOSSystem

/// What readers see: the logs that are being written as their writer last published them, the others as their files are.
final class OutputViews: Sendable {
    private let root: String
    private let open = Locked<[OutputOwner: OutputView]>([:])

    init(root: String) {
        self.root = root
    }

    /// Shows readers what has been written.
    func publish(_ changed: [(owner: OutputOwner, view: OutputView)]) {
        open.withLock { views in
            for (owner, view) in changed { views[owner] = view }
        }
    }

    /// From now on the files say it.
    func withdraw(_ owners: [OutputOwner]) {
        open.withLock { views in
            for owner: OutputOwner in owners { views[owner] = nil }
        }
    }

    private func view(of owner: OutputOwner) throws(SystemError) -> OutputView {
        if let view: OutputView = open.withLock({ $0[owner] }) { return view }
        return try OutputView(OutputPlace(owner, root: root))
    }

    /// Entries from a number on.
    func read(
        _ owner: OutputOwner, from sequence: UInt64, limit: Int, byteLimit: Int
    ) throws(SystemError) -> OutputPage {
        let view: OutputView = try view(of: owner)
        let start: UInt64 = max(sequence, 1)
        var page = OutputPage(
            entries: [], firstSequence: view.firstSequence, nextSequence: start, lastSequence: view.lastSequence)
        var collector = Collector(start: max(start, view.firstSequence), limit: max(1, limit), bytesLeft: byteLimit)
        guard !view.segments.isEmpty, collector.next <= view.lastSequence else { return page }
        let first: Int = max(
            0, (view.segments.firstIndex { $0.firstSequence > collector.next } ?? view.segments.count) - 1)
        for index in view.segments.indices[first...] where !collector.isFull {
            let isNewest: Bool = index == view.segments.count - 1
            let mark: Int? = isNewest ? view.mark(before: collector.next) : nil
            try read(view.segments[index], from: mark, owner: owner, into: &collector)
        }
        page.entries = collector.entries
        // A gap in the middle is passed; what is damaged at the end is not read for ever.
        page.nextSequence = collector.isFull ? collector.next : max(collector.next, view.lastSequence + 1)
        return page
    }

    /// Gathers entries until the caller has enough.
    private struct Collector {
        /// The entry that is wanted next.
        var next: UInt64
        var entries: [OutputEntry] = []
        var isFull: Bool { entries.count >= limit || (bytesLeft <= 0 && !entries.isEmpty) }
        let limit: Int
        private(set) var bytesLeft: Int

        init(start: UInt64, limit: Int, bytesLeft: Int) {
            next = start
            self.limit = limit
            self.bytesLeft = bytesLeft
        }

        mutating func add(_ entry: OutputEntry) {
            next = entry.sequence + 1
            bytesLeft -= entry.data.count
            entries.append(entry)
        }
    }

    private func read(
        _ segment: OutputSegment, from mark: Int?, owner: OutputOwner, into collector: inout Collector
    ) throws(SystemError) {
        _ = try reading(segment.path) { (file) throws(SystemError) in
            let start: Int
            if let mark {
                start = mark
            } else {
                start = try OutputSegment.block(holding: collector.next, in: file, size: segment.size)
            }
            var records = OutputRecords(from: start, to: segment.size)
            while !collector.isFull, let record: OutputRecord = try records.next(of: file) {
                guard record.lastSequence >= collector.next else { continue }
                if let stream: OutputStream = record.stream {
                    collector.add(
                        OutputEntry(
                            owner: owner, sequence: record.sequence, stream: stream, time: record.time,
                            data: records.currentContent()))
                } else if let reference = OutputReference(records.currentContent()) {
                    try follow(reference, record, owner: owner, into: &collector)
                }
            }
        }
    }

    /// Reads what a record of an agent's log names in a task's.
    private func follow(
        _ reference: OutputReference, _ record: OutputRecord, owner: OutputOwner, into collector: inout Collector
    ) throws(SystemError) {
        let skipped: UInt64 = max(collector.next, record.sequence) - record.sequence
        let wanted = Int(clamping: UInt64(record.extent) - skipped)
        let page: OutputPage = try read(
            .task(reference.task), from: reference.sequence + skipped,
            limit: min(wanted, collector.limit - collector.entries.count),
            byteLimit: max(1, collector.bytesLeft))
        let end: UInt64 = reference.sequence + UInt64(record.extent)
        for var entry: OutputEntry in page.entries where entry.sequence < end {
            entry.owner = owner
            entry.sequence = record.sequence + (entry.sequence - reference.sequence)
            collector.add(entry)
            if collector.isFull { return }
        }
        // What is left of it is no longer kept.
        collector.next = max(collector.next, record.lastSequence + 1)
    }
}

/// The content of a record that stands for entries of a task's log.
struct OutputReference: Hashable {
    var task: TaskID
    /// The first of the entries.
    var sequence: UInt64

    init(task: TaskID, sequence: UInt64) {
        self.task = task
        self.sequence = sequence
    }

    init?(_ content: [UInt8]) {
        var reader = ByteReader(content)
        guard let sequence: UInt64 = try? reader.uint64(), sequence > 0, sequence < 1 << 62,
            let text: String = try? reader.string(), let task = TaskID(text)
        else { return nil }
        self.task = task
        self.sequence = sequence
    }

    /// The bytes of the content.
    var content: [UInt8] {
        var writer = ByteWriter(reservingCapacity: 64)
        writer.uint64(sequence)
        writer.string(task.rawValue)
        return writer.take()
    }
}
