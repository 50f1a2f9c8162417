/// What an orchestrator has done, for other threads to read.
package final class OrchestratorMeasures: Sendable {
    /// Commands that were carried out.
    package let accepted = MetricCounter()
    /// Commands that were refused for what they asked.
    package let refused = MetricCounter()
    /// Commands that were refused for a limit, or because nothing could be stored.
    package let failed = MetricCounter()

    init() {}

    /// Counts the answers of a turn; on the orchestrator's executor.
    func note(_ replies: ReplyBatch) {
        if replies.accepted > 0 { accepted.add(replies.accepted) }
        if replies.refused > 0 { refused.add(replies.refused) }
        if replies.failed > 0 { failed.add(replies.failed) }
    }
}
