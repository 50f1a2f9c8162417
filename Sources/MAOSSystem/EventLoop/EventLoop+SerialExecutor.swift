extension EventLoop {
    /// Runs an actor's job on the loop; from any thread.
    package func enqueue(_ job: consuming ExecutorJob) {
        submit(.job(UnownedJob(job)))
    }

    /// Whether the caller is on the loop, as the concurrency runtime asks it.
    package func isIsolatingCurrentContext() -> Bool? {
        isCurrent
    }

    /// Traps unless the caller is on the loop.
    package func checkIsolated() {
        precondition(isCurrent, "not on the loop \(name)")
    }
}
