import MAOSSystem
import Testing

/// The kernel's line about a process.
@Suite("The status of a process") struct ProcessStatusTests {
    private static func status(_ text: String) -> ProcessStatus? {
        let bytes: [UInt8] = Array(text.utf8)
        return ProcessStatus(stat: bytes.span)
    }

    private static func name(_ text: String) -> String? {
        let bytes: [UInt8] = Array(text.utf8)
        return ProcessStatus.name(in: bytes.span).map { String(decoding: bytes[$0], as: UTF8.self) }
    }

    /// As Linux 6.18 writes it.
    private static let line: String =
        "4711 (maos-server) S 42 4710 4700 34816 4711 4194304 1500 200 3 4 150 50 7 9 20 0 12 0 987654 123456789 3456 "
        + "18446744073709551615 1 2 140736000000000 0 0 0 0 4096 81922 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n"

    @Test("every field is where proc(5) says")
    func fields() throws {
        let status: ProcessStatus = try #require(ProcessStatusTests.status(ProcessStatusTests.line))
        #expect(status.pid == 4_711 && status.state == UInt8(ascii: "S") && status.parent == 42)
        #expect(status.group == 4_710 && status.session == 4_700)
        #expect(status.ownTicks == 200 && status.processorTicks == 216)
        #expect(status.threads == 12 && status.startTicks == 987_654 && status.residentPages == 3_456)
        #expect(status.stackStart == 140_736_000_000_000 && !status.isDead)
        #expect(ProcessStatusTests.name(ProcessStatusTests.line) == "maos-server")
    }

    @Test(
        "a name may hold anything",
        arguments: ["a) S 1 (b c", "", ")", "(", ") R 1 1 1", " ", "1 (x) Z 2 3", "name\nwith line", "ünïcode"])
    func names(_ name: String) throws {
        let text: String = ProcessStatusTests.line.replacing("maos-server", with: name)
        let status: ProcessStatus = try #require(ProcessStatusTests.status(text))
        #expect(status.parent == 42 && status.startTicks == 987_654)
        #expect(ProcessStatusTests.name(text) == name)
    }

    @Test("negative numbers count as nothing, and do not move the others")
    func negative() throws {
        let text: String = ProcessStatusTests.line.replacing(" 34816 4711 ", with: " 0 -1 ")
        #expect(ProcessStatusTests.status(text)?.startTicks == 987_654)
    }

    @Test("fields that older kernels lack are 0")
    func short() throws {
        let words: [Substring] = ProcessStatusTests.line.split(separator: " ")
        let status: ProcessStatus = try #require(ProcessStatusTests.status(words.prefix(22).joined(separator: " ")))
        #expect(status.startTicks == 987_654 && status.residentPages == 0 && status.stackStart == 0)
    }

    @Test(
        "what is broken is refused",
        arguments: [
            "", "\n", "4711", "4711 (", "4711 ()", "4711 (a)", "4711 (a) S", "4711 (a) S ", "4711 (a)S 1 2 3", ") 1 (",
            "x (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19",
            "0 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19",
            "4711 (a) S 1 2 3 4 5 6 7 8 9 10 x 12 13 14 15 16 17 18 19",
            "4711 (a) S 1 2 3  5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20",
            "99999999999 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19",
        ])
    func broken(_ text: String) {
        #expect(ProcessStatusTests.status(text) == nil)
    }

    @Test("every beginning of a good line is refused or read, and the start time is never another one")
    func cuts() {
        for count in 0..<ProcessStatusTests.line.utf8.count {
            let status: ProcessStatus? = ProcessStatusTests.status(String(ProcessStatusTests.line.prefix(count)))
            // A number that is cut looks like a smaller one; the kernel never cuts.
            #expect(status == nil || "987654".hasPrefix("\(status?.startTicks ?? 0)"))
        }
    }
}
