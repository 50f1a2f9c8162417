internal import MAOSSystem

/// Makes what handles the requests of one listener on one loop; called once for each loop, on it.
package typealias HTTPHandlerMaker = @Sendable (LoopResources) -> any HTTPHandler

/// Accepts the connections of one address and hands each to the loop that has the fewest.
package final class Listener: Sendable {
    /// The address with the port that was picked.
    package let address: ListenAddress
    private let acceptors: [Acceptor]

    init(
        _ address: ListenAddress, on loop: EventLoop, workers: [ListenerWorker], filter: AddressFilter,
        limit: ConnectionLimit
    ) throws(SystemError) {
        let sockets = try BoundSockets.open(address)
        self.address = sockets.address
        var acceptors: [Acceptor] = []
        sockets.take { descriptor in
            acceptors.append(
                Acceptor(loop: loop, descriptor: descriptor, workers: workers, filter: filter, limit: limit))
        }
        self.acceptors = acceptors
    }

    /// Begins to accept; connections that came since the address was bound are accepted now.
    package func start() {
        for acceptor in acceptors { acceptor.start() }
    }

    /// Stops accepting and gives the address free; from any thread.
    ///
    /// Connections that were accepted go on.
    ///
    /// - Parameter done: Called on the accepting loop when the address is free.
    package func stop(_ done: @escaping @Sendable () -> Void = {}) {
        let loop = acceptors[0].loop
        for acceptor in acceptors { acceptor.loop.execute { acceptor.closeDescriptor() } }
        loop.execute(done)
    }
}

/// What a listener has on one loop.
final class ListenerWorker: @unchecked Sendable {
    // `handler` is confined to the loop of `resources`.

    let resources: LoopResources
    let settings: HTTPSettings
    private let makeHandler: HTTPHandlerMaker
    private lazy var handler: any HTTPHandler = makeHandler(resources)

    init(resources: LoopResources, settings: HTTPSettings, makeHandler: @escaping HTTPHandlerMaker) {
        self.resources = resources
        self.settings = settings
        self.makeHandler = makeHandler
    }

    /// Takes a connection in; on the loop.
    func adopt(_ descriptor: consuming Descriptor, peer: SocketAddress, limit: ConnectionLimit) {
        let connection = HTTP1ServerConnection(
            descriptor, peer: peer, handler: handler, settings: settings, resources: resources, limit: limit)
        connection.start()
    }
}

/// One listening socket.
private final class Acceptor: EventSource, @unchecked Sendable {
    private static let batch = 64
    private static let pause: Int64 = 100

    private let workers: [ListenerWorker]
    private let filter: AddressFilter
    private let limit: ConnectionLimit

    init(
        loop: EventLoop, descriptor: consuming Descriptor, workers: [ListenerWorker], filter: AddressFilter,
        limit: ConnectionLimit
    ) {
        self.workers = workers
        self.filter = filter
        self.limit = limit
        super.init(loop: loop, descriptor: descriptor)
    }

    func start() {
        loop.execute { [self] in
            guard isOpen else { return }
            do throws(SystemError) {
                try register(for: .readable, trigger: .level)
            } catch {
                preconditionFailure("cannot watch a listener: \(error)")
            }
        }
    }

    override func ready(_ events: EventSet) {
        for _ in 0..<Acceptor.batch {
            guard isOpen, acceptOne() else { return }
        }
    }

    /// Accepts one connection; false if there is none, or none can be taken now.
    private func acceptOne() -> Bool {
        do throws(SystemError) {
            let accepted: Int32? = try acceptNumber()
            guard let accepted else { return false }
            place(Descriptor(owning: accepted))
            return true
        } catch {
            // No descriptors or no memory: others must close theirs first, so wait a little.
            rest()
            return false
        }
    }

    private var peer = SocketAddress(.v4(0), port: 0)

    /// The number of an accepted connection, whose peer is then in `peer`.
    private func acceptNumber() throws(SystemError) -> Int32? {
        var failure: SystemError?
        let number: Int32?? = withDescriptor { listener -> Int32? in
            do throws(SystemError) {
                let accepted = try Socket.accept(from: listener)
                switch consume accepted {
                case .none:
                    return nil
                case .some(let connection):
                    peer = connection.peer
                    return connection.takeDescriptor().release()
                }
            } catch {
                failure = error
                return nil
            }
        }
        if let failure { throw failure }
        return number ?? nil
    }

    private func place(_ descriptor: consuming Descriptor) {
        guard filter.admits(peer.address), limit.take() else { return }
        var best = workers[0]
        for worker in workers.dropFirst() where worker.resources.loop.currentLoad < best.resources.loop.currentLoad {
            best = worker
        }
        best.resources.loop.addLoad(1)
        guard best.resources.loop !== loop else { return best.adopt(descriptor, peer: peer, limit: limit) }
        let number = descriptor.release()
        best.resources.loop.execute { [best, peer, limit] in
            best.adopt(Descriptor(owning: number), peer: peer, limit: limit)
        }
    }

    private func rest() {
        try? changeInterest(to: [], trigger: .level)
        setDeadline(after: Acceptor.pause)
    }

    override func deadlineReached() {
        guard isOpen else { return }
        try? changeInterest(to: .readable, trigger: .level)
    }
}
