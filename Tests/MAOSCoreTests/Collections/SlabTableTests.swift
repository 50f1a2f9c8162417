import Testing

@testable import MAOSCore

@Suite("Tables that grow in small steps")
struct SlabTableTests {
    @Test("a table holds what a dictionary holds, whatever is done to both")
    func likeADictionary() {
        var random = SeededRandom(seed: 7)
        var table = SlabTable<Int, String>()
        var dictionary: [Int: String] = [:]
        for step in 0..<60_000 {
            let key: Int = Int(random.below(4_000))
            switch random.below(5) {
            case 0: #expect(table.removeValue(forKey: key) == dictionary.removeValue(forKey: key))
            case 1:
                table[key] = nil
                dictionary[key] = nil
            case 2:
                table[key]?.append("+")
                dictionary[key]?.append("+")
            case 3: #expect(table.updateValue("\(step)", forKey: key) == dictionary.updateValue("\(step)", forKey: key))
            default:
                table[key] = "\(step)"
                dictionary[key] = "\(step)"
            }
            #expect(table[key] == dictionary[key] && table.contains(key) == (dictionary[key] != nil))
        }
        #expect(table.count == dictionary.count)
        #expect(Dictionary(uniqueKeysWithValues: table.map { ($0.key, $0.value) }) == dictionary)
        #expect(table.values.sorted() == dictionary.values.sorted())
    }

    private struct Clash: SlabKey {
        var number: Int
        func hash(into hasher: inout Hasher) { hasher.combine(number % 3) }
    }

    @Test("keys of one hash are told apart, and still found when others among them are gone")
    func collisions() {
        var table = SlabTable<Clash, Int>()
        for number in 0..<100 { table[Clash(number: number)] = number }
        for number in stride(from: 0, to: 100, by: 7) { table[Clash(number: number)] = nil }
        for number in 0..<100 {
            #expect(table[Clash(number: number)] == (number % 7 == 0 ? nil : number))
        }
    }

    @Test("a copy does not change with its original")
    func copies() {
        var table = SlabTable<Int, Int>()
        for number in 0..<1_000 { table[number] = number }
        let copy: SlabTable<Int, Int> = table
        for number in 0..<1_000 { table[number]? += 1 }
        #expect(copy[500] == 500 && table[500] == 501)
    }

    @Test("the order is that of the places, whatever the hashes are")
    func order() {
        var table = SlabTable<String, Int>()
        for number in 0..<600 { table["\(number)"] = number }
        #expect(table.values == Array(0..<600))
        table["3"] = nil
        table["new"] = 600
        #expect(table.map(\.value).prefix(5) == [0, 1, 2, 600, 4])
    }
}

extension Int: SlabKey {}
extension String: SlabKey {}
