import MAOSCore
import MAOSTestSupport
import Testing

/// Expects that a stored row is refused wherever its record is cut off, and that damage does not crash whoever reads it.
///
/// - Parameters:
///   - row: A good row.
///   - olderForms: In how many places the record could have ended in older versions, so that it is read there too.
///   - seed: Chooses the damage.
///   - read: Reads a row.
/// - Throws: What `read` throws of the good row.
func expectRefusalOfDamage(
    to row: EntityRow, olderForms: Int = 0, seed: UInt64 = 0x5EED, read: (EntityRow) throws -> Void
) throws {
    try read(row)
    var ends: [Int] = []
    for count in row.body.indices {
        var cut: EntityRow = row
        cut.body = Array(row.body[..<count])
        do {
            try read(cut)
            ends.append(count)
        } catch {
            #expect(error is RecordCodingError, "cut to \(count) bytes")
        }
    }
    #expect(ends.count == olderForms, "read when cut to \(ends) bytes")
    for body: [UInt8] in Mutations(of: row.body, count: 300, seed: seed) {
        var damaged: EntityRow = row
        damaged.body = body
        _ = try? read(damaged)
    }
}
