internal import Synchronization

/// The places of frames in one order for the whole server, for ever: an event's number times 4096 plus a slot.
///
/// The frames that an event gives have the slots from 0 on, in order. Frames that no event causes come after the newest
/// event, in the slots from 64 on. So every frame of an event has the same place whenever and wherever it is made, also
/// after a restart, and nothing has to be stored for it.
package enum HiveSequence {
    /// Slots that an event has.
    static let width: UInt64 = 4_096
    /// The first slot of frames that no event causes.
    static let firstFree: UInt64 = 64
    /// From this slot on it is time for another event.
    static let scarce: UInt64 = 2_048

    /// The place of an event's frame.
    static func place(of event: UInt64, slot: Int) -> UInt64 { event &* width &+ UInt64(slot) }

    /// The event that a place belongs to.
    static func event(of place: UInt64) -> UInt64 { place / width }
}

/// Hands out the places of frames that no event causes; one for all loops.
package final class HivePlaces: Sendable {
    private struct State {
        var event: UInt64 = 0
        var next: UInt64 = HiveSequence.firstFree
    }

    private let state = Mutex(State())

    package init() {}

    /// The next place after an event; `nil` if somebody has been given one after a later event, or none is left.
    func take(after event: UInt64) -> UInt64? {
        state.withLock { (state: inout State) in
            if event > state.event { state = State(event: event) }
            guard event == state.event, state.next < HiveSequence.width else { return nil }
            defer { state.next += 1 }
            return event &* HiveSequence.width &+ state.next
        }
    }

    /// Whether others have been given a place after a later event.
    func isPast(_ event: UInt64) -> Bool { state.withLock { $0.event > event } }
}
