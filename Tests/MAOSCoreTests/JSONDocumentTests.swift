import MAOSCore
import MAOSTestSupport
import Testing

@Suite("JSON document") struct JSONDocumentTests {
    /// Makes sure that each member's text is what the writer makes of its value.
    private func check(_ bytes: [UInt8]) -> Bool {
        guard let document = try? JSONDocument(bytes, depthLimit: 64) else { return false }
        #expect(document.value == (try? JSONReader.parse(bytes, depthLimit: 64)))
        guard case .object(let object) = document.value else { return true }
        for position in object.members.indices {
            #expect(
                document.text(ofMember: position) == JSONText(object.members[position].value),
                "\(object.members[position].key) of \(String(decoding: bytes, as: UTF8.self))")
        }
        return true
    }

    @Test(
        "a member's text is what the writer makes of its value, however it was written",
        arguments: [
            "{}", #"{"a":1}"#, #"{"a":[],"b":{},"c":"","d":null,"e":true,"f":-5}"#, #" { "a" : [1] , "b" : { } } "#,
            #"{"a":[1, 2],"b":[1,2],"c":[1,2 ],"d":[1,2]}"#, #"{"a":1.0,"b":1.5,"c":1e2,"d":-0,"e":[0.1],"f":7}"#,
            #"{"a":123456789012345678901234567890,"b":[1e400],"c":9223372036854775807,"d":-9223372036854775808}"#,
            #"{"a":"\/","b":"\u0041","c":["\n"],"d":{"\u0061":1},"e":"é€😀","f":{"é":"\#u{7F}"}}"#,
            #"{"\u0061":[1],"b":[1]}"#, #"{"a":{"b":1,"b":2},"c":{"b":1}}"#, #"{"a":{"b":1,"\u0062":2},"c":3}"#,
            #"{"a":[1],"b":[2],"a":[3],"c":[4]}"#, #"{"a":[1],"\u0061":[3],"c":[4]}"#, #"[{"a":1}]"#, "3",
            #"{"1":1,"2":2,"3":3,"4":4,"5":5,"6":6,"7":7,"8":8,"9":9,"10":[10],"1":[11]}"#,
        ])
    func texts(text: String) {
        #expect(check(Array(text.utf8)))
    }

    @Test("so it is for everything that the parsing suite has, as a member")
    func parsingSuite() throws {
        for name in try Fixture.names(in: "JSON/test_parsing") {
            let bytes = try Fixture.bytes("JSON/test_parsing/\(name)")
            _ = check(bytes)
            _ = check(Array(#"{"a":"#.utf8) + bytes + Array(#","b":[1]}"#.utf8))
        }
    }

    @Test("and for texts with damage")
    func damaged() {
        let seed =
            #"{"a":{"b":"x","c":[1,2.5,-0,{"d":null}]},"é":["\u00e9","\\",true], "e":{"f":1,"g":{}},"h":12,"i":"j"}"#
        var accepted = 0
        for variant in Mutations(of: Array(seed.utf8), count: 4000, spice: Array("{}[]\",:\\u01 -+.eE".utf8))
        where check(variant) {
            accepted += 1
        }
        #expect(accepted > 100)
    }

    @Test("a value without a text has the texts that the writer makes")
    func withoutText() {
        let document = JSONDocument(["a": [1, 2], "b": "c"])
        #expect(document.text(ofMember: 0).description == "[1,2]")
        #expect(document.text(ofMember: 1).description == #""c""#)
    }
}
