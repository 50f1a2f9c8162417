/// Carries out the engine's effects, and reports what comes of them.
public protocol AgentRuntime: AnyObject, Sendable {
    /// Called once, before the first effect.
    func connect(_ reports: any ReportSink)

    /// Takes effects in order, after the batch that caused them is durable. Returns at once; never blocks.
    func perform(_ effects: [Effect])
}

/// Takes what a runtime has to report; safe from any thread, never blocks for long.
public protocol ReportSink: AnyObject, Sendable {
    func report(_ commands: [Command])
}
