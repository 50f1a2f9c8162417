package import MAOSCore

/// Somebody at the terminal of an agent's resident process, confined to its loop.
///
/// It first shows the newest stored output and then what comes, without gap or repetition. A client that reads too slowly
/// misses output: it is told how many bytes (`{"gap": bytes}`) and goes on with the newest. What the client types waits here
/// while the process does not take it, or is being started; no more is read meanwhile.
package final class TerminalSession {
    private enum Mode {
        /// Waits for the stored output.
        case reading
        /// Sends what comes.
        case live
        /// Waits for the client to take what it was sent.
        case full
        /// Says nothing any more.
        case closed
    }

    /// Something that waits to be sent.
    private enum Item {
        case output(sequence: UInt64, data: [UInt8])
        case exit(Int)
    }

    /// Whose terminal.
    package let agent: AgentID
    /// The connection.
    package let peer: PeerID

    private let followsRestarts: Bool
    private let expires: Instant?
    private let tailLimit: Int
    private let inputLimit: Int

    private var mode: Mode = .reading
    /// The first entry that has not been sent.
    private var next: UInt64 = 1
    private var held: [Item] = []
    private var heldBytes: Int = 0
    /// Bytes that were let go of because the client had not read what was before them.
    private var missed: Int = 0
    /// What it was not handed and shows the newest of from the log: up to which entry, and what the client has not seen of it;
    /// `nil` for nothing.
    private var gap: (last: UInt64, unseen: (from: UInt64, bytes: Int)?)?
    /// What to close with once everything held is sent.
    private var farewell: (code: UInt16, reason: String)?

    /// Whether there is a process to type to.
    private var isUp = false
    private var size: TerminalMessages.Size?
    private var input: [UInt8] = []
    /// What the process is being given.
    private var typed: [UInt8] = []
    private var hasRefusedInput = false
    private var isReading = true

    /// Takes over a connection whose handshake is done.
    ///
    /// - Parameters:
    ///   - terminal: What the client asked for.
    ///   - peer: The connection.
    ///   - expires: When its token ends; `nil` for never.
    ///   - configuration: How much is shown first and held at most.
    package init(
        _ terminal: GatewayTerminal, peer: PeerID, expires: Instant?, configuration: GatewayConfiguration
    ) {
        agent = terminal.agent
        followsRestarts = terminal.followsRestarts
        self.peer = peer
        self.expires = expires
        tailLimit = configuration.terminalTail
        inputLimit = configuration.terminalInput
    }

    // MARK: Output

    func open(_ state: AgentState?, to outputs: inout [GatewayOutput]) {
        read(to: &outputs)
        note(state, to: &outputs)
    }

    private func read(to outputs: inout [GatewayOutput]) {
        outputs.append(.read(.outputTail(.agent(agent), .terminal, byteLimit: tailLimit), for: peer))
    }

    /// Takes the newest stored output; an empty page where it cannot be read.
    func complete(_ page: OutputPage, to outputs: inout [GatewayOutput]) {
        guard mode == .reading else { return }
        if let gap, page.nextSequence > 1, page.nextSequence <= gap.last { return read(to: &outputs) }
        mode = .live
        let unseen: (from: UInt64, bytes: Int)? = gap?.unseen
        gap = nil
        var lost: Int = unseen.map { $0.bytes + missed } ?? 0
        var firstHeld: UInt64?
        if case .output(let sequence, _)? = held.first { firstHeld = sequence }
        // So much may have come meanwhile that the page is not the newest any more.
        let isOutdated: Bool = missed > 0 && (firstHeld ?? 0) > page.nextSequence
        missed = 0
        var bytes: [UInt8] = []
        if !isOutdated {
            for entry: OutputEntry in page.entries where entry.sequence >= unseen?.from ?? 0 {
                bytes += entry.data
                if entry.sequence < firstHeld ?? next { lost -= entry.data.count }
            }
            next = max(next, page.nextSequence)
            held.removeAll { (item: Item) in
                if case .output(let sequence, _) = item { sequence < page.nextSequence } else { false }
            }
        }
        if lost > 0 { outputs.append(.tell(TerminalMessages.gap(lost), to: peer)) }
        if !bytes.isEmpty { send(bytes, to: &outputs) }
        sendHeld(to: &outputs)
    }

    /// Takes note of entries that it is not handed: shows the newest of them from the log, as after a client's own delay.
    func skipped(_ skipped: OutputGap, to outputs: inout [GatewayOutput]) {
        let last: UInt64 = skipped.sequences.upperBound
        guard farewell == nil, last >= next else { return }
        let from: UInt64 = next
        next = last + 1
        switch mode {
        case .live:
            mode = .reading
            gap = (last, (from, skipped.terminalBytes))
            read(to: &outputs)
        case .reading:
            // What came before it is further from the newest still.
            let bytes: Int = letGoOfHeld() + skipped.terminalBytes
            gap = (last, gap?.unseen.map { ($0.from, $0.bytes + bytes) })
        case .full:
            missed += letGoOfHeld() + skipped.terminalBytes
        case .closed: break
        }
    }

    private func letGoOfHeld() -> Int {
        defer { heldBytes = 0 }
        held.removeAll { if case .output = $0 { true } else { false } }
        return heldBytes
    }

    /// Takes entries of the terminal's own stream in order.
    ///
    /// - Returns: Whether they are to be sent as they are; they are noted as sent then.
    func accept(_ entries: ArraySlice<OutputEntry>, to outputs: inout [GatewayOutput]) -> Bool {
        guard farewell == nil, let first: OutputEntry = entries.first, let last: OutputEntry = entries.last else {
            return false
        }
        switch mode {
        case .live where first.sequence >= next:
            next = last.sequence + 1
            return true
        case .live:
            let fresh: [UInt8] = entries.filter { $0.sequence >= next }.flatMap(\.data)
            next = max(next, last.sequence + 1)
            if !fresh.isEmpty { send(fresh, to: &outputs) }
            return false
        case .reading, .full:
            for entry: OutputEntry in entries where entry.sequence >= next { hold(entry) }
            return false
        case .closed:
            return false
        }
    }

    /// The client has not taken enough of what it was sent.
    func filled() {
        if mode == .live { mode = .full }
    }

    /// The client has taken what it was sent.
    func drained(to outputs: inout [GatewayOutput]) {
        guard mode == .full else { return }
        mode = .live
        sendHeld(to: &outputs)
    }

    /// The process has ended; all of its output has come before.
    func end(_ code: Int, to outputs: inout [GatewayOutput]) {
        guard mode != .closed, farewell == nil else { return }
        isUp = false
        held.append(.exit(code))
        if !followsRestarts { farewell = (1000, "the process has ended") }
        if mode == .live { sendHeld(to: &outputs) }
    }

    private func hold(_ entry: OutputEntry) {
        next = entry.sequence + 1
        held.append(.output(sequence: entry.sequence, data: entry.data))
        heldBytes += entry.data.count
        var first: Int = 0
        while heldBytes > tailLimit, first < held.count - 1 {
            if case .output(_, let data) = held[first] {
                heldBytes -= data.count
                missed += data.count
            }
            first += 1
        }
        if first > 0 { held.removeFirst(first) }
    }

    private func sendHeld(to outputs: inout [GatewayOutput]) {
        if missed > 0 { outputs.append(.tell(TerminalMessages.gap(missed), to: peer)) }
        missed = 0
        let items: [Item] = held
        held = []
        heldBytes = 0
        var bytes: [UInt8] = []
        for item: Item in items {
            switch item {
            case .output(_, let data):
                bytes += data
            case .exit(let code):
                if !bytes.isEmpty { send(bytes, to: &outputs) }
                bytes = []
                outputs.append(.tell(TerminalMessages.exit(code), to: peer))
            }
        }
        if !bytes.isEmpty { send(bytes, to: &outputs) }
        guard let farewell else { return }
        close(farewell.code, farewell.reason, to: &outputs)
    }

    private func send(_ bytes: [UInt8], to outputs: inout [GatewayOutput]) {
        outputs.append(.show(bytes, to: [peer]))
    }

    private func close(_ code: UInt16, _ reason: String, to outputs: inout [GatewayOutput]) {
        guard mode != .closed else { return }
        mode = .closed
        outputs.append(.close(peer, code: code, reason: reason))
    }

    // MARK: The agent

    /// Takes note of how the agent stands; `nil` once it has been terminated.
    func note(_ state: AgentState?, to outputs: inout [GatewayOutput]) {
        guard mode != .closed, farewell == nil else { return }
        guard let state, state.status != .terminated else {
            farewell = (1000, "the agent has been terminated")
            if mode == .live { sendHeld(to: &outputs) }
            return
        }
        let wasUp: Bool = isUp
        isUp = state.process != nil && state.status != .error
        guard isUp, !wasUp else { return }
        // A fresh terminal knows nothing of the client's.
        if let size { resize(to: size, &outputs) }
        typeOn(to: &outputs)
    }

    /// Closes the connection when its token has ended, and tries again what was refused.
    func tick(at now: Instant, to outputs: inout [GatewayOutput]) {
        if let expires, expires <= now { close(1008, GatewayFailure.invalidToken.message, to: &outputs) }
        hasRefusedInput = false
        typeOn(to: &outputs)
    }

    // MARK: Input

    /// Takes what the client typed.
    package func receive(_ bytes: [UInt8]) -> [GatewayOutput] {
        guard mode != .closed, !bytes.isEmpty else { return [] }
        var outputs: [GatewayOutput] = []
        input += bytes
        typeOn(to: &outputs)
        return outputs
    }

    /// Takes a whole text message, whose bytes are UTF-8.
    package func receive(text: [UInt8]) -> [GatewayOutput] {
        guard mode != .closed else { return [] }
        do throws(GatewayFailure) {
            let wanted: TerminalMessages.Size = try TerminalMessages.decode(text)
            size = wanted
            var outputs: [GatewayOutput] = []
            if isUp { resize(to: wanted, &outputs) }
            return outputs
        } catch {
            return [.tell(TerminalMessages.error(error), to: peer)]
        }
    }

    /// Goes on after bytes were typed, or not.
    func typingEnded(_ answer: HostAnswer, to outputs: inout [GatewayOutput]) {
        switch answer {
        case .busy:
            // Nothing of it was typed, so nothing comes twice.
            input = typed + input
            hasRefusedInput = true
        case .done, .noSuchProcess, .failed, .signalled, .inspected: break
        }
        typed = []
        typeOn(to: &outputs)
    }

    private func resize(to size: TerminalMessages.Size, _ outputs: inout [GatewayOutput]) {
        outputs.append(.perform(.resize(agent, columns: size.columns, rows: size.rows), for: peer))
    }

    private func typeOn(to outputs: inout [GatewayOutput]) {
        guard mode != .closed else { return }
        if isUp, typed.isEmpty, !input.isEmpty, !hasRefusedInput {
            // A large message goes in parts, so that what others type comes in between.
            typed = Array(input.prefix(inputLimit))
            input.removeFirst(typed.count)
            outputs.append(.perform(.feed(agent, typed), for: peer))
        }
        let wantsMore: Bool = input.count < inputLimit
        guard wantsMore != isReading else { return }
        isReading = wantsMore
        outputs.append(.setReading(peer, wantsMore))
    }
}
