package import MAOSCore

/// What happened to a dialect on one loop, for other threads to read; only the loop counts.
final class DialectMeasures: Sendable {
    let messagesIn = MetricCounter()
    let messagesOut = MetricCounter()
    let refusals = MetricCounter()
    /// How often clients have gone on where they had been, as the dialect counts it.
    let resumptions = MetricGauge()
    /// From the publication of events to their messages waiting to be written.
    let latencies = MetricHistogram()
    let sockets = MetricGauge()
    let queuedBytes = MetricGauge()
}

/// What happened to a dialect on all loops together.
package struct DialectTotals: Sendable {
    /// Messages from clients.
    package private(set) var messagesIn: UInt64 = 0
    /// Messages to clients.
    package private(set) var messagesOut: UInt64 = 0
    /// Handshakes that were refused.
    package private(set) var refusals: UInt64 = 0
    /// How often clients have gone on where they had been.
    package private(set) var resumptions: Int = 0
    /// From the publication of events to their messages waiting to be written.
    package private(set) var latencies = MetricDistribution()
    /// Connections there are.
    package private(set) var sockets: Int = 0
    /// Bytes that clients have not taken yet.
    package private(set) var queuedBytes: Int = 0

    init() {}

    mutating func add(_ measures: DialectMeasures) {
        messagesIn += measures.messagesIn.value
        messagesOut += measures.messagesOut.value
        refusals += measures.refusals.value
        resumptions += measures.resumptions.value
        latencies.add(measures.latencies.value)
        sockets += measures.sockets.value
        queuedBytes += measures.queuedBytes.value
    }
}
