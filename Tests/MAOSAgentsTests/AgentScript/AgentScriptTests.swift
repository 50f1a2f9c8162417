import MAOSAgents
import MAOSCore
import Testing

/// Writes down what a script does.
private final class Recorder: AgentScriptEnvironment {
    private(set) var log: [String] = []
    var worksOut: Bool = true

    func print(_ line: String) { log.append("out \(line)") }
    func printError(_ line: String) { log.append("err \(line)") }
    func sleep(milliseconds: Int64) { log.append("sleep \(milliseconds)") }
    func write(result: JSONText) -> Bool {
        log.append("result \(result)")
        return worksOut
    }
    func spawn(seconds: Int) -> Bool {
        log.append("spawn \(seconds)")
        return worksOut
    }
}

@Suite("An agent script")
struct AgentScriptTests {
    @Test("runs its statements in order")
    func runs() throws {
        let script: AgentScript = try AgentScript.parse(
            """
            # A comment
            say Hello,  world # not one
              warn careful

            progress 0.5 Running tests
            progress 1
            sleep 250ms
            sleep 1.5s
            result {"a": [1, true]}
            spawn 30
            say
            exit 4
            say never
            """)
        let recorder = Recorder()
        #expect(script.run(environment: recorder) == 4)
        #expect(
            recorder.log == [
                "out Hello,  world # not one", "err careful", "out ::maos progress=0.5 step=Running tests",
                "out ::maos progress=1.0", "sleep 250", "sleep 1500", #"result {"a":[1,true]}"#, "spawn 30", "out ",
            ])
    }

    @Test("ends with 0 at its end, and with 1 where it fails")
    func ends() throws {
        #expect(try AgentScript.parse("").run(environment: Recorder()) == 0)
        #expect(try AgentScript.parse("\r\n# x\r\nsay a\r\n").run(environment: Recorder()) == 0)
        let recorder = Recorder()
        #expect(try AgentScript.parse("fail no luck").run(environment: recorder) == 1)
        #expect(recorder.log == ["err no luck"])
        recorder.worksOut = false
        #expect(try AgentScript.parse("result 1").run(environment: recorder) == 1)
        #expect(try AgentScript.parse("spawn 1").run(environment: recorder) == 1)
    }

    @Test(
        "with a mistake names the line and what is wrong",
        arguments: [
            ("say a\nshout b", 2, "unknown statement \"shout\""),
            ("progress", 1, "progress needs a number from 0 to 1"),
            ("progress 2", 1, "progress needs a number from 0 to 1, not \"2\""),
            ("\n\nprogress x", 3, "progress needs"),
            ("sleep", 1, "sleep needs a time"), ("sleep 5", 1, "sleep needs a time such as 250ms or 2s, not \"5\""),
            ("sleep -1s", 1, "sleep needs a time from 0ms"), ("sleep 1e9s", 1, "sleep needs a time from 0ms"),
            ("result {", 1, "result needs a JSON value"), ("result", 1, "result needs a JSON value"),
            ("spawn", 1, "spawn needs whole seconds"), ("spawn 1.5", 1, "spawn needs"),
            ("exit", 1, "exit needs a code"),
            ("exit 256", 1, "exit needs a code from 0 to 255, not \"256\""), ("Say a", 1, "unknown statement"),
        ])
    func mistakes(text: String, line: Int, message: String) {
        do throws(AgentScriptError) {
            _ = try AgentScript.parse(text)
            Issue.record("it was accepted")
        } catch {
            #expect(error.line == line)
            #expect(error.message.hasPrefix(message), "\(error.message)")
            #expect(error.description == "line \(line): \(error.message)")
        }
    }
}
