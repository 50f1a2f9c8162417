internal import MAOSCore

/// What the events tell of work: counted as they are published, on the writer's thread, for other threads to read.
final class EventMeasures: EventSink, @unchecked Sendable {
    // The only variable is confined to the writer's thread, the only one that publishes.

    let created = MetricCounter()
    let completed = MetricCounter()
    let failed = MetricCounter()
    let cancelled = MetricCounter()
    let deadLetters = MetricCounter()
    /// From the time that a task could run until an agent had it.
    let waits = MetricHistogram()
    let attemptsStarted = MetricCounter()
    let attemptsCompleted = MetricCounter()
    let attemptsFailed = MetricCounter()
    let attemptsInterrupted = MetricCounter()
    /// From the assignment of an attempt to its end.
    let attempts = MetricHistogram()
    let agentsSpawned = MetricCounter()
    let agentsCrashed = MetricCounter()
    /// From the wish for an agent until it was there.
    let agentStarts = MetricHistogram()
    private var spawning: [AgentID: Instant] = [:]

    func receive(_ events: [Event]) {
        let span: Span<Event> = events.span
        for index in span.indices {
            if span[index].taskKind == .created { created.add() } else { note(span[index]) }
        }
    }

    private func note(_ event: Event) {
        switch event.body {
        case .task(let task): note(task, at: event.time)
        case .agent(let agent): note(agent, at: event.time)
        case .system, .workflow: break
        }
    }

    private func note(_ task: TaskEvent, at time: Instant) {
        switch task.kind {
        case .assigned:
            if let queued: Instant = task.state.queuedAt { waits.add(nanoseconds: (time - queued).nanoseconds) }
        case .started:
            attemptsStarted.add()
        case .completed:
            completed.add()
            attemptEnded(task, attemptsCompleted, at: time)
        case .failed:
            failed.add()
            if task.state.isDeadLetter { deadLetters.add() }
            attemptEnded(task, attemptsFailed, at: time)
        case .retryScheduled:
            attemptEnded(task, attemptsFailed, at: time)
        case .interrupted:
            attemptEnded(task, attemptsInterrupted, at: time)
        case .cancelled:
            cancelled.add()
        case .created, .queued, .progressed, .paused, .resumed, .cancelRequested, .cancelStage, .priorityChanged,
            .restarted, .discarded:
            break
        }
    }

    private func attemptEnded(_ task: TaskEvent, _ counter: MetricCounter, at time: Instant) {
        // A task that ends while it waits has no agent.
        guard task.agent != nil, let started: Instant = task.state.startedAt else { return }
        counter.add()
        attempts.add(nanoseconds: (time - started).nanoseconds)
    }

    private func note(_ agent: AgentEvent, at time: Instant) {
        switch agent.kind {
        case .spawned:
            agentsSpawned.add()
            spawning[agent.id] = time
        case .ready:
            guard let begin: Instant = spawning.removeValue(forKey: agent.id) else { return }
            agentStarts.add(nanoseconds: (time - begin).nanoseconds)
        case .crashed:
            agentsCrashed.add()
        case .terminated:
            spawning[agent.id] = nil
        case .workChanged, .configured, .paused, .resumed, .stopping:
            break
        }
    }
}

extension Milliseconds {
    fileprivate var nanoseconds: Int64 { count.multipliedReportingOverflow(by: 1_000_000).partialValue }
}
