import MAOSCore
import MAOSTestSupport
import Testing

/// Expects that a stored row is refused wherever its record is cut off, and that damage does not crash whoever reads it.
///
/// - Parameters:
///   - row: A good row.
///   - seed: Chooses the damage.
///   - read: Reads a row.
/// - Throws: What `read` throws of the good row.
func expectRefusalOfDamage(to row: EntityRow, seed: UInt64 = 0x5EED, read: (EntityRow) throws -> Void) throws {
    try read(row)
    for count in row.body.indices {
        var cut: EntityRow = row
        cut.body = Array(row.body[..<count])
        #expect(throws: RecordCodingError.self, "cut to \(count) bytes") { try read(cut) }
    }
    for body: [UInt8] in Mutations(of: row.body, count: 300, seed: seed) {
        var damaged: EntityRow = row
        damaged.body = body
        _ = try? read(damaged)
    }
}
