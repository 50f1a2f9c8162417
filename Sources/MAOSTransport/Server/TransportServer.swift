package import MAOSSystem

/// The loops of a server with their listeners and connections.
package final class TransportServer: Sendable {
    /// The loops.
    package let group: EventLoopGroup
    /// What the connections of each loop share, in the order of the loops.
    package let resources: [LoopResources]
    /// Counts the connections of all listeners.
    package let limit: ConnectionLimit

    /// Bytes of bodies of all connections that may wait for their rest.
    private static let heldBodyLimit: Int = 256 << 20

    private let listeners = Locked<[Listener]>([])

    /// Starts the loops.
    ///
    /// - Parameters:
    ///   - loops: How many.
    ///   - connections: How many connections there may be at once.
    /// - Throws: ``SystemError`` if the system has no thread or descriptor left.
    package init(loops: Int = EventLoopGroup.coreCount, connections: Int = 20_000) throws(SystemError) {
        group = try EventLoopGroup(count: loops)
        let share: Int = max(32 << 20, TransportServer.heldBodyLimit / max(1, loops))
        resources = group.loops.map { LoopResources(loop: $0, heldBodyLimit: share) }
        limit = ConnectionLimit(maximum: connections)
    }

    /// Binds an address.
    ///
    /// Nothing is accepted before ``Listener/start()``.
    ///
    /// - Parameters:
    ///   - address: Where to listen.
    ///   - settings: Limits and time-outs of its connections.
    ///   - filter: Who may connect.
    ///   - makeHandler: Makes what handles requests, once for each loop.
    /// - Returns: The listener, with the port that was picked.
    /// - Throws: ``SystemError``, where ``SystemError/isAddressInUse`` says that somebody else listens there.
    package func listen(
        on address: ListenAddress, settings: HTTPSettings = HTTPSettings(), filter: AddressFilter = AddressFilter(),
        makeHandler: @escaping HTTPHandlerMaker
    ) throws(SystemError) -> Listener {
        let workers = resources.map { ListenerWorker(resources: $0, settings: settings, makeHandler: makeHandler) }
        let place = listeners.withLock { $0.count }
        let loop = group.loops[place % group.loops.count]
        let listener = try Listener(address, on: loop, workers: workers, filter: filter, limit: limit)
        listeners.withLock { $0.append(listener) }
        return listener
    }

    /// Stops accepting, lets connections finish what they have begun, and closes the idle ones; from any thread.
    ///
    /// - Parameter done: Called on some loop when the last connection has gone. Who does not want to wait calls
    ///   ``stopAndJoin()`` meanwhile.
    package func drain(_ done: @escaping @Sendable () -> Void) {
        for listener in listeners.withLock({ $0 }) { listener.stop() }
        let countdown = Countdown(resources.count, done)
        for one in resources {
            one.loop.execute { one.drain { countdown.step() } }
        }
    }

    /// Closes everything and waits for the loops to end.
    ///
    /// Not to be called on a loop.
    package func stopAndJoin() {
        for listener in listeners.withLock({ $0 }) { listener.stop() }
        for one in resources { one.loop.execute { one.closeAll() } }
        group.stopAndJoin()
    }
}

/// Calls a closure when so many things have happened.
private final class Countdown: Sendable {
    private let left: Locked<Int>
    private let done: @Sendable () -> Void

    init(_ count: Int, _ done: @escaping @Sendable () -> Void) {
        left = Locked(count)
        self.done = done
    }

    func step() {
        let isLast = left.withLock { left in
            left -= 1
            return left == 0
        }
        if isLast { done() }
    }
}
