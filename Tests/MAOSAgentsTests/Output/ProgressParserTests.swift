import MAOSAgents
import MAOSCore
import MAOSTestSupport
import Testing

@Suite("Progress lines")
struct ProgressParserTests {
    private func parse(_ pieces: [ArraySlice<UInt8>]) -> ProgressUpdate? {
        var parser = ProgressParser()
        var found: ProgressUpdate?
        func merge(_ update: ProgressUpdate?) {
            guard let update else { return }
            found = ProgressUpdate(progress: update.progress ?? found?.progress, step: update.step ?? found?.step)
        }
        for piece in pieces {
            Array(piece).withUnsafeBytes { parser.receive($0) }
            merge(parser.take())
        }
        merge(parser.finish())
        return found
    }

    @Test("costs and tokens add up line by line, and what is no amount is noted and ignored")
    func costs() {
        var parser = ProgressParser()
        let text: String =
            "::maos cost=0.0123 tokens=456\n::maos cost=1 step=on\nno ::maos cost=9\n"
            + "::maos cost=-1 tokens=many\n::maos tokens=4 cost=1e3\n"
        for byte in Array(text.utf8) { [byte].withUnsafeBytes { parser.receive($0) } }
        let found: ProgressUpdate? = parser.finish()
        #expect(found?.cost.micros == 1_012_300 && found?.tokens == 460 && found?.step == "on")
        #expect(found?.refused == ["cost=-1", "tokens=many", "cost=1e3"])
        #expect(parser.take() == nil)
    }

    @Test(
        "are understood, however the stream is cut",
        arguments: [
            ("::maos progress=0.5 step=Running tests\n", ProgressUpdate(progress: 0.5, step: "Running tests")),
            ("::maos step=Running tests progress=0.25\n", ProgressUpdate(progress: 0.25, step: "Running tests")),
            ("::maos progress=1 cost=0.5 tokens=99\r\n", ProgressUpdate(progress: 1)),
            ("text\n::maos progress=0\nmore", ProgressUpdate(progress: 0)),
            ("::maos progress=0.1\n::maos progress=0.2\n::maos step=b\n", ProgressUpdate(progress: 0.2, step: "b")),
            ("::maos step=a=b c=d\n", ProgressUpdate(step: "a=b c=d")),
            ("::maos step=\n", ProgressUpdate(step: "")),
            ("::maos progress=0.75", ProgressUpdate(progress: 0.75)),
            ("\n\n::maos  progress=0.75   step=x  y \n::", ProgressUpdate(progress: 0.75, step: "x y")),
            ("::maos step=Prüfe ✓\n", ProgressUpdate(step: "Prüfe ✓")),
        ])
    func understood(text: String, expected: ProgressUpdate) {
        everySplit(of: Array(text.utf8)) { pieces in #expect(parse(pieces) == expected) }
    }

    @Test(
        "are nothing else",
        arguments: [
            "", "\n", ":", "::maos\n", "::maos \n", " ::maos progress=0.5\n", "x::maos progress=0.5\n",
            "::MAOS progress=0.5\n", "::maosprogress=0.5\n", "::maos progress=half\n", "::maos progress=1.5\n",
            "::maos progress=-0.1\n", "::maos progress=nan\n", "::maos progress=50%\n", "::maos price=1\n", "::maos",
            "::maos other=1 progres=2\n", "a\0::maos progress=0.5\n",
        ])
    func nothing(text: String) {
        everySplit(of: Array(text.utf8)) { pieces in #expect(parse(pieces) == nil) }
    }

    @Test("that are too long are ordinary output, and the next one counts again")
    func tooLong() {
        let long: String = "::maos step=" + String(repeating: "x", count: ProgressParser.lineLimit) + "\n"
        let bytes: [UInt8] = Array((long + "::maos progress=0.5\n").utf8)
        let expected = ProgressUpdate(progress: 0.5)
        #expect(parse([bytes[...]]) == expected)
        #expect(parse(bytes.indices.map { bytes[$0...$0] }) == expected)
        for cut in stride(from: 1, to: bytes.count, by: 97) {
            #expect(parse([bytes[..<cut], bytes[cut...]]) == expected)
        }
    }

    @Test("have steps of at most 500 characters")
    func stepLimit() {
        let text: String = "::maos step=" + String(repeating: "é", count: 600) + "\n"
        #expect(parse([Array(text.utf8)[...]])?.step?.count == ProgressParser.stepLimit)
    }

    @Test("of any damage crash nothing")
    func damage() {
        let text: String = "first line\n::maos progress=0.5 step=Running tests\nlast ::maos progress=1\n"
        for bytes in Mutations(of: Array(text.utf8), count: 2_000, spice: Array(":\n=".utf8)) {
            let whole: ProgressUpdate? = parse([bytes[...]])
            #expect(parse(bytes.indices.map { bytes[$0...$0] }) == whole)
        }
    }
}
