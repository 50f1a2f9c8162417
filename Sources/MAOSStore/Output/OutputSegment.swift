internal import CLinux
internal import Glibc
internal import MAOSSystem

/// A file that holds a stretch of a log.
///
/// It is cut into blocks of 1 MB. No record crosses from one block into the next, what is left of a block stays empty; so a
/// record begins at the start of every block, and finding a place in a file takes as many short reads as the logarithm of
/// its blocks, without an index.
struct OutputSegment: Hashable, Sendable {
    static let blockSize = 1 << 20

    /// The file.
    var path: String
    /// The number of its first entry.
    var firstSequence: UInt64
    /// Bytes up to the end of its last record.
    var size: Int

    /// Where a record of this size goes in a file of so many bytes.
    static func place(forRecordOf size: Int, after end: Int) -> Int {
        let left: Int = blockSize - end % blockSize
        return size <= left ? end : end + left
    }

    /// What a file holds, as its records say it, whatever a crash has left behind them.
    struct Contents: Hashable {
        /// 0 when there is no record.
        var firstSequence: UInt64 = 0
        var lastSequence: UInt64 = 0
        /// Bytes up to the end of the last record.
        var end = 0
    }

    /// Looks at a file: at its first record, and at all records of its last block.
    static func inspect(_ file: borrowing Descriptor) throws(SystemError) -> Contents {
        var contents = Contents()
        let size: Int = try OutputFile.size(of: file)
        guard size > 0, let first: OutputRecord = try OutputFile.head(at: 0, of: file) else { return contents }
        contents.firstSequence = first.sequence
        var block: Int = (size - 1) / blockSize
        while true {
            let start: Int = block * blockSize
            var records = OutputRecords(from: start, to: min(size, start + blockSize))
            while let record: OutputRecord = try records.next(of: file), !records.hasSkipped {
                contents.lastSequence = record.lastSequence
                contents.end = records.position
            }
            if contents.lastSequence > 0 { return contents }
            guard block > 0 else { return Contents() }
            block -= 1
        }
    }

    /// The start of the last block that begins at or before an entry.
    static func block(
        holding sequence: UInt64, in file: borrowing Descriptor, size: Int
    ) throws(SystemError) -> Int {
        var low = 0
        var high: Int = max(0, (size - 1) / blockSize)
        while low < high {
            let middle: Int = (low + high + 1) / 2
            // A block without a head is damaged, or not written yet: what is looked for is before it.
            if let head: OutputRecord = try OutputFile.head(at: middle * blockSize, of: file), head.sequence <= sequence
            {
                low = middle
            } else {
                high = middle - 1
            }
        }
        return low * blockSize
    }
}

/// Reads and writes at places in files.
enum OutputFile {
    static func size(of file: borrowing Descriptor) throws(SystemError) -> Int {
        let number: CInt = file.number
        var status = stat()
        try systemCall("fstat") { fstat(number, &status) }
        return Int(status.st_size)
    }

    /// The head of the record that begins at a place, if one does.
    static func head(at offset: Int, of file: borrowing Descriptor) throws(SystemError) -> OutputRecord? {
        var words: [4 of UInt64] = [0, 0, 0, 0]
        let number: CInt = file.number
        let count: Int = try withUnsafeMutableBytes(of: &words) { (buffer) throws(SystemError) in
            try systemCall("pread") { pread(number, buffer.baseAddress, buffer.count, offset) }
        }
        guard count == OutputRecord.headSize else { return nil }
        return withUnsafeBytes(of: words) { OutputRecord($0) }
    }

