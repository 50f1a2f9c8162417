internal import Synchronization

/// A command on its way to the orchestrator, and where its answer goes.
package struct Submission: Sendable {
    package var request: Request
    package var target: ReplyTarget

    /// A command and where its answer goes.
    package init(request: Request, target: ReplyTarget) {
        self.request = request
        self.target = target
    }

    /// Whether it tells what has already happened, and so must not be lost.
    var isReport: Bool {
        if case .none = target { return request.principal == .system }
        return false
    }
}

/// Where an answer goes.
package enum ReplyTarget: Sendable {
    case none
    case continuation(CheckedContinuation<Result<Reply, Rejection>, Never>)
    /// A sink that takes the answers of many commands at once; the token is its own.
    case sink(any ReplySink, token: UInt64)
}

/// An answer with the token that its command was submitted with.
package struct TokenReply: Sendable {
    package var token: UInt64
    package var result: Result<Reply, Rejection>
}

/// Takes answers in batches; called on the orchestrator's executor, must return at once.
package protocol ReplySink: AnyObject, Sendable {
    /// Answers in the order in which the commands were submitted.
    func deliver(_ replies: [TokenReply])
}

/// Commands that wait for the orchestrator.
final class Mailbox: Sendable {
    private struct State {
        var waiting: [Submission] = []
        var isScheduled = false
    }

    /// What became of commands that were to wait.
    struct Acceptance {
        /// Whether somebody has to schedule a drain.
        var needsDrain: Bool
        /// Those for which there is no room.
        var refused: [Submission] = []
    }

    private let state = Mutex(State())
    private let limit: Int

    /// Makes room for so many commands of clients; for reports there is always room.
    init(limit: Int) { self.limit = limit }

    /// How many wait.
    var count: Int { state.withLock { $0.waiting.count } }

    /// Adds commands, as many as there is room for.
    func append(_ submissions: [Submission]) -> Acceptance {
        state.withLock { (state: inout State) in
            var acceptance = Acceptance(needsDrain: !state.isScheduled)
            if state.waiting.count + submissions.count <= limit {
                state.waiting.append(contentsOf: submissions)
            } else {
                for submission: Submission in submissions {
                    if state.waiting.count < limit || submission.isReport {
                        state.waiting.append(submission)
                    } else {
                        acceptance.refused.append(submission)
                    }
                }
            }
            state.isScheduled = true
            return acceptance
        }
    }

    /// Takes what waits, oldest first; `nil` when nothing does, and the next append has to schedule a drain.
    ///
    /// - Parameters:
    ///   - limit: How many are taken.
    ///   - weightLimit: How many bytes of clients' and processes' data they hold; the first is taken whatever it holds.
    /// - Returns: The commands.
    func take(atMost limit: Int, weighing weightLimit: Int) -> [Submission]? {
        state.withLock { (state: inout State) in
            guard !state.waiting.isEmpty else {
                state.isScheduled = false
                return nil
            }
            var weight: Int = 0
            var count: Int = 0
            while count < min(limit, state.waiting.count) {
                weight += state.waiting[count].request.command.weight
                guard weight <= weightLimit || count == 0 else { break }
                count += 1
            }
            guard state.waiting.count > count else {
                defer { state.waiting = [] }
                return state.waiting
            }
            let taken = Array(state.waiting[..<count])
            state.waiting.removeFirst(count)
            return taken
        }
    }
}

/// Answers of one turn, gathered by sink so that each sink is called once.
struct ReplyBatch {
    private var continuations: [(CheckedContinuation<Result<Reply, Rejection>, Never>, Result<Reply, Rejection>)] = []
    private var sinks: [(sink: any ReplySink, replies: [TokenReply])] = []
    private(set) var accepted: UInt64 = 0
    private(set) var refused: UInt64 = 0
    private(set) var failed: UInt64 = 0

    mutating func add(_ result: consuming Result<Reply, Rejection>, for target: ReplyTarget) {
        switch result {
        case .success: accepted += 1
        case .failure(.unavailable), .failure(.diskFull), .failure(.limitReached): failed += 1
        case .failure: refused += 1
        }
        switch target {
        case .none:
            break
        case .continuation(let continuation):
            continuations.append((continuation, result))
        case .sink(let sink, let token):
            let reply = TokenReply(token: token, result: result)
            if let index: Int = sinks.firstIndex(where: { $0.sink === sink }) {
                sinks[index].replies.append(reply)
            } else {
                sinks.append((sink, [reply]))
            }
        }
    }

    func deliver() {
        for (sink, replies) in sinks { sink.deliver(replies) }
        for (continuation, result) in continuations { continuation.resume(returning: result) }
    }
}
