import Testing

@testable import MAOSCore

@Suite("Arrays that grow in small steps")
struct PagedArrayTests {
    @Test("elements are where an array has them, across pages", arguments: [0, 1, 255, 256, 257, 1_000])
    func likeAnArray(count: Int) {
        var paged = PagedArray<String?>()
        var array: [String?] = []
        for number in 0..<count {
            paged.append("\(number)")
            array.append("\(number)")
        }
        for place in stride(from: 0, to: count, by: 3) {
            paged[place]?.append("+")
            array[place]?.append("+")
        }
        for place in stride(from: 1, to: count, by: 5) {
            paged[place] = nil
            array[place] = nil
        }
        #expect(paged.count == count)
        #expect(Array(paged) == array)
        #expect((0..<count).allSatisfy { paged[$0] == array[$0] })
    }

    @Test("a copy keeps what it had")
    func copies() {
        var paged = PagedArray<Int>()
        for number in 0..<300 { paged.append(number) }
        let copy: PagedArray<Int> = paged
        paged[299] = -1
        paged.append(300)
        #expect(copy.count == 300 && copy[299] == 299)
        #expect(paged.count == 301 && paged[299] == -1)
    }
}