    /// Writes everything at a place, or throws.
    static func write(
        _ bytes: UnsafeRawBufferPointer, at offset: Int, to file: borrowing Descriptor
    ) throws(SystemError) {
        let number: CInt = file.number
        var written = 0
        while written < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[written...])
            let place: Int = offset + written
            let count: Int = try systemCall("pwrite") { pwrite(number, rest.baseAddress, rest.count, place) }
            guard count > 0 else { throw SystemError(code: ENOSPC, call: "pwrite") }
            written += count
        }
    }

    /// Cuts a file off.
    static func truncate(_ file: borrowing Descriptor, to size: Int) throws(SystemError) {
        let number: CInt = file.number
        try systemCall("ftruncate") { ftruncate(number, size) }
    }
}

/// The records of a file one after the other; what is damaged is passed over, up to the start of the next block.
struct OutputRecords {
    /// Enough for the longest record, and for many short ones.
    private static let windowSize = 128 * 1_024

    /// Where the next record begins, or the last one ended.
    private(set) var position: Int
    /// Whether something that is no record has been passed over, other than the empty end of a block.
    private(set) var hasSkipped = false

    private let end: Int
    private var window: [UInt8] = []
    private var windowStart = 0
    private var content: Range<Int> = 0..<0

    /// Records from one place up to another.
    init(from start: Int, to end: Int) {
        position = start
        self.end = end
    }

    /// The next record; `nil` after the last one.
    mutating func next(of file: borrowing Descriptor) throws(SystemError) -> OutputRecord? {
        while position < end {
            let blockEnd: Int = position - position % OutputSegment.blockSize + OutputSegment.blockSize
            let limit: Int = min(end, blockEnd)
            if let record: OutputRecord = try read(of: file, limit: limit) {
                position += record.size
                return record
            }
            if try !isEmpty(of: file, limit: limit) { hasSkipped = true }
            position = blockEnd
        }
        return nil
    }

    /// The content of the record that was read last.
    func currentContent() -> [UInt8] { Array(window[content]) }

    private mutating func read(of file: borrowing Descriptor, limit: Int) throws(SystemError) -> OutputRecord? {
        guard position + OutputRecord.headSize <= limit else { return nil }
        try fill(OutputRecord.headSize, of: file)
        guard
            let record: OutputRecord = window.withUnsafeBytes({ bytes in
                let start: Int = position - windowStart
                return OutputRecord(UnsafeRawBufferPointer(rebasing: bytes[min(start, bytes.count)...]))
            })
        else { return nil }
        guard position + record.size <= limit else { return nil }
        try fill(record.size, of: file)
        let start: Int = position - windowStart + OutputRecord.headSize
        content = start..<(start + record.length)
        guard content.upperBound <= window.count else { return nil }
        let check: UInt32 = window.withUnsafeBytes { bytes in
            OutputRecord.checksum(UnsafeRawBufferPointer(rebasing: bytes[content]))
        }
        return check == record.check ? record : nil
    }

    /// Whether nothing was written between here and the end of the block.
    private mutating func isEmpty(of file: borrowing Descriptor, limit: Int) throws(SystemError) -> Bool {
        let count: Int = min(OutputRecord.headSize, limit - position)
        try fill(count, of: file)
        let start: Int = position - windowStart
        return window[min(start, window.count)..<min(start + count, window.count)].allSatisfy { $0 == 0 }
    }

    /// Sees to it that so many bytes from the position on are in the window, as far as the file has them.
    private mutating func fill(_ count: Int, of file: borrowing Descriptor) throws(SystemError) {
        guard position < windowStart || position + count > windowStart + window.count else { return }
        let number: CInt = file.number
        let start: Int = position
        let wanted: Int = min(OutputRecords.windowSize, end - start)
        var failure: SystemError?
        window = [UInt8](unsafeUninitializedCapacity: wanted) { buffer, initialized in
            while initialized < wanted {
                let count: Int = pread(
                    number, buffer.baseAddress.map { $0 + initialized }, wanted - initialized, start + initialized)
                if count < 0, errno == EINTR { continue }
                if count < 0 { failure = SystemError(code: errno, call: "pread") }
                if count <= 0 { return }
                initialized += count
            }
        }
        windowStart = start
        if let failure { throw failure }
    }
}
