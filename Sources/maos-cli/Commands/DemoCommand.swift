internal import MAOSCore
internal import MAOSSystem

/// `demo`.
enum DemoCommand {
    private static let path = Operand("PATH", .optional, .folder, "the tree to look at (default: the current folder)")
    private static let noHints = Flag("--no-hints", "leave out how to look further")

    static let command = Command(
        "demo", "let agents analyse a tree of sources",
        details: [
            "Starts five agents of four types and gives them a graph of tasks: lines are counted folder by folder, the format "
                + "is checked, long files and notes for later are looked for, and when all of that is done a report is built "
                + "from the results. The server must be able to read the tree. Scripts/demo.sh starts a server for it."
        ],
        operands: [path], flags: [noHints],
        examples: [
            Example("demo", "look at the current folder"),
            Example("demo ~/src/project", "look at another one"),
        ]
    ) { (invocation) throws(Failure) in
        let tree = try SourceTree(invocation.arguments.text(path) ?? ".")
        try DemoRun(invocation, DemoPlan(tree), hasHints: !invocation.arguments.has(noHints)).run()
    }
}
