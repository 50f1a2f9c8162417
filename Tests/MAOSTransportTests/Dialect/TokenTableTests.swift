import Testing

@testable import MAOSTransport

@Suite("Token table") struct TokenTableTests {
    @Test("a value is given away under its token, once")
    func once() {
        var table = TokenTable<String>()
        #expect(table.isEmpty)
        #expect(table.remove(0) == nil)
        let (first, second) = (table.insert("a"), table.insert("b"))
        #expect(first != second)
        #expect(!table.isEmpty)
        #expect(table.remove(first) == "a")
        #expect(table.remove(first) == nil)
        #expect(table.remove(second) == "b")
        #expect(table.isEmpty)
        #expect(table.remove(.max) == nil)
    }

    @Test("places are used again, tokens are not")
    func reuse() {
        var table = TokenTable<Int>()
        var seen: Set<UInt64> = []
        var waiting: [(token: UInt64, value: Int)] = []
        for value in 0..<1_000 {
            let token: UInt64 = table.insert(value)
            #expect(seen.insert(token).inserted)
            waiting.append((token, value))
            if value % 3 > 0 {
                let next = waiting.remove(at: value % 7 % waiting.count)
                #expect(table.remove(next.token) == next.value)
                #expect(table.remove(next.token) == nil)
            }
        }
        let even: [UInt64] = table.tokens { $0.isMultiple(of: 2) }
        #expect(Set(even) == Set(waiting.filter { $0.value.isMultiple(of: 2) }.map(\.token)))
        for (token, value) in waiting { #expect(table.remove(token) == value) }
        #expect(table.isEmpty)
    }
}
