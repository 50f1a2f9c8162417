internal import MAOSSystem

/// What serves a surface of the server on one loop.
protocol LoopHandler: AnyObject, Sendable {
    /// What the handlers of all loops share.
    associatedtype Services: Sendable

    /// Begins; called on the loop.
    init(_ services: Services, resources: LoopResources)

    /// Goes by what the operator says now; from any thread.
    func follow(_ changed: Services)
}

/// The handlers of a surface, one a loop whatever the number of listeners; each is made when its loop first asks.
final class LoopHandlers<Handler: LoopHandler>: Sendable {
    private struct State {
        var services: Handler.Services?
        var handlers: [ObjectIdentifier: Handler] = [:]
    }

    private let state = Locked(State())

    /// What the handlers share; `nil` until it is there.
    var services: Handler.Services? { state.withLock { $0.services } }

    /// All that are there.
    var all: [Handler] { state.withLock { Array($0.handlers.values) } }

    /// Gives what they share; once, before the first is asked for.
    func open(_ services: Handler.Services) {
        state.withLock { $0.services = services }
    }

    /// Changes what they share, and tells those that are there.
    func change(_ body: (inout Handler.Services) -> Void) {
        state.withLock { (state: inout State) in
            guard var services: Handler.Services = state.services else { return }
            body(&services)
            state.services = services
            for handler: Handler in state.handlers.values { handler.follow(services) }
        }
    }

    /// The handler of a loop; called on it.
    func handler(_ resources: LoopResources) -> Handler {
        state.withLock { (state: inout State) in
            let key = ObjectIdentifier(resources)
            if let known: Handler = state.handlers[key] { return known }
            guard let services: Handler.Services = state.services else {
                preconditionFailure("a surface is opened before its first connection")
            }
            let handler = Handler(services, resources: resources)
            state.handlers[key] = handler
            return handler
        }
    }
}
