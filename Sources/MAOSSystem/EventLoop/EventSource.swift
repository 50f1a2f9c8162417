/// Something that lives on an ``EventLoop``: it may own a descriptor, have a deadline, and want to flush once per turn.
///
/// Subclasses override ``ready(_:)``, ``deadlineReached()`` and ``flush()``. Every method runs on the loop's thread and on
/// no other, which is what makes the class safe to pass around; only ``loop`` may be used from anywhere. The loop holds the
/// source while it is registered, has a deadline, or waits for a flush.
open class EventSource: @unchecked Sendable {
    // Every variable is confined to the loop's thread. None is touched while a method changes it in place, so the check for
    // that, which costs as much as the parsing of a small request, is left out here and in the other objects of a loop.

    /// Where the source lives.
    package final let loop: EventLoop
    @exclusivity(unchecked) private final var descriptor: Descriptor?

    @exclusivity(unchecked) final var slot: Int32 = -1
    @exclusivity(unchecked) final var timerIndex: Int32 = -1
    /// When the entry in the loop's timers fires, which may be earlier than the deadline.
    @exclusivity(unchecked) final var armedAt: Int64 = .max
    @exclusivity(unchecked) final var isAwaitingFlush = false

    /// The deadline in milliseconds of the loop's clock; `Int64.max` without one.
    @exclusivity(unchecked) package private(set) final var deadline: Int64 = .max

    /// Makes a source without a descriptor, for deadlines and flushes.
    package init(loop: EventLoop) {
        self.loop = loop
        descriptor = nil
    }

    /// Makes a source that owns a descriptor.
    package init(loop: EventLoop, descriptor: consuming Descriptor) {
        self.loop = loop
        self.descriptor = consume descriptor
    }

    // MARK: - What subclasses answer to

    /// The descriptor is ready for something that was registered; failure and hang-up come unasked.
    ///
    /// An edge-triggered source reads until less came than fitted, or nothing: the loop does not ask again.
    open func ready(_ events: EventSet) {}

    /// The deadline has passed.
    ///
    /// It is gone by now; set another if there is one.
    open func deadlineReached() {}

    /// The turn's events are handled; ``EventLoop/flushLater(_:)`` asked for this.
    open func flush() {}

    /// The loop ends: let go of everything.
    ///
    /// The descriptor is closed afterwards.
    open func loopStopped() {}

    // MARK: - The descriptor

    /// Whether the source still has its descriptor.
    package final var isOpen: Bool { descriptor != nil }

    /// The kernel's number of the descriptor; -1 without one.
    package final var descriptorNumber: Int32 { descriptor?.number ?? -1 }

    /// Lets a body use the descriptor; nil without one.
    package final func withDescriptor<Result>(_ body: (borrowing Descriptor) -> Result) -> Result? {
        guard descriptor != nil else { return nil }
        return switch descriptor {
        case .some(let open): body(open)
        case .none: nil
        }
    }

    /// How the loop reports readiness.
    package enum Trigger: Sendable {
        /// Again in every turn, as long as it lasts.
        case level
        /// Once for every change.
        case edge
    }

    /// Makes the loop watch the descriptor.
    ///
    /// - Parameters:
    ///   - interest: What to watch for; failure and hang-up are always watched.
    ///   - trigger: With `.edge`, register once for reading and writing and never change it again: no system call
    ///     is then spent on interest.
    /// - Throws: ``SystemError`` if the kernel cannot watch the descriptor.
    package final func register(for interest: EventSet, trigger: Trigger) throws(SystemError) {
        try loop.register(self, number: descriptorNumber, interest: interest, trigger: trigger)
    }

    /// Changes what the loop watches for.
    package final func changeInterest(to interest: EventSet, trigger: Trigger) throws(SystemError) {
        try loop.changeInterest(of: self, number: descriptorNumber, to: interest, trigger: trigger)
    }

    /// Makes the loop forget the descriptor, which stays open.
    package final func deregister() {
        loop.deregister(self, number: descriptorNumber)
    }

    /// Deregisters and closes the descriptor, if there is one.
    package final func closeDescriptor() {
        guard descriptor != nil else { return }
        loop.deregister(self, number: descriptorNumber)
        descriptor = nil
    }

    /// Deregisters the descriptor and gives it away, to another loop for example; nil without one.
    package final func takeDescriptor() -> Descriptor? {
        guard descriptor != nil else { return nil }
        loop.deregister(self, number: descriptorNumber)
        return descriptor.take()
    }

    /// Reads what is there; see ``Descriptor/read(into:)``.
    package final func read(into buffer: UnsafeMutableRawBufferPointer) -> Transfer {
        switch descriptor {
        case .some(let open): open.read(into: buffer)
        case .none: .count(0)
        }
    }

    /// Writes as much as fits; see ``Descriptor/write(_:)``.
    package final func write(_ bytes: UnsafeRawBufferPointer) -> Transfer {
        switch descriptor {
        case .some(let open): open.write(bytes)
        case .none: .count(0)
        }
    }

    /// Receives what is there; see ``Descriptor/receive(into:)``.
    package final func receive(into buffer: UnsafeMutableRawBufferPointer) -> Transfer {
        switch descriptor {
        case .some(let open): open.receive(into: buffer)
        case .none: .count(0)
        }
    }

    /// Sends as much as the socket takes; see ``Descriptor/send(_:)``.
    package final func send(_ bytes: UnsafeRawBufferPointer) -> Transfer {
        switch descriptor {
        case .some(let open): open.send(bytes)
        case .none: .count(0)
        }
    }

    // MARK: - The deadline

    /// Sets the deadline, in place of an earlier one.
    ///
    /// Moving it later costs nothing until the earlier one fires.
    ///
    /// - Parameter milliseconds: A reading of the loop's clock; one that has passed means the next turn, at least 1 ms later.
    package final func setDeadline(at milliseconds: Int64) {
        deadline = max(milliseconds, loop.now &+ 1)
        guard deadline < armedAt else { return }
        loop.arm(self, at: deadline)
    }

    /// Sets the deadline so many milliseconds after the turn's begin.
    package final func setDeadline(after milliseconds: Int64) {
        setDeadline(at: loop.now &+ milliseconds)
    }

    /// Takes the deadline away.
    package final func cancelDeadline() {
        deadline = .max
        loop.disarm(self)
    }

    final func clearDeadline() {
        deadline = .max
    }
}
