package import MAOSSystem

/// A connection that somebody made to us; its subclasses are what the peer may speak.
package class ServerConnection: EventSource, @unchecked Sendable {
    // Confined to the loop, as every source is.

    /// What the loop's connections share.
    package final let resources: LoopResources
    /// Where the resources list it; -1 if they do not.
    final var place = -1
    private final let limit: ConnectionLimit?
    private final var isCounted = true

    init(_ descriptor: consuming Descriptor, resources: LoopResources, limit: ConnectionLimit?) {
        self.resources = resources
        self.limit = limit
        super.init(loop: resources.loop, descriptor: descriptor)
    }

    /// Finish what has begun, then close; close at once if idle.
    func drain() {}

    /// Close at once, whatever is under way.
    func abort() {}

    /// Begins to live on the loop: one registration for everything, which is never changed.
    final func begin() throws(SystemError) {
        resources.add(self)
        try register(for: [.readable, .writable, .peerFinished], trigger: .edge)
    }

    /// Closes the descriptor and leaves every list.
    final func leave() {
        cancelDeadline()
        closeDescriptor()
        resources.remove(self)
        uncount()
    }

    /// Hands the connection on to another kind, which counts in its place; ``leave()`` then only leaves the list.
    final func handOver() -> Descriptor? {
        isCounted = false
        return takeDescriptor()
    }

    /// The limit that a successor is counted by.
    final var inheritedLimit: ConnectionLimit? { limit }

    private final func uncount() {
        guard isCounted else { return }
        isCounted = false
        limit?.giveBack()
        loop.addLoad(-1)
    }

    deinit {
        // Nothing to do with the kernel here: a connection that is let go has left before.
        if isCounted {
            limit?.giveBack()
            loop.addLoad(-1)
        }
    }
}
