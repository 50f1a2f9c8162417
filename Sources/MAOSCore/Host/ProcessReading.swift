/// What one look at the machine's processes found.
package struct ProcessScan: Sendable, Hashable {
    /// When it was looked.
    package var time = Instant(milliseconds: 0)
    /// How long the look took, in milliseconds.
    package var duration: Double = 0
    /// Every process there is, by its number; threads of the kernel included.
    package var processes: [ProcessReading] = []

    /// No look was taken yet.
    package init() {}

    /// The process of that number; O(log n).
    package func process(_ pid: Int32) -> ProcessReading? {
        var (low, high): (Int, Int) = (0, processes.count)
        while low < high {
            let middle: Int = (low + high) / 2
            if processes[middle].identity.pid < pid { low = middle + 1 } else { high = middle }
        }
        return low < processes.count && processes[low].identity.pid == pid ? processes[low] : nil
    }
}

/// A process, as a look at the machine found it.
package struct ProcessReading: Sendable, Hashable {
    /// Tells it from a later process with the same number.
    package var identity: ProcessIdentity
    /// The process that started it, or that it was given to.
    package var parent: Int32 = 0
    /// Its process group.
    package var group: Int32 = 0
    /// Its session.
    package var session: Int32 = 0
    /// The number of the user that it acts for.
    package var user: UInt32 = 0
    /// What it calls itself: the first 15 bytes of its program's name, or what it chose.
    package var name: String = ""
    /// Its arguments with blanks between them, at most 4,096 bytes; empty for threads of the kernel.
    package var commandLine: String = ""
    /// What it is doing.
    package var state = ProcessState.sleeping
    /// Which of the programs that clients ask for it is, going by its command line.
    package var program = ProcessProgram.other
    /// Whose it is, when it or one of its ancestors was started here.
    package var owner: ProcessOwner?
    /// Processor time since the look before: 100 for one core, so more than 100 with several threads; 0 at first.
    package var cpuPercent: Double = 0
    /// Processor time of its own in all.
    package var processorTime = Milliseconds(0)
    /// Memory that it occupies, shared pages included.
    package var residentBytes: Int64 = 0
    /// Its threads.
    package var threads: Int = 1
    /// When it was started.
    package var startedAt = Instant(milliseconds: 0)
    /// Where it works; known of processes that have a program's name or an owner, if we may look.
    package var workingDirectory: String?

    /// A process of which nothing else is known.
    package init(_ identity: ProcessIdentity) { self.identity = identity }

    /// Whether it is one of the programs that clients ask for, or was started here.
    package var isOfInterest: Bool { program != .other || owner != nil }
}

/// Who a process that was started here works for.
package struct ProcessOwner: Sendable, Hashable {
    /// The agent.
    package var agent: AgentID
    /// The attempt at a task; `nil` for an agent's resident process.
    package var attempt: AttemptID?

    /// Names an agent, and the attempt where it is one.
    package init(agent: AgentID, attempt: AttemptID? = nil) {
        self.agent = agent
        self.attempt = attempt
    }
}

/// What a process is doing.
package enum ProcessState: String, Sendable, CaseIterable {
    /// It runs, or waits for a processor.
    case running
    /// It waits for something, a disk included, or is a thread of the kernel without work.
    case sleeping
    /// It was stopped by a signal or a debugger.
    case stopped
    /// It has ended, and its parent has not asked how.
    case zombie
    /// It is just about to disappear.
    case dead

    /// The state for the letter of `/proc/PID/stat`.
    package init(letter: UInt8) {
        self =
            switch letter {
            case UInt8(ascii: "R"): .running
            case UInt8(ascii: "T"), UInt8(ascii: "t"): .stopped
            case UInt8(ascii: "Z"): .zombie
            case UInt8(ascii: "X"), UInt8(ascii: "x"): .dead
            default: .sleeping
            }
    }
}

/// Programs that clients ask for by name.
package enum ProcessProgram: String, Sendable, CaseIterable {
    /// OpenCode.
    case opencode
    /// Claude on the command line.
    case claude
    /// Claude with a window of its own.
    case claudeDesktop = "claude_desktop"
    /// Claude run from its maker's package.
    case anthropicClaude = "anthropic_claude"
    /// Claude as part of the Cursor editor.
    case cursorClaude = "cursor_claude"
    /// Anything else.
    case other = "unknown"
}

/// What the processes of one agent use, all together.
package struct ProcessUsage: Sendable, Hashable {
    /// Processor time since the look before, that of processes that ended meanwhile included: 100 for one core.
    package var cpuPercent: Double = 0
    /// Memory that they occupy; pages that several share count for each.
    package var residentBytes: Int64 = 0
    /// Their threads.
    package var threads: Int = 0
    /// How many processes there are.
    package var processes: Int = 0

    /// Nothing is used.
    package init() {}

    /// Both together.
    package static func + (left: ProcessUsage, right: ProcessUsage) -> ProcessUsage {
        var sum: ProcessUsage = left
        sum.cpuPercent += right.cpuPercent
        sum.residentBytes += right.residentBytes
        sum.threads += right.threads
        sum.processes += right.processes
        return sum
    }
}

/// What is only looked up of a process when somebody asks.
package struct ProcessDetails: Sendable, Hashable {
    /// Where it works.
    package var workingDirectory: String?
    /// Files, sockets and pipes that it has open; `nil` where we may not look.
    package var openFiles: Int?
    /// TCP and UDP sockets among them.
    package var connections: Int?

    /// Nothing is known.
    package init() {}
}
