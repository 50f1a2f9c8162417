import MAOSTestSupport
import Testing
import maos_cli

@Suite("Detach keys")
struct DetachKeysTests {
    @Test(
        "are read as people write them",
        arguments: [
            ("ctrl-p,ctrl-q", [0x10, 0x11]), ("ctrl-a,d", [1, 0x64]), ("ctrl-A", [1]), ("Ctrl-@", [0]),
            ("ctrl-[", [0x1B]), ("ctrl-\\,ctrl-],ctrl-^,ctrl-_", [0x1C, 0x1D, 0x1E, 0x1F]), ("~,.", [0x7E, 0x2E]),
            ("none", []),
        ] as [(String, [UInt8])])
    func reading(_ text: String, _ bytes: [UInt8]) throws {
        #expect(DetachKeys(text)?.bytes == bytes)
    }

    @Test(
        "that nobody can type are refused",
        arguments: ["", ",", "a,", ",a", "ctrl-", "ctrl-1", "ctrl-ab", "ctrl p", "ab", "ä", " ", "ctrl-é", "\u{1}"])
    func refusing(_ text: String) {
        #expect(DetachKeys(text) == nil)
    }

    private func pass(_ keys: String, _ pieces: [ArraySlice<UInt8>]) throws -> (passed: [UInt8], isDetached: Bool) {
        var detector = DetachDetector(try #require(DetachKeys(keys)))
        var passed: [UInt8] = []
        for piece in pieces {
            let (bytes, isDetached) = detector.receive(piece)
            passed += bytes
            if isDetached { return (passed, true) }
        }
        return (passed + detector.finish(), false)
    }

    @Test(
        "are found in what is typed, and everything else is passed on",
        arguments: [
            ("ctrl-p,ctrl-q", "abc", "abc", false), ("ctrl-p,ctrl-q", "ab\u{10}\u{11}", "ab", true),
            ("ctrl-p,ctrl-q", "a\u{10}b\u{11}", "a\u{10}b\u{11}", false),
            ("ctrl-p,ctrl-q", "\u{10}\u{10}\u{11}", "\u{10}", true),
            ("ctrl-p,ctrl-q", "\u{10}\u{10}x\u{10}", "\u{10}\u{10}x\u{10}", false),
            ("ctrl-p,ctrl-q", "\u{11}\u{10}", "\u{11}\u{10}", false), ("a,a,b", "aaab", "a", true),
            ("a,b,a,c", "ababac", "ab", true), ("x", "x", "", true), ("none", "\u{10}\u{11}", "\u{10}\u{11}", false),
            ("a,b", "", "", false),
        ])
    func detecting(_ keys: String, _ typed: String, _ expected: String, _ isDetached: Bool) throws {
        try everySplit(of: Array(typed.utf8)) { pieces in
            let (passed, found) = try pass(keys, pieces)
            #expect(found == isDetached)
            #expect(passed == Array(expected.utf8))
        }
    }

    @Test("hold nothing back that cannot be their beginning")
    func holding() throws {
        var detector = DetachDetector(try #require(DetachKeys("ctrl-p,ctrl-q")))
        #expect(detector.receive([0x61]).passed == [0x61])
        #expect(detector.receive([0x10]).passed == [])
        #expect(detector.receive([0x62]).passed == [0x10, 0x62])
    }
}

@Suite("What a program turned on")
struct ScreenModesTests {
    private func reset(after text: String) throws -> String {
        var found: Set<String> = []
        everySplit(of: Array(text.utf8)) { pieces in
            var modes = ScreenModes()
            for piece in pieces { modes.receive(piece) }
            found.insert(modes.reset)
        }
        #expect(found.count == 1)
        return try #require(found.first)
    }

    @Test(
        "is turned off again, the other screen last",
        arguments: [
            ("plain \u{1B}[31mred", "\u{1B}[0m"), ("\u{1B}[?25l", "\u{1B}[?25h\u{1B}[0m"),
            ("\u{1B}[?25l\u{1B}[?25h", "\u{1B}[0m"),
            ("\u{1B}[?1049h\u{1B}[?1h\u{1B}=", "\u{1B}[?1l\u{1B}>\u{1B}[0m\u{1B}[?1049l"),
            ("\u{1B}[?1049h x \u{1B}[?1049l", "\u{1B}[0m"),
            ("\u{1B}[?1000;1006h", "\u{1B}[?1000l\u{1B}[?1006l\u{1B}[0m"),
            ("\u{1B}[?2004h\u{1B}c", "\u{1B}[0m"), ("\u{1B}\u{1B}[?2004h", "\u{1B}[?2004l\u{1B}[0m"),
            ("\u{1B}[?77777777777777777777h", "\u{1B}[0m"), ("\u{1B}[1049h \u{1B}[?1049", "\u{1B}[0m"),
            ("\u{1B}[?1049$p", "\u{1B}[0m"),
        ])
    func resetting(_ text: String, _ expected: String) throws {
        #expect(try reset(after: text) == expected)
    }

    @Test("survives anything that is shown")
    func noise() {
        var modes = ScreenModes()
        var seed: UInt64 = 7
        for _ in 0..<100_000 {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let common: [UInt8] = Array("\u{1B}[?;0149hl".utf8)
            let draw = Int(seed >> 33)
            modes.receive([draw % 3 == 0 ? UInt8(truncatingIfNeeded: draw >> 8) : common[draw % common.count]])
        }
        #expect(modes.reset.contains("\u{1B}[0m"))
    }
}
