import MAOSCore

/// A short value that differs when bytes differ, in the order in which they come.
package struct Digest: Hashable, Sendable, CustomStringConvertible {
    private var value: UInt64 = 0xCBF2_9CE4_8422_2325

    /// Of nothing.
    package init() {}

    /// Hexadecimal.
    package var description: String { String(value, radix: 16) }

    mutating func add(_ number: UInt64) {
        value = (value ^ number) &* 0x9E37_79B9_7F4A_7C15
        value ^= value >> 29
    }

    mutating func add(_ bytes: [UInt8]) {
        var word: UInt64 = UInt64(bytes.count)
        for (index, byte) in bytes.enumerated() {
            word = word << 8 | UInt64(byte)
            if index & 7 == 7 {
                add(word)
                word = 0
            }
        }
        add(word)
    }

    mutating func add(_ text: String) { add(Array(text.utf8)) }

    /// All that a batch stores.
    mutating func add(_ batch: Batch) {
        var writer = ByteWriter(reservingCapacity: 4_096)
        writer.zigzag(batch.time.milliseconds)
        for event: Event in batch.events { RecordCoding.write(event, to: &writer) }
        for task: TaskRecord in batch.tasks { RecordCoding.write(task, to: &writer) }
        for agent: AgentRecord in batch.agents { RecordCoding.write(agent, to: &writer) }
        add(writer.take())
        for row: EntityRow in batch.entities {
            add(row.id)
            add(row.body)
        }
        for entry: IdempotencyEntry in batch.idempotency {
            add(entry.key.key)
            add(UInt64(bitPattern: entry.expires.milliseconds))
        }
    }
}
