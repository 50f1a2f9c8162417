/// Requests that are sent again.
extension Engine {
    /// Carries out a command that makes something, unless one with the same key has.
    mutating func applyOnce(
        _ key: IdempotencyKey, _ command: Command, by principal: Principal
    ) throws(Rejection) -> Reply {
        try requireRight(for: command, principal)
        try validate(key)
        if let earlier: Creation = try earlierCreation(of: principal, key) { return .repeatedCreation(earlier) }
        let reply: Reply
        switch command {
        case .schedule(let command): reply = try apply(command, by: principal)
        case .workflow(let command): reply = try apply(command, by: principal)
        case .pool(let command): reply = try apply(command, by: principal)
        default: throw refusal("idempotencyKey", key.key, expected: "none: this command makes nothing")
        }
        switch reply {
        case .schedule(let record): remember(key, of: principal, .schedule(record.id))
        case .execution(let snapshot): remember(key, of: principal, .execution(snapshot.record.id))
        case .pool(let record): remember(key, of: principal, .pool(record.id))
        default: break
        }
        return reply
    }

    /// Refuses who may not make such a thing: what somebody else of that name has made is none of their business either.
    private func requireRight(for command: Command, _ principal: Principal) throws(Rejection) {
        let permission: Permissions
        switch command {
        case .schedule: permission = .tasksCreate
        case .workflow(.execute): permission = .workflowsExecute
        case .workflow: permission = .workflowsCreate
        case .pool: permission = .poolsScale
        default: return
        }
        try principal.require(permission)
        try requireWholeReach(principal, for: permission)
    }

    /// What a request with this key has made; `nil` for the first one.
    func earlierCreation(of principal: Principal, _ key: IdempotencyKey) throws(Rejection) -> Creation? {
        let index = EngineState.IdempotencyIndex(subject: principal.subject, key: key.key)
        guard let entry: IdempotencyEntry = state.idempotency[index], entry.expires > state.now else { return nil }
        guard entry.key.fingerprint == key.fingerprint else {
            throw .conflict(
                reason: "idempotency_key_reused",
                message: "The idempotency key \(key.key) has been used with another request")
        }
        return entry.made
    }

    mutating func remember(_ key: IdempotencyKey, of principal: Principal, _ made: Creation) {
        let entry = IdempotencyEntry(
            subject: principal.subject, key: key, made: made,
            expires: state.now + configuration.limits.idempotencyRetention)
        batch.idempotency.append(entry)
        #if EngineFaults
        if EngineFault.forgottenKey.isOn { return }
        #endif
        remember(entry)
    }

    /// Keeps an entry, and forgets those that have expired or are too many.
    mutating func remember(_ entry: IdempotencyEntry) {
        let index = EngineState.IdempotencyIndex(subject: entry.subject, key: entry.key.key)
        state.idempotency[index] = entry
        state.idempotencyOrder.append(EngineState.IdempotencyPlace(index: index, expires: entry.expires))
        while let oldest: EngineState.IdempotencyPlace = state.idempotencyOrder.first {
            let isSurplus: Bool = state.idempotencyOrder.count > configuration.limits.idempotencyKeys
            guard isSurplus || oldest.expires <= state.now else { break }
            _ = state.idempotencyOrder.popFirst()
            // A key that expired and was used again has a later place as well, which counts.
            if state.idempotency[oldest.index]?.expires == oldest.expires { state.idempotency[oldest.index] = nil }
        }
    }
}
