package import MAOSCore

/// Keeps every report, and lets tests wait for them.
package final class RecordingReportSink: ReportSink {
    /// What was reported so far, in order.
    package let commands = Watched<[Command]>([])
    /// How many batches it came in.
    package let batches = Watched<Int>(0)

    /// Begins with nothing.
    package init() {}

    /// Takes a batch.
    package func report(_ commands: [Command]) {
        batches.change { $0 += 1 }
        self.commands.change { $0.append(contentsOf: commands) }
    }

    /// Waits for the end of an attempt.
    @discardableResult
    package func outcome(of attempt: AttemptID, seconds: Int = 30) async throws -> AttemptOutcome {
        let all: [Command] = try await commands.wait(for: "end of \(attempt)", seconds: seconds) { commands in
            commands.contains { $0.endedAttempt == attempt }
        }
        for case .attemptEnded(attempt, let outcome, _) in all { return outcome }
        throw WaitedTooLong(description: "no end of \(attempt)")
    }

    /// Waits for the start of an attempt, and gives its process.
    @discardableResult
    package func process(of attempt: AttemptID) async throws -> ProcessIdentity? {
        let all: [Command] = try await commands.wait(for: "start of \(attempt)") { commands in
            commands.contains { if case .attemptStarted(attempt, _) = $0 { true } else { false } }
        }
        for case .attemptStarted(attempt, let process) in all { return process }
        return nil
    }

    /// The progress reported for an attempt, in order.
    package func progress(of attempt: AttemptID) -> [Double?] {
        commands.value.compactMap { command in
            if case .attemptProgressed(attempt, let progress, _) = command { .some(progress) } else { nil }
        }
    }

    /// The steps reported for an attempt, in order.
    package func steps(of attempt: AttemptID) -> [String?] {
        commands.value.compactMap { command in
            if case .attemptProgressed(attempt, _, let step) = command { .some(step) } else { nil }
        }
    }

    /// The stages of stopping reported for an attempt, in order.
    package func stages(of attempt: AttemptID) -> [CancellationStage] {
        commands.value.compactMap { command in
            if case .attemptStopping(attempt, let stage) = command { stage } else { nil }
        }
    }
}

extension Command {
    /// The attempt whose end this reports.
    package var endedAttempt: AttemptID? {
        if case .attemptEnded(let id, _, _) = self { id } else { nil }
    }
}
