internal import CLinux
internal import Glibc

/// A program that was started: our ends of what connects us to it.
package struct SpawnedProcess: ~Copyable, Sendable {
    /// The kernel's number, which stays its own until it has been waited for.
    package let pid: Int32
    /// Readable once the process has ended.
    package var exit: Descriptor?
    /// Its standard output, or its terminal; does not wait.
    package var output: Descriptor?
    /// Its standard error, nil where a terminal carries that too; does not wait.
    package var error: Descriptor?
}

/// Starts programs, each in a session of its own, with memory it reuses from one start to the next.
///
/// A program is killed when the thread that started it ends, so one spawner belongs to one long-lived thread.
package final class ProcessSpawner {
    /// The two ends of a stream: one stays here, the other becomes the program's.
    private struct Ends: ~Copyable {
        var ours: Descriptor
        var theirs: Descriptor

        static func pipe() throws(SystemError) -> Ends {
            var ends: Ends?
            try Descriptor.pipe(nonBlocking: false).ends { ends = Ends(ours: $0, theirs: $1) }
            guard let made = ends.take() else { preconditionFailure("a pipe has two ends") }
            try made.ours.setNonBlocking(true)
            return made
        }

        static func terminal(_ size: TerminalSize, echo: Bool) throws(SystemError) -> Ends {
            var (ours, theirs): (CInt, CInt) = (-1, -1)
            let code: CInt = maos_terminal_open(&ours, &theirs, CInt(size.columns), CInt(size.rows), echo ? 1 : 0)
            guard code == 0 else { throw SystemError(code: code, call: "pseudo-terminal") }
            return Ends(ours: Descriptor(owning: ours), theirs: Descriptor(owning: theirs))
        }

        /// Closes their end, which the program has a copy of by now.
        consuming func keepOurs() -> Descriptor { ours }
    }

    private let null: Descriptor
    /// Every string of a request, each with its zero.
    private var text: [CChar] = []
    /// Where in `text` each string begins; -1 ends a list.
    private var offsets: [Int] = []
    private var pointers: [UnsafeMutablePointer<CChar>?] = []

    /// Opens what every start needs.
    ///
    /// - Throws: ``SystemError`` if there is no `/dev/null`.
    package init() throws(SystemError) {
        null = try Descriptor.open("/dev/null", flags: O_RDWR)
    }

    /// Starts a program, and returns when it runs.
    ///
    /// It has no descriptors but the three standard ones, the usual signal handling, and no signal blocked.
    ///
    /// - Throws: ``SpawnError``, also where the program itself could not be executed.
    package func spawn(_ request: SpawnRequest) throws(SpawnError) -> SpawnedProcess {
        try check(request)
        var output: Ends?
        var error: Ends?
        do throws(SystemError) {
            switch request.streams {
            case .pipes: output = try Ends.pipe()
            case .terminal(let size): output = try Ends.terminal(size, echo: true)
            case .conversation(let size): output = try Ends.terminal(size, echo: false)
            }
            switch request.streams {
            case .pipes, .conversation: error = try Ends.pipe()
            case .terminal: break
            }
        } catch {
            throw SpawnError(program: request.arguments[0], step: .resources, code: error.code)
        }
        guard let output = output.take() else { preconditionFailure("every program has an output") }
        let errorNumber: CInt =
            switch error {
            case .some(let ends): ends.theirs.number
            case .none: output.theirs.number
            }
        let (pid, exit): (CInt, CInt) = try start(request, output: output.theirs.number, error: errorNumber)
        var ourError: Descriptor?
        if let ends = error.take() { ourError = ends.keepOurs() }
        return SpawnedProcess(
            pid: pid, exit: Descriptor(owning: exit), output: output.keepOurs(), error: ourError)
    }

    private func check(_ request: SpawnRequest) throws(SpawnError) {
        func refuse(_ text: String) -> SpawnError {
            SpawnError(program: request.arguments.first ?? "", step: .request(text), code: 0)
        }
        guard let program: String = request.arguments.first, !program.isEmpty else {
            throw refuse("the command is empty")
        }
        for argument in request.arguments where argument.utf8.contains(0) {
            throw refuse("an argument holds a zero byte")
        }
        for variable in request.environment {
            guard !variable.utf8.contains(0) else { throw refuse("an environment variable holds a zero byte") }
            guard let equals: String.Index = variable.utf8.firstIndex(of: UInt8(ascii: "=")),
                equals > variable.startIndex
            else { throw refuse("an environment variable has no name") }
        }
        guard request.directory?.utf8.contains(0) != true else {
            throw refuse("the working directory holds a zero byte")
        }
    }

    // MARK: - The request as C wants it

    private func append(_ string: String) {
        offsets.append(text.count)
        for byte in string.utf8 { text.append(CChar(bitPattern: byte)) }
        text.append(0)
    }

    private func endList() -> Int {
        offsets.append(-1)
        return offsets.count
    }

    /// Where a program of that name may be, in the order of looking.
    private func appendPrograms(_ name: String, searchPath: String) {
        guard !name.utf8.contains(UInt8(ascii: "/")) else { return append(name) }
        for folder in searchPath.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false) {
            offsets.append(text.count)
            for byte in folder { text.append(CChar(bitPattern: byte)) }
            if !folder.isEmpty { text.append(CChar(bitPattern: UInt8(ascii: "/"))) }
            for byte in name.utf8 { text.append(CChar(bitPattern: byte)) }
            text.append(0)
        }
    }

    private func start(
        _ request: SpawnRequest, output: CInt, error: CInt
    ) throws(SpawnError) -> (pid: CInt, exit: CInt) {
        text.removeAll(keepingCapacity: true)
        offsets.removeAll(keepingCapacity: true)
        appendPrograms(request.arguments[0], searchPath: request.searchPath)
        let argumentsStart: Int = endList()
        for argument in request.arguments { append(argument) }
        let environmentStart: Int = endList()
        for variable in request.environment { append(variable) }
        let shellStart: Int = endList()
        for _ in 0..<request.arguments.count + 2 { offsets.append(-1) }
        let directoryStart: Int = offsets.count
        if let directory: String = request.directory { append(directory) }
        _ = endList()

        var spawn = maos_spawn()
        spawn.argument_count = request.arguments.count
        spawn.output = output
        spawn.error = error
        spawn.control_group = request.controlGroup ?? -1
        switch request.streams {
        case .pipes: spawn.input = null.number
        case .terminal, .conversation:
            spawn.input = output
            spawn.has_terminal = 1
        }
        var limits: [maos_spawn_limit] = request.limits.map(\.kernelForm)
        spawn.limit_count = limits.count

        text.withUnsafeMutableBufferPointer { text in
            pointers.removeAll(keepingCapacity: true)
            for offset in offsets { pointers.append(offset < 0 ? nil : text.baseAddress?.advanced(by: offset)) }
            pointers.withUnsafeMutableBufferPointer { pointers in
                limits.withUnsafeMutableBufferPointer { limits in
                    spawn.programs = UnsafePointer(pointers.baseAddress)
                    spawn.arguments = UnsafePointer(pointers.baseAddress?.advanced(by: argumentsStart))
                    spawn.environment = UnsafePointer(pointers.baseAddress?.advanced(by: environmentStart))
                    spawn.shell_arguments = pointers.baseAddress?.advanced(by: shellStart)
                    spawn.directory = UnsafePointer(pointers[directoryStart])
                    spawn.limits = UnsafePointer(limits.baseAddress)
                    maos_spawn_run(&spawn)
                }
            }
        }
        guard spawn.failure == 0 else {
            throw SpawnError(
                program: request.arguments[0], step: step(Int(spawn.step), of: request), code: spawn.failure)
        }
        return (spawn.child, spawn.descriptor)
    }

    private func step(_ number: Int, of request: SpawnRequest) -> SpawnError.Step {
        switch number {
        case Int(MAOS_SPAWN_DIRECTORY.rawValue): .directory(request.directory ?? "")
        case Int(MAOS_SPAWN_LIMITS.rawValue): .limits
        case Int(MAOS_SPAWN_GROUP.rawValue): .controlGroup
        case Int(MAOS_SPAWN_EXEC.rawValue): .execution
        default: .resources
        }
    }
}

extension ProcessLimit {
    /// The hard limit is the same, except for processor time: there it leaves a second between the two signals.
    fileprivate var kernelForm: maos_spawn_limit {
        let number: CInt
        var ceiling: UInt64 = value
        switch resource {
        case .processorTime:
            number = CInt(RLIMIT_CPU.rawValue)
            ceiling = value &+ 1
        case .data: number = CInt(RLIMIT_DATA.rawValue)
        case .addressSpace: number = CInt(RLIMIT_AS.rawValue)
        case .fileSize: number = CInt(RLIMIT_FSIZE.rawValue)
        case .openFiles: number = CInt(RLIMIT_NOFILE.rawValue)
        case .processes: number = CInt(__RLIMIT_NPROC.rawValue)
        case .coreSize: number = CInt(RLIMIT_CORE.rawValue)
        }
        return maos_spawn_limit(resource: number, value: value, ceiling: ceiling)
    }
}
