import Testing

@testable import MAOSCore

@Suite("Identifiers")
struct IdentifierTests {
    private static let texts: [String] = [
        "a", "task-1", String(repeating: "z", count: 100), "0189f7ea-9d3c-4c11-8d5a-0123456789ab",
        "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
        // Nearly UUIDs: capital letters, dashes elsewhere, a letter too far, one digit more or less.
        "0189F7EA-9D3C-4C11-8D5A-0123456789AB", "0189f7ea9-d3c-4c11-8d5a-0123456789ab",
        "0189f7eg-9d3c-4c11-8d5a-0123456789ab", "0189f7ea-9d3c-4c11-8d5a-0123456789a",
        "0189f7ea-9d3c-4c11-8d5a-0123456789abc", "------------------------------------",
        "0189f7ea_9d3c_4c11_8d5a_0123456789ab",
    ]

    @Test("the text is kept exactly, whatever its form", arguments: texts)
    func roundTrip(_ text: String) throws {
        let id: TaskID = try #require(TaskID(text))
        #expect(id.rawValue == text && id.description == text)
        #expect(id == TaskID(unchecked: text) && id.hashValue == TaskID(unchecked: text).hashValue)
        #expect(TaskID(utf8: text.utf8.span) == id)
        var bytes: [UInt8] = [1]
        id.append(to: &bytes)
        #expect(bytes == [1] + Array(text.utf8))
        #expect(AgentID(text)?.rawValue == text)
    }

    @Test("identifiers are equal when their texts are, and stand in the order of the texts' bytes")
    func order() throws {
        for left: String in IdentifierTests.texts {
            for right: String in IdentifierTests.texts {
                let (one, other): (TaskID, TaskID) = (TaskID(unchecked: left), TaskID(unchecked: right))
                #expect((one == other) == (left == right))
                #expect((one < other) == left.utf8.lexicographicallyPrecedes(right.utf8), "\(left) and \(right)")
            }
        }
    }

    @Test("identifiers that are made are version 4 UUIDs, in the order of their times")
    func made() throws {
        var random = SeededRandom(seed: 3)
        var last: TaskID?
        for milliseconds in 0..<200 {
            let now = Instant(milliseconds: 1_700_000_000_000 + Int64(milliseconds))
            let id = TaskID(IdentifierMaker.make(at: now, random: &random))
            let text: [Character] = Array(id.rawValue)
            #expect(text.count == 36 && text[14] == "4" && "89ab".contains(text[19]))
            #expect(TaskID(id.rawValue) == id)
            if let last { #expect(last < id) }
            last = id
        }
    }

    @Test("text with another character, too much or none is no identifier", arguments: ["", "a b", "ä", "a/b", "x\0"])
    func refused(_ text: String) {
        #expect(TaskID(text) == nil && TaskID(utf8: text.utf8.span) == nil)
        #expect(AgentID(String(repeating: "a", count: 101)) == nil)
    }
}
