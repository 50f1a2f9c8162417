package import MAOSCore
internal import MAOSProtocols
internal import MAOSSystem

/// What happened on the gateway's loop, for other threads to read; only the loop counts.
final class GatewayMeasures: Sendable {
    /// By the first digit of the status, 1 to 5.
    let answers: [MetricCounter] = (0..<5).map { _ in MetricCounter() }
    /// By the place of the code in ``GatewayErrorCode/allCases``.
    let failures: [MetricCounter] = GatewayErrorCode.allCases.map { _ in MetricCounter() }
    let durations = MetricHistogram()
    /// What goes over agents' terminals.
    let terminals = DialectMeasures()

    /// Counts an answer, with the nanoseconds that it took; `nil` where that is not known.
    func note(_ response: GatewayResponse, took nanoseconds: Int64?) {
        let kind: Int = response.status.code / 100 - 1
        if answers.indices.contains(kind) { answers[kind].add() }
        if let nanoseconds { durations.add(nanoseconds: nanoseconds) }
        guard let failure: GatewayErrorCode = response.failure,
            let place: Int = GatewayErrorCode.allCases.firstIndex(of: failure)
        else { return }
        failures[place].add()
    }
}

/// What was read from the disk for clients; only the reading thread counts.
final class StoreReadMeasures: Sendable {
    let durations = MetricHistogram()
    let failures = MetricCounter()

    /// Counts a read that began at a time of the monotonic clock.
    func note(_ result: Result<StoreReadResult, JournalError>, since begin: Int64) {
        durations.add(nanoseconds: SystemClock.monotonicNanoseconds() - begin)
        if case .failure = result { failures.add() }
    }
}

/// What happened on all loops of a gateway together.
package struct GatewayTotals: Sendable {
    /// Answers by the first digit of their status, 1 to 5.
    package private(set) var answers = [UInt64](repeating: 0, count: 5)
    /// Refusals and failures by the place of their code in ``GatewayErrorCode/allCases``.
    package private(set) var failures = [UInt64](repeating: 0, count: GatewayErrorCode.allCases.count)
    /// From a whole request to its answer.
    package private(set) var durations = MetricDistribution()
    /// What goes over agents' terminals.
    package private(set) var terminals = DialectTotals()
    /// Reads from the disk for clients.
    package private(set) var reads = MetricDistribution()
    /// How many of them failed.
    package private(set) var readFailures: UInt64 = 0

    init() {}

    mutating func add(_ measures: GatewayMeasures) {
        for place in answers.indices { answers[place] += measures.answers[place].value }
        for place in failures.indices { failures[place] += measures.failures[place].value }
        durations.add(measures.durations.value)
        terminals.add(measures.terminals)
    }

    mutating func add(_ measures: StoreReadMeasures) {
        reads.add(measures.durations.value)
        readFailures += measures.failures.value
    }
}
