import MAOSCore
import Testing

@Suite("JSON object") struct JSONObjectTests {
    @Test("members keep their order, the last of equal keys wins in the place of the first", arguments: [3, 8, 9, 40])
    func order(count: Int) throws {
        var text = "{"
        for round in 0..<2 {
            for index in 0..<count {
                text += "\"key \(index)\":\(round * 1000 + index),"
            }
        }
        text += "\"last\":null}"
        let object = try #require(try JSONReader.parse(text, depthLimit: 1).objectValue)
        #expect(object.members.map(\.key) == (0..<count).map { "key \($0)" } + ["last"])
        for index in 0..<count {
            #expect(object["key \(index)"] == .integer(Int64(1000 + index)))
        }
        #expect(object["last"] == .null)
        #expect(object["key \(count)"] == nil)
    }

    @Test("members come, change and go, below and above the size of the table")
    func mutation() {
        var object = JSONObject()
        for index in 0..<100 {
            object["k\(index)"] = .integer(Int64(index))
            #expect(object["k\(index / 2)"] == .integer(Int64(index / 2)))
        }
        for index in stride(from: 0, to: 100, by: 2) {
            object["k\(index)"] = nil
        }
        object["k1"] = "new"
        #expect(object.count == 50)
        #expect(object["k0"] == nil)
        #expect(object["k1"] == "new")
        #expect(object["k99"] == 99)
        for index in 0..<100 {
            object["k\(index)"] = nil
        }
        #expect(object.isEmpty)
        object["again"] = 1
        #expect(object["again"] == 1)
    }

    @Test("keys are compared as bytes: composed and decomposed letters stay apart")
    func canonicalEquivalence() {
        let object: JSONObject = ["\u{E9}": 1, "e\u{301}": 2]
        #expect(object.count == 2)
        #expect(object["\u{E9}"] == 1)
        #expect(object["e\u{301}"] == 2)
        var many = object
        for index in 0..<20 {
            many["x\(index)"] = 0
        }
        #expect(many["\u{E9}"] == 1)
        #expect(many["e\u{301}"] == 2)
    }

    @Test("thousands of canonically equivalent keys cost no more than others")
    func equivalentKeys() throws {
        var text = "{"
        for number in 0..<16_384 {
            let key = (0..<14).map { number >> $0 & 1 == 0 ? "\u{E9}" : "e\u{301}" }.joined()
            text += "\"\(key)\":\(number),"
        }
        text += "\"end\":0}"
        let clock = ContinuousClock()
        var object = JSONObject()
        let duration = try clock.measure {
            object = try #require(try JSONReader.parse(text, depthLimit: 1).objectValue)
        }
        #expect(object.count == 16_385)
        #expect(duration < .seconds(20), "quadratic work would take minutes in a debug build")
    }

    @Test("equality and hash do not depend on the order")
    func equality() {
        let first: JSONValue = ["a": 1, "b": [1, 2], "c": ["d": nil]]
        let second: JSONValue = ["c": ["d": nil], "a": 1, "b": [1, 2]]
        let third: JSONValue = ["c": ["d": nil], "a": 1, "b": [2, 1]]
        #expect(first == second)
        #expect(first.hashValue == second.hashValue)
        #expect(first != third)
        #expect(first != ["a": 1])
    }

    @Test("accessors give what is there and nil for the rest")
    func accessors() {
        let value: JSONValue = ["s": "x", "i": 3, "d": 2.5, "b": true, "n": nil, "a": [10, 20], "o": ["k": 1]]
        #expect(value["s"]?.stringValue == "x")
        #expect(value["i"]?.intValue == 3)
        #expect(value["i"]?.doubleValue == 3)
        #expect(value["d"]?.doubleValue == 2.5)
        #expect(value["d"]?.intValue == nil)
        #expect(value["b"]?.boolValue == true)
        #expect(value["n"]?.isNull == true)
        #expect(value["a"]?[1] == 20)
        #expect(value["a"]?[2] == nil)
        #expect(value["o"]?["k"] == 1)
        #expect(value["missing"] == nil)
        #expect(value["s"]?["k"] == nil)
        #expect(JSONValue(1.0) == 1)
        #expect(JSONValue(Double.infinity) == nil)
        #expect(JSONValue(9_007_199_254_740_993.0).intValue == 9_007_199_254_740_992)
    }
}
