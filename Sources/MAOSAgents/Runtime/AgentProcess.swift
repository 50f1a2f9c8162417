internal import MAOSCore
internal import MAOSSystem

/// The resident process of an agent, on a terminal of its own.
final class AgentProcess: SupervisedProcess, @unchecked Sendable {
    // Confined to the loop's thread, as every source is.

    let agent: AgentID
    private let host: ProcessHost
    private var hadOutput: Bool = false
    private let resident: ResidentProcess
    /// Nobody waits for it any more.
    private var isHurried: Bool = false

    /// Takes over the process that was started for an agent.
    init(_ parts: consuming Parts, agent: AgentRecord, host: ProcessHost) throws(SystemError) {
        self.agent = agent.id
        self.host = host
        resident = agent.specification.resident
        try super.init(parts)
    }

    /// What somebody talks to may finish what it is about.
    override var grace: Int64 {
        resident == .conversation && !isHurried ? host.conversationGrace : supervisor.grace
    }

    /// Ends it with the grace of any other process.
    func hurry() {
        isHurried = true
        stop(graceful: true)
    }

    override var beneficiary: ProcessOwner? { ProcessOwner(agent: agent) }

    override func store(_ chunk: [UInt8], _ stream: OutputStream) {
        hadOutput = true
        host.outbox.store(
            OutputChunk(task: nil, agent: agent, attempt: 0, stream: stream, time: host.time.now(), data: chunk))
    }

    override func ended(_ end: End) {
        let reason: String = end.reached.map(limits.message) ?? end.root.status.description
        host.residentEnded(self, reason: reason, code: end.root.status.code, hadOutput: hadOutput)
    }
}
