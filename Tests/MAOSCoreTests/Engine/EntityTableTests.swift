import MAOSCore
import Testing

/// A record with as little as a stored entity can have.
private struct Note: StoredEntity, Equatable {
    struct ID: EntityIdentifier {
        let rawValue: String
        init(unchecked rawValue: String) { self.rawValue = rawValue }
    }

    static let kind = EntityKind.approval
    var id: ID
    var number: UInt64
    var text: String = ""
    var endedAt: Instant?
    var statusNumber: UInt8 { endedAt == nil ? 1 : 2 }
    var project: String? { nil }
    var createdAt: Instant { Instant(milliseconds: 1) }

    init(_ id: String, number: UInt64) {
        self.id = ID(unchecked: id)
        self.number = number
    }

    func write(to writer: inout ByteWriter) {
        writer.string(id.rawValue)
        writer.varint(number)
        writer.string(text)
        writer.optional(endedAt) { $0.zigzag($1.milliseconds) }
    }

    init(from reader: inout ByteReader) throws(ByteReaderError) {
        id = ID(unchecked: try reader.string())
        number = try reader.varint()
        text = try reader.string()
        if try reader.boolean() { endedAt = Instant(milliseconds: try reader.zigzag()) }
    }
}

@Suite("Tables of stored entities")
struct EntityTableTests {
    private func taken(_ table: inout EntityTable<Note>) -> [EntityRow] {
        var rows: [EntityRow] = []
        table.takeRows(into: &rows)
        return rows
    }

    @Test("A batch stores what changed, once each, in order of the first change and in its last state")
    func changesOnce() throws {
        var table = EntityTable<Note>()
        table.insert(Note("b", number: table.makeNumber()))
        table.insert(Note("a", number: table.makeNumber()))
        table.update(Note.ID(unchecked: "b")) { $0.text = "last" }
        let rows: [EntityRow] = taken(&table)
        #expect(rows.map(\.id) == ["b", "a"])
        #expect(try Note(#require(rows.first)).text == "last")
        #expect(taken(&table).isEmpty)
        #expect(table.live.map(\.id.rawValue) == ["b", "a"])
    }

    @Test("What has ended is stored and then let go of; recalled, it can be made live again")
    func endAndRecall() throws {
        var table = EntityTable<Note>()
        let id = Note.ID(unchecked: "a")
        table.insert(Note("a", number: table.makeNumber()))
        table.update(id) { $0.endedAt = Instant(milliseconds: 5) }
        #expect(table.liveCount == 0)
        #expect(table[id] != nil, "the batch still knows it")
        let row: EntityRow = try #require(taken(&table).first)
        #expect(row.endedAt == Instant(milliseconds: 5))
        #expect(table[id] == nil)

        table.recall(try Note(row))
        #expect(taken(&table).isEmpty, "recalling changes nothing")
        #expect(table[id] == nil)

        table.recall(try Note(row))
        table.update(id) { $0.endedAt = nil }
        #expect(taken(&table).map(\.status) == [1])
        #expect(table[id] != nil)
        #expect(table.liveCount == 1)
    }

    @Test("A change to something unknown does nothing")
    func unknown() {
        var table = EntityTable<Note>()
        #expect(table.update(Note.ID(unchecked: "x")) { $0.text = "y" } == nil)
        #expect(taken(&table).isEmpty)
    }

    @Test("A row gives its record back; cut off or changed, it is an error")
    func damagedRows() throws {
        var note = Note("a", number: 7)
        note.text = "hello"
        var row: EntityRow = note.row
        #expect(try Note(row) == note)
        let whole: [UInt8] = row.body
        for length: Int in 0..<whole.count {
            row.body = Array(whole.prefix(length))
            #expect(throws: RecordCodingError.self) { try Note(row) }
        }
        row.body = whole + [0]
        #expect(throws: RecordCodingError.self) { try Note(row) }
    }
}
