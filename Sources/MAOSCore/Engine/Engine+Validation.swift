/// The ranges that the model states, checked before anything is decided: what breaks them never gets into the state.
extension Engine {
    /// Refuses what no task may be asked for.
    func validate(_ specification: TaskSpecification) throws(Rejection) {
        #if EngineFaults
        if EngineFault.uncheckedInput.isOn { return }
        #endif
        let isAddressed: Bool = specification.agent != nil
        try check("description", length: specification.description, in: 1...(isAddressed ? 65_536 : 1_000))
        try check(count: specification.capabilities.count, of: "capabilities")
        for (index, capability) in specification.capabilities.enumerated() {
            try check("capabilities.\(index).name", length: capability.name, in: 1...100)
            try check(
                "capabilities.\(index).minimumProficiency", capability.minimumProficiency, in: 0...1)
        }
        if let key: String = specification.concurrencyKey { try check("concurrencyKey", length: key, in: 1...255) }
        if let timeout: Milliseconds = specification.timeout {
            try check("timeout", timeout, in: (isAddressed ? 1 : .seconds(1))...(.seconds(86_400)))
        }
        if isAddressed, specification.scheduledTime != nil {
            throw refusal("schedule", "a time", expected: "none for a task that is addressed to an agent")
        }
        try validate(specification.budget)
        let policy: RetryPolicy = specification.retryPolicy
        try check("retryPolicy.maximumAttempts", policy.maximumAttempts, in: 1...100)
        try check("retryPolicy.backoff", policy.backoff, in: 0...(.seconds(86_400)))
        try check("retryPolicy.factor", policy.factor, in: 1...10)
        if case .arguments(let arguments)? = specification.command, arguments.isEmpty {
            throw refusal("command", "[]", expected: "at least the program")
        }
    }

    /// Refuses what no agent may be like.
    func validate(_ specification: AgentSpecification) throws(Rejection) {
        try check(count: specification.capabilities.count, of: "capabilities")
        for (index, capability) in specification.capabilities.enumerated() {
            try check("capabilities.\(index).name", length: capability.name, in: 1...100)
            try check("capabilities.\(index).proficiency", capability.proficiency, in: 0...1)
            try check("capabilities.\(index).learningRate", capability.learningRate, in: 0...1)
        }
        try check("maximumConcurrentTasks", specification.maximumConcurrentTasks, in: 1...1_000)
        try check("heartbeatInterval", specification.heartbeatInterval, in: .seconds(1)...(.seconds(3_600)))
        if let timeout: Milliseconds = specification.commandTimeout {
            try check("commandTimeout", timeout, in: 1...(.seconds(86_400)))
        }
        guard let resources: ResourceRequirements = specification.resources else { return }
        let amounts: [(String, Double?)] = [
            ("cpu", resources.cpu), ("memory", resources.memory), ("gpu", resources.gpu),
            ("storage", resources.storage),
        ]
        for (name, amount) in amounts {
            if let amount { try check("resources.\(name)", amount, in: 0...Double.greatestFiniteMagnitude) }
        }
    }

    /// Refuses a key that is empty or too long to be remembered.
    func validate(_ key: IdempotencyKey) throws(Rejection) {
        try check("idempotencyKey", length: key.key, in: 1...255)
    }

    // MARK: Pieces

    func check<Value: Comparable>(
        _ field: @autoclosure () -> String, _ value: Value, in range: ClosedRange<Value>
    ) throws(Rejection) {
        // A number that is none is in no range.
        guard range.contains(value) else {
            throw refusal(field(), "\(value)", expected: "\(range.lowerBound) to \(range.upperBound)")
        }
    }

    func check(
        _ field: @autoclosure () -> String, _ value: Milliseconds, in range: ClosedRange<Milliseconds>
    ) throws(Rejection) {
        guard range.contains(value) else {
            throw refusal(
                field(), "\(value.count)", expected: "\(range.lowerBound.count) to \(range.upperBound.count) ms")
        }
    }

    func check(
        _ field: @autoclosure () -> String, length text: String, in range: ClosedRange<Int>
    ) throws(Rejection) {
        // A text has at most as many characters as bytes, and counting bytes is free.
        let bytes: Int = text.utf8.count
        guard bytes < range.lowerBound || bytes > range.upperBound else { return }
        let characters: Int = text.count
        guard !range.contains(characters) else { return }
        throw refusal(
            field(), "\(characters) characters", expected: "\(range.lowerBound) to \(range.upperBound) characters")
    }

    func check(count: Int, of field: String) throws(Rejection) {
        let limit: Int = configuration.limits.capabilities
        guard count <= limit else { throw refusal(field, "\(count) entries", expected: "at most \(limit) entries") }
    }

    func refusal(_ field: String, _ value: String, expected: String) -> Rejection {
        .invalid(Rejection.Issue(field: field, value: value, expected: expected))
    }
}
