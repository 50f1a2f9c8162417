import MAOSCore
import Testing

@Suite("Definitions of workflows")
struct WorkflowDefinitionTests {
    private func issues(_ json: String) throws -> [Rejection.Issue] { try FlowWorld.definition(json).issues() }

    @Test(
        "GW-REST-08: what makes sense is accepted",
        arguments: [
            #"{"steps":[{"id":"a","type":"task","configuration":{}}]}"#,
            #"{"steps":[{"id":"a","type":"task"},{"id":"b","type":"task","onFailure":"c"},{"id":"c","type":"task"}]}"#,
            #"{"steps":[{"id":"a","type":"decision","configuration":{"condition":"parameters.x > 1"},"onSuccess":"b","onFailure":"c"},{"id":"b","type":"task"},{"id":"c","type":"task"}]}"#,
            #"{"steps":[{"id":"a","type":"parallel","configuration":{"steps":[{"id":"x","type":"task"},{"id":"y","type":"task"}]}}]}"#,
            #"{"steps":[{"id":"l","type":"loop","configuration":{"items":"${parameters.n}","steps":[{"id":"x","type":"task","configuration":{"description":"${item} ${steps.l.status}"}}]}}]}"#,
            #"{"steps":[{"id":"l","type":"loop","configuration":{"condition":"steps.x.result.more != false","maxIterations":5,"steps":[{"id":"x","type":"task"}]}}]}"#,
            #"{"steps":[{"id":"a","type":"task"},{"id":"b","type":"task"}],"dependencies":[{"stepId":"b","dependsOn":["a"],"condition":"always"}]}"#,
            #"{"steps":[{"id":"a","type":"task","configuration":{"timeout":"${parameters.t}","context":{"command":["x","${index2()}"]}}}],"x":1}"#
                .replacing("${index2()}", with: "${parameters.z}"),
            #"{"steps":[{"id":"a","type":"task","configuration":{"approval":{"reason":"Sure?","timeout":1000,"default":"approve","approvers":["ann"]}}}]}"#,
            #"{"steps":[{"id":"a","type":"task"}],"configuration":{"timeout":1000,"maxParallel":2,"onError":"compensate","retryPolicy":{"maxAttempts":1},"defaults":{"priority":"high"}},"parameters":{"x":1}}"#,
        ])
    func good(json: String) throws { #expect(try issues(json) == []) }

    @Test(
        "GW-REST-08: what does not is refused, with its place",
        arguments: [
            (#"{"steps":[]}"#, "steps"), (#"{}"#, "steps"), (#"{"steps":[1]}"#, "steps.0"),
            (#"{"steps":[{"type":"task"}]}"#, "steps.0.id"), (#"{"steps":[{"id":"a b","type":"task"}]}"#, "steps.0.id"),
            (#"{"steps":[{"id":"a","type":"task"},{"id":"a","type":"task"}]}"#, "steps.1.id"),
            (#"{"steps":[{"id":"a","type":"job"}]}"#, "steps.0.type"),
            (#"{"steps":[{"id":"a","type":"task","configuration":1}]}"#, "steps.0.configuration"),
            (#"{"steps":[{"id":"a","type":"task","onSuccess":"b"}]}"#, "steps.0.onSuccess"),
            (#"{"steps":[{"id":"a","type":"task","onFailure":"a"}]}"#, "steps.0.onFailure"),
            (#"{"steps":[{"id":"a","type":"task","onFailure":1}]}"#, "steps.0.onFailure"),
            (#"{"steps":[{"id":"a","type":"task"},{"id":"b","type":"task","onSuccess":"a"}]}"#, "steps.0"),
            (
                #"{"steps":[{"id":"a","type":"task","onSuccess":"c"},{"id":"b","type":"task"},{"id":"c","type":"task"}]}"#,
                "steps.1"
            ),
            (#"{"steps":[{"id":"a","type":"decision","configuration":{}}]}"#, "steps.0.configuration.condition"),
            (
                #"{"steps":[{"id":"a","type":"decision","configuration":{"condition":"1 / 0 > 1"}}]}"#,
                "steps.0.configuration.condition"
            ),
            (
                #"{"steps":[{"id":"a","type":"decision","configuration":{"condition":"9223372036854775807 + 1 > 0"}}]}"#,
                "steps.0.configuration.condition"
            ),
            (
                #"{"steps":[{"id":"a","type":"loop","configuration":{"condition":"true","maxIterations":2,"maxParallel":2,"steps":[{"id":"x","type":"task"}]}}]}"#,
                "steps.0.configuration.maxParallel"
            ),
            (
                #"{"steps":[{"id":"a","type":"task","configuration":{"schedule":{"at":"2031-01-01T00:00:00Z"}}}]}"#,
                "steps.0.configuration.schedule"
            ),
            (
                #"{"steps":[{"id":"a","type":"task","configuration":{"dependencies":["x"]}}]}"#,
                "steps.0.configuration.dependencies"
            ),
            (
                #"{"steps":[{"id":"a","type":"task","configuration":{"context":{"command":["echo",null]}}}]}"#,
                "steps.0.configuration.context.command.1"
            ),
            (
                #"{"steps":[{"id":"a","type":"decision","configuration":{"condition":"1 +"}}]}"#,
                "steps.0.configuration.condition"
            ),
            (
                #"{"steps":[{"id":"a","type":"decision","configuration":{"condition":"item == 1"}}]}"#,
                "steps.0.configuration.condition"
            ),
            (
                #"{"steps":[{"id":"a","type":"decision","configuration":{"condition":"steps.z.result"}}]}"#,
                "steps.0.configuration.condition"
            ),
            (
                #"{"steps":[{"id":"a","type":"decision","configuration":{"condition":"foo.bar"}}]}"#,
                "steps.0.configuration.condition"
            ),
            (
                #"{"steps":[{"id":"a","type":"decision","configuration":{"condition":"steps"}}]}"#,
                "steps.0.configuration.condition"
            ),
            (#"{"steps":[{"id":"a","type":"parallel","configuration":{}}]}"#, "steps.0.configuration.steps"),
            (
                #"{"steps":[{"id":"a","type":"parallel","configuration":{"steps":[{"id":"x","type":"task","onSuccess":"a"}]}}]}"#,
                "steps.0.configuration.steps.0.onSuccess"
            ),
            (
                #"{"steps":[{"id":"a","type":"loop","configuration":{"steps":[{"id":"x","type":"task"}]}}]}"#,
                "steps.0.configuration.items"
            ),
            (
                #"{"steps":[{"id":"a","type":"loop","configuration":{"condition":"true","steps":[{"id":"x","type":"task"}]}}]}"#,
                "steps.0.configuration.maxIterations"
            ),
            (
                #"{"steps":[{"id":"a","type":"loop","configuration":{"items":5,"steps":[{"id":"x","type":"task"}]}}]}"#,
                "steps.0.configuration.items"
            ),
            (
                #"{"steps":[{"id":"a","type":"loop","configuration":{"items":[],"maxParallel":0,"steps":[{"id":"x","type":"task"}]}}]}"#,
                "steps.0.configuration.maxParallel"
            ),
            (
                #"{"steps":[{"id":"a","type":"loop","configuration":{"items":[1],"steps":[{"id":"x","type":"task"}]}},{"id":"b","type":"task","configuration":{"description":"${steps.x.result}"}}]}"#,
                "steps.1.configuration.description"
            ),
            (
                #"{"steps":[{"id":"a","type":"task","configuration":{"priority":"urgent"}}]}"#,
                "steps.0.configuration.priority"
            ),
            (#"{"steps":[{"id":"a","type":"task","configuration":{"timeout":1}}]}"#, "steps.0.configuration.timeout"),
            (
                #"{"steps":[{"id":"a","type":"task","configuration":{"context":{"command":[]}}}]}"#,
                "steps.0.configuration.context.command"
            ),
            (
                #"{"steps":[{"id":"a","type":"task","configuration":{"context":{"command":"x","environment":{"A":null}}}}]}"#,
                "steps.0.configuration.context.environment"
            ),
            (
                #"{"steps":[{"id":"a","type":"task","configuration":{"retryPolicy":{"maxAttempts":0}}}]}"#,
                "steps.0.configuration.retryPolicy.maxAttempts"
            ),
            (
                #"{"steps":[{"id":"a","type":"task","configuration":{"description":"${"}}]}"#,
                "steps.0.configuration.description"
            ),
            (#"{"steps":[{"id":"a","type":"task","configuration":{"weight":0}}]}"#, "steps.0.configuration.weight"),
            (
                #"{"steps":[{"id":"a","type":"task","configuration":{"approval":{"default":"yes"}}}]}"#,
                "steps.0.configuration.approval.default"
            ),
            (
                #"{"steps":[{"id":"a","type":"task","configuration":{"compensation":1}}]}"#,
                "steps.0.configuration.compensation"
            ),
            (
                #"{"steps":[{"id":"a","type":"task"}],"dependencies":[{"stepId":"z","dependsOn":["a"]}]}"#,
                "dependencies.0.stepId"
            ),
            (
                #"{"steps":[{"id":"a","type":"task"}],"dependencies":[{"stepId":"a","dependsOn":["z"]}]}"#,
                "dependencies.0.dependsOn.0"
            ),
            (#"{"steps":[{"id":"a","type":"task"}],"dependencies":[{"stepId":"a"}]}"#, "dependencies.0.dependsOn"),
            (
                #"{"steps":[{"id":"a","type":"task"},{"id":"b","type":"task"}],"dependencies":[{"stepId":"b","dependsOn":["a"],"condition":"maybe"}]}"#,
                "dependencies.0.condition"
            ),
            (
                #"{"steps":[{"id":"a","type":"task"},{"id":"b","type":"task"}],"dependencies":[{"stepId":"b","dependsOn":["a","a"]}]}"#,
                "dependencies.0.dependsOn.1"
            ),
            (
                #"{"steps":[{"id":"a","type":"task"},{"id":"b","type":"task"}],"dependencies":[{"stepId":"b","dependsOn":["a"]},{"stepId":"a","dependsOn":["b"]}]}"#,
                "dependencies"
            ),
            (
                #"{"steps":[{"id":"a","type":"task","onSuccess":"b"},{"id":"b","type":"task"}],"dependencies":[{"stepId":"b","dependsOn":["a"]}]}"#,
                "steps.1"
            ),
            (#"{"steps":[{"id":"a","type":"task"}],"dependencies":1}"#, "dependencies"),
            (#"{"steps":[{"id":"a","type":"task"}],"configuration":{"onError":"stop"}}"#, "configuration.onError"),
            (#"{"steps":[{"id":"a","type":"task"}],"configuration":{"maxParallel":0}}"#, "configuration.maxParallel"),
            (#"{"steps":[{"id":"a","type":"task"}],"configuration":{"timeout":"x"}}"#, "configuration.timeout"),
            (#"{"steps":[{"id":"a","type":"task"}],"parameters":[]}"#, "parameters"),
            (#"{"name":"","steps":[{"id":"a","type":"task"}]}"#, "name"),
        ] as [(String, String)])
    func bad(json: String, field: String) throws {
        let issue: Rejection.Issue = try #require(try issues(json).first, "\(json)")
        #expect(issue.field == field, "\(issue)")
        #expect(!issue.expected.isEmpty)
    }

    @Test("every mistake is told of, each with its step")
    func all() throws {
        let found: [Rejection.Issue] = try issues(
            #"{"steps":[{"id":"a","type":"nothing"},{"id":"b","type":"task","configuration":{"priority":1,"timeout":1}}]}"#
        )
        #expect(
            found.map(\.field) == ["steps.0.type", "steps.1.configuration.priority", "steps.1.configuration.timeout"])
        #expect(found[0].expected.contains("“a”"))
    }

    @Test("a circle is shown with the steps in it")
    func circle() throws {
        let issue: Rejection.Issue = try #require(
            try issues(
                #"""
                {"steps":[{"id":"a","type":"task"},{"id":"b","type":"task"},{"id":"c","type":"task"}],
                "dependencies":[{"stepId":"b","dependsOn":["a","c"]},{"stepId":"c","dependsOn":["b"]}]}
                """#
            ).first)
        #expect(issue.value == "b → c → b" || issue.value == "c → b → c", "\(issue)")
    }

    @Test("nesting has a bound")
    func nesting() throws {
        var inner = #"{"id":"s0","type":"task"}"#
        for depth in 1...9 {
            inner = #"{"id":"s\#(depth)","type":"parallel","configuration":{"steps":[\#(inner)]}}"#
        }
        #expect(try issues(#"{"steps":[\#(inner)]}"#).first?.expected.contains("nested") == true)
    }
}
