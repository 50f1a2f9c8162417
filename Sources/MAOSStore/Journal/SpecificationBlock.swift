internal import MAOSCore

/// The parts of tasks that never change, those of many tasks one after the other: a row of `task_specifications`.
///
/// Tasks are made many at a time and hardly ever read, so a row for each would cost more than it is worth. A block never
/// changes either; it goes when the last of its tasks does.
struct SpecificationBlock {
    /// Bytes from which on a block takes no more tasks.
    static let fullSize = 8_000

    /// The number of the first task.
    let first: UInt64
    /// The number of the last task.
    let last: UInt64
    private let body: [UInt8]

    /// A block as it is stored.
    init(first: UInt64, last: UInt64, body: [UInt8]) {
        self.first = first
        self.last = last
        self.body = body
    }

    /// Bytes of the block.
    var size: Int { body.count }

    /// Appends a task to a block that is being written.
    static func append(_ task: TaskRecord, to writer: inout ByteWriter, scratch: inout ByteWriter) {
        writer.varint(task.number)
        scratch.removeAll()
        RecordCoding.writeOrigin(of: task, to: &scratch)
        writer.data(scratch.bytes)
    }

    /// What ``RecordCoding/task(_:number:origin:state:)`` needs; `nil` when the block has no such task.
    func origin(of number: UInt64) throws(RecordCodingError) -> ArraySlice<UInt8>? {
        guard (first...last).contains(number) else { return nil }
        var reader = ByteReader(body)
        do throws(ByteReaderError) {
            while !reader.isAtEnd {
                let found: UInt64 = try reader.varint()
                let origin: ArraySlice<UInt8> = try reader.data()
                if found == number { return origin }
            }
        } catch {
            throw .damaged(error)
        }
        return nil
    }
}
