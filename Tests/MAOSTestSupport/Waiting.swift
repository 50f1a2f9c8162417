import Synchronization

/// A wait that took longer than any healthy machine needs.
package struct WaitedTooLong: Error, CustomStringConvertible {
    /// What was waited for, and what was there instead.
    package let description: String

    /// Says what was waited for.
    package init(description: String) { self.description = description }
}

/// A value that tests wait for: every change is looked at by those who wait.
package final class Watched<Value: Sendable>: Sendable {
    private struct Waiter {
        let number: Int
        let isMet: @Sendable (Value) -> Bool
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var value: Value
        var waiters: [Waiter] = []
        var lastNumber: Int = 0
    }

    private let state: Mutex<State>

    /// Begins with a value.
    package init(_ value: Value) {
        state = Mutex(State(value: value))
    }

    /// The value as it is.
    package var value: Value { state.withLock { $0.value } }

    /// Changes the value, and lets go on who waited for that.
    package func change(_ body: (inout Value) -> Void) {
        let met: [Waiter] = state.withLock { state in
            body(&state.value)
            let value: Value = state.value
            let met: [Waiter] = state.waiters.filter { $0.isMet(value) }
            state.waiters.removeAll { waiter in met.contains { $0.number == waiter.number } }
            return met
        }
        for waiter in met { waiter.continuation.resume(returning: true) }
    }

    /// Waits until the value is as wanted, and gives it.
    ///
    /// - Parameters:
    ///   - what: What is waited for, for the error.
    ///   - seconds: How long at most.
    ///   - isMet: Whether the value is as wanted.
    /// - Returns: The value.
    /// - Throws: ``WaitedTooLong`` with the value that was there instead.
    @discardableResult
    package func wait(
        for what: String, seconds: Int = 30, until isMet: @escaping @Sendable (Value) -> Bool
    ) async throws -> Value {
        let number: Int = state.withLock { state in
            state.lastNumber += 1
            return state.lastNumber
        }
        let alarm: Task<Void, any Error> = Task {
            try await Task.sleep(for: .seconds(seconds))
            giveUp(number)
        }
        defer { alarm.cancel() }
        let wasMet: Bool = await withCheckedContinuation { continuation in
            let isMetNow: Bool = state.withLock { state in
                if isMet(state.value) { return true }
                state.waiters.append(Waiter(number: number, isMet: isMet, continuation: continuation))
                return false
            }
            if isMetNow { continuation.resume(returning: true) }
        }
        guard wasMet else {
            throw WaitedTooLong(
                description: "no \(what) in \(seconds) s, only \(String(describing: value).prefix(2_000))")
        }
        return value
    }

    private func giveUp(_ number: Int) {
        let waiter: Waiter? = state.withLock { state in
            guard let place: Int = state.waiters.firstIndex(where: { $0.number == number }) else { return nil }
            return state.waiters.remove(at: place)
        }
        waiter?.continuation.resume(returning: false)
    }
}
