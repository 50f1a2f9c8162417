internal import Glibc
internal import MAOSSystem

/// What processes cost at least: `/bin/true`, started and waited for in a loop.
struct BareSpawns {
    /// Processes a second, from the first start to the last end.
    var rate: Double
    /// Microseconds of this process's CPU for each.
    var microsecondsPerProcess: Double

    /// Measures.
    ///
    /// - Parameters:
    ///   - count: How many to start.
    ///   - parallelism: How many run at the same time.
    /// - Returns: What it took.
    /// - Throws: ``BenchError`` when one cannot be started.
    static func measure(count: Int, parallelism: Int) throws(BenchError) -> BareSpawns {
        let begin: Int64 = SystemClock.monotonicNanoseconds()
        let cpu: Int64 = ProcessProbe.ownProcessNanoseconds()
        var running: [pid_t] = []
        var started: Int = 0
        while started < count || !running.isEmpty {
            while started < count, running.count < parallelism {
                running.append(try spawn())
                started += 1
            }
            // The oldest one first, as the bench has other children that are not to be waited for here.
            var status: CInt = 0
            let process: pid_t = running.removeFirst()
            guard waitpid(process, &status, 0) == process, status == 0 else {
                throw BenchError("/bin/true did not end well")
            }
        }
        return BareSpawns(
            rate: Double(count) / (Double(SystemClock.monotonicNanoseconds() - begin) / 1e9),
            microsecondsPerProcess: Double(ProcessProbe.ownProcessNanoseconds() - cpu) / 1e3 / Double(count))
    }

    private static func spawn() throws(BenchError) -> pid_t {
        var process: pid_t = 0
        let code: CInt = ArgumentVector.with(["/bin/true"]) { arguments in
            ArgumentVector.with(["PATH=/usr/bin:/bin"]) { environment in
                posix_spawn(&process, "/bin/true", nil, nil, arguments, environment)
            }
        }
        guard code == 0 else { throw BenchError("/bin/true cannot be started: \(String(cString: strerror(code)))") }
        return process
    }
}

/// Strings in the form that exec takes.
enum ArgumentVector {
    /// Calls a body with the strings, ended by a null pointer.
    static func with<Result>(
        _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        var pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) }
        pointers.append(nil)
        defer { for pointer in pointers { free(pointer) } }
        return pointers.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { preconditionFailure("an array with an element has a place") }
            return body(base)
        }
    }
}
