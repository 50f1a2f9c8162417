internal import MAOSCore
internal import MAOSSystem

/// Tells a dialect of events at the pace of its loop.
///
/// Measures what that takes, sending included. Confined to the loop.
final class EventTeller: EventSource, @unchecked Sendable {
    /// Events that are held back at most.
    private static let heldLimit: Int = 1_024

    private var pace = FanOutPace()
    private var held: [Event] = []
    private var heldSince: Int64 = 0
    /// When the telling began whose messages are not sent yet.
    private var begun: Int64?
    /// Says whether anybody was told.
    private let tell: ([Event]) -> Bool
    private let measures: DialectMeasures

    /// Makes a teller.
    ///
    /// - Parameters:
    ///   - loop: Where it lives.
    ///   - measures: Where it notes how long events are on their way.
    ///   - tell: Tells of events, and says whether that was of use to anybody.
    init(on loop: EventLoop, measures: DialectMeasures, tell: @escaping ([Event]) -> Bool) {
        self.tell = tell
        self.measures = measures
        super.init(loop: loop)
    }

    /// Tells of events, now or a little later.
    func accept(_ events: [Event], publishedAt published: Int64) {
        let now: Int64 = SystemClock.monotonicNanoseconds()
        if !held.isEmpty || pace.pause(at: now) != nil, held.count + events.count <= EventTeller.heldLimit {
            if held.isEmpty {
                heldSince = published
                setDeadline(after: pace.pause(at: now) ?? 1)
            }
            held += events
            return
        }
        tellHeld()
        tell(events, publishedAt: published)
    }

    /// Tells of what is held back: whatever else the dialect does comes after it.
    func tellHeld() {
        guard !held.isEmpty else { return }
        let events: [Event] = held
        held = []
        cancelDeadline()
        tell(events, publishedAt: heldSince)
    }

    private func tell(_ events: [Event], publishedAt published: Int64) {
        let begin: Int64 = SystemClock.monotonicNanoseconds()
        guard tell(events) else { return }
        measures.latencies.add(nanoseconds: SystemClock.monotonicNanoseconds() - published)
        if begun == nil { begun = begin }
        // After those who send.
        loop.flushLater(self)
    }

    override func flush() {
        guard let begin: Int64 = begun else { return }
        begun = nil
        pace.told(from: begin, to: SystemClock.monotonicNanoseconds())
    }

    override func deadlineReached() { tellHeld() }
}
