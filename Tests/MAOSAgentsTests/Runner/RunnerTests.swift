import MAOSAgents
import Testing

@Suite("A runner")
struct RunnerTests {
    @Test(
        "has placeholders that are filled in once",
        arguments: [
            ("plain", "plain"), ("{description}", "do {model}"), ("a{model}b{model}c", "am1bm1c"),
            ("{other}", "{other}"),
            ("{", "{"), ("}{", "}{"), ("{{model}}", "{m1}"), ("{\"json\": {model}}", "{\"json\": m1}"),
            ("{model", "{model"),
            ("{}", "{}"), ("", ""), ("{empty}", ""), ("{model}{", "m1{"), ("é{model}✓", "ém1✓"),
        ])
    func fill(template: String, expected: String) {
        let filled = RunnerTemplate(values: ["description": "do {model}", "model": "m1", "empty": ""])
        #expect(filled.fill(template) == expected)
    }

    @Test("is found by type, then by model, then as the one for all others")
    func table() {
        func runner(_ name: String) -> RunnerConfiguration { RunnerConfiguration(command: [name]) }
        let table = RunnerTable(["coder": runner("c"), "model-1": runner("m"), "*": runner("all")])
        #expect(table.runner(type: "coder", model: "model-1")?.command == ["c"])
        #expect(table.runner(type: "tester", model: "model-1")?.command == ["m"])
        #expect(table.runner(type: "tester", model: "model-2")?.command == ["all"])
        #expect(table.runner(type: "tester", model: nil)?.command == ["all"])
        #expect(RunnerTable().runner(type: "tester", model: nil) == nil)
    }
}

@Suite("Control groups")
struct ControlGroupFolderTests {
    private let mounts: String = """
        22 28 0:21 / /proc rw,relatime - proc proc rw
        30 25 0:26 / /sys/fs/cgroup/unified rw,relatime shared:5 - cgroup2 cgroup2 rw
        31 25 0:27 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
        """

    @Test("are found where the kernel says they are mounted")
    func folder() {
        let groups: String = "9:name=systemd:/x\n4:memory:/y\n0::/user.slice/maos.service\n"
        let path: String = "/sys/fs/cgroup/unified/user.slice/maos.service"
        #expect(ControlGroups.folder(groups: groups, mounts: mounts) == path)
        #expect(ControlGroups.folder(groups: "0::/\n", mounts: mounts) == "/sys/fs/cgroup/unified")
        let inside: String = "30 25 0:26 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup rw"
        #expect(ControlGroups.folder(groups: "0::/docker/abc/x\n", mounts: inside) == "/sys/fs/cgroup/x")
        #expect(ControlGroups.folder(groups: "0::/docker/abc\n", mounts: inside) == "/sys/fs/cgroup")
    }

    @Test("are not there without a mount or an entry")
    func none() {
        #expect(ControlGroups.folder(groups: "", mounts: mounts) == nil)
        #expect(ControlGroups.folder(groups: "4:memory:/y\n", mounts: mounts) == nil)
        #expect(ControlGroups.folder(groups: "0::/x\n", mounts: "") == nil)
        #expect(ControlGroups.folder(groups: "0::/x\n", mounts: "30 25 -\ncgroup2 -") == nil)
    }
}
