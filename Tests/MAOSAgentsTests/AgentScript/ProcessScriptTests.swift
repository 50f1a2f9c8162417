import Foundation
import MAOSAgents
import MAOSCore
import MAOSTestSupport
import Testing

@Suite("An agent script in a process")
struct ProcessScriptTests {
    @Test("prints, waits, leaves a result and a background process, and ends with its code")
    func process() async throws {
        OrphanReaper.start()
        let folder = try TemporaryFolder()
        let file: String = "\(folder.path)/result.json"
        let result: ExitTest.Result? = await #expect(
            processExitsWith: .exitCode(7), observing: [\.standardOutputContent, \.standardErrorContent]
        ) { [file = file as String] in
            setenv("MAOS_RESULT_FILE", file, 1)
            let text: String = "say one\nprogress 0.5 half\nwarn two\nsleep 1ms\nresult {\"a\": 1}\nspawn 0\nexit 7\n"
            exit(try AgentScript.parse(text).run(environment: ProcessScriptEnvironment()))
        }
        let output = String(decoding: try #require(result).standardOutputContent, as: UTF8.self)
        #expect(output.contains("one\n::maos progress=0.5 step=half\n"))
        #expect(String(decoding: try #require(result).standardErrorContent, as: UTF8.self).contains("two\n"))
        #expect(FileManager.default.contents(atPath: file) == Data(#"{"a":1}"#.utf8))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["result.json"])
    }
}
