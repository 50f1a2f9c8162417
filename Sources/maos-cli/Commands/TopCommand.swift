internal import Glibc
internal import MAOSCore
internal import MAOSTransport

/// `top`.
enum TopCommand {
    private static let interval = Flag(
        "--interval", "TIME", .duration(100...3_600_000), "how often to look again (default 1s)")
    private static let once = Flag("--once", "print one look as a plain table")
    private static let sort = Flag(
        "--sort", "WORD", .words(TopOrder.allCases.map(\.rawValue)),
        "what the agents are in the order of (default status)")

    static let command = Command(
        "top", "watch agents, tasks and the host",
        details: [
            "On a terminal it is drawn again every second until q: s changes the order, p pauses. Columns that do not fit "
                + "are left out, the least important first. Elsewhere, and with --once, it is printed once and whole. "
                + "What the token may not see is not shown.",
            "CPU% is 100 for one core. TIME is since a task was begun, or made where it waits.",
        ],
        flags: [interval, once, sort],
        examples: [
            Example("top", "until q"), Example("top --interval 5s --sort cpu", "every five seconds, the busiest first"),
            Example("top --once", "one look"), Example("top --json | jq .agents", "one look for programs"),
        ]
    ) { (invocation) throws(Failure) in
        let arguments: Arguments = invocation.arguments
        let source = TopSource(try invocation.server())
        let order: TopOrder = arguments.text(sort).flatMap { TopOrder(rawValue: $0) } ?? .status
        let (snapshot, data): (TopSnapshot, JSONValue) = try source.take()
        if invocation.wantsJSON { return invocation.printJSON(data) }
        var frame = TopLayout.Frame(server: try Endpoint(arguments).url.description, snapshot: snapshot)
        frame.order = order
        guard invocation.output.isLive, !arguments.has(once) else {
            let layout = TopLayout(
                columns: 0, rows: 0, hasColours: invocation.output.hasColours, isUnicode: Channel.isUnicode)
            return invocation.output.write(layout.text(frame))
        }
        let pause: Int64 = arguments.milliseconds(interval) ?? 1_000
        try TopScreen(frame, source, output: invocation.output, interval: pause).run()
    }
}
