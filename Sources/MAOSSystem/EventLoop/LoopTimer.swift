/// A deadline with a closure, for what happens rarely; sources with many instances override
/// ``EventSource/deadlineReached()`` instead.
package final class LoopTimer: EventSource, @unchecked Sendable {
    private let action: () -> Void

    /// Makes a timer that is not set; ``EventSource/setDeadline(at:)`` sets it, and the action may set it again.
    package init(on loop: EventLoop, action: @escaping () -> Void) {
        self.action = action
        super.init(loop: loop)
    }

    package override func deadlineReached() {
        action()
    }
}
