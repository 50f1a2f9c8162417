/// A program to start, and all that it is given.
package struct SpawnRequest: Sendable {
    /// What the program's standard streams are.
    package enum Streams: Sendable {
        /// Nothing to read; standard output and standard error are pipes of their own.
        case pipes
        /// A pseudo-terminal for all three.
        case terminal(TerminalSize)
        /// A pseudo-terminal without echo for input and output, a pipe for standard error.
        case conversation(TerminalSize)
    }

    /// The program, looked for in ``searchPath`` unless it has a `/`, and its arguments.
    package var arguments: [String]
    /// `NAME=value` each.
    package var environment: [String]
    /// Folders between colons.
    package var searchPath: String
    /// The folder it starts in; nil for that of the server.
    package var directory: String?
    /// What its standard streams are.
    package var streams: Streams
    /// What the kernel limits for it and for each of its descendants.
    package var limits: [ProcessLimit]
    /// An open `cgroup.procs` of the group to join.
    package var controlGroup: Int32?

    /// Describes a start with pipes, without limits.
    package init(arguments: [String], environment: [String], searchPath: String = "/usr/local/bin:/usr/bin:/bin") {
        self.arguments = arguments
        self.environment = environment
        self.searchPath = searchPath
        streams = .pipes
        limits = []
    }
}

/// The size of a terminal in characters.
package struct TerminalSize: Hashable, Sendable {
    /// 1 … 65,535.
    package var columns: UInt16
    /// 1 … 65,535.
    package var rows: UInt16

    /// Puts the two together; the usual size without arguments.
    package init(columns: UInt16 = 80, rows: UInt16 = 24) {
        self.columns = columns
        self.rows = rows
    }
}

/// A limit that the kernel keeps for one process.
package struct ProcessLimit: Hashable, Sendable {
    /// What is limited.
    package enum Resource: Sendable {
        /// Seconds of processor time; past it comes SIGXCPU, a second later SIGKILL.
        case processorTime
        /// Bytes of private memory.
        case data
        /// Bytes of address space.
        case addressSpace
        /// Bytes of one file; past it comes SIGXFSZ.
        case fileSize
        /// Open descriptors.
        case openFiles
        /// Processes of the user, of which root may have any number.
        case processes
        /// Bytes of a core dump.
        case coreSize
    }

    /// What is limited.
    package var resource: Resource
    /// In the resource's unit.
    package var value: UInt64

    /// Limits a resource.
    package init(_ resource: Resource, _ value: UInt64) {
        self.resource = resource
        self.value = value
    }
}

/// Why a program could not be started.
package struct SpawnError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Which step failed.
    package enum Step: Hashable, Sendable {
        /// An argument or variable that no program can be given; the text says which.
        case request(String)
        /// No descriptor, no terminal or no process was left.
        case resources
        /// A limit could not be set.
        case limits
        /// The control group could not be joined.
        case controlGroup
        /// The folder could not be entered.
        case directory(String)
        /// The program could not be found or executed.
        case execution
    }

    /// As the request named it.
    package let program: String
    /// What failed.
    package let step: Step
    /// The `errno` value; 0 where the kernel was not asked.
    package let code: Int32

    /// Makes an error.
    package init(program: String, step: Step, code: Int32) {
        self.program = program
        self.step = step
        self.code = code
    }

    /// Such as `could not start cc: No such file or directory`.
    package var description: String {
        let reason: String = SystemError(code: code, call: "").reason
        return switch step {
        case .request(let text): "could not start \(program): \(text)"
        case .resources, .execution: "could not start \(program): \(reason)"
        case .limits: "could not start \(program): resource limits: \(reason)"
        case .controlGroup: "could not start \(program): control group: \(reason)"
        case .directory(let path): "could not start \(program): working directory \(path): \(reason)"
        }
    }
}
