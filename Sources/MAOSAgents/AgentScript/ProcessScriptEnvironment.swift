internal import CLinux
internal import Glibc
package import MAOSCore
internal import MAOSSystem

/// Lets a script act as this process.
package struct ProcessScriptEnvironment: AgentScriptEnvironment {
    /// Acts on the standard streams and on the file that `MAOS_RESULT_FILE` names.
    package init() {}

    /// Prints a line on standard output, at once.
    package func print(_ line: String) { write(line, to: 1) }

    /// Prints a line on standard error, at once.
    package func printError(_ line: String) { write(line, to: 2) }

    /// Waits, however many signals come.
    package func sleep(milliseconds: Int64) {
        var left = timespec(tv_sec: Int(milliseconds / 1_000), tv_nsec: Int(milliseconds % 1_000) * 1_000_000)
        var rest = timespec()
        while nanosleep(&left, &rest) != 0, errno == EINTR { left = rest }
    }

    /// Writes the result beside the file and moves it there, so that nobody sees half of it.
    ///
    /// Without `MAOS_RESULT_FILE` it is printed.
    package func write(result: JSONText) -> Bool {
        guard let path: String = ProcessSettings.variable("MAOS_RESULT_FILE") else {
            print(result.description)
            return true
        }
        do throws(SystemError) {
            try SmallFile.write(result.utf8, to: "\(path).new")
            try systemCall("rename \(path)") { rename("\(path).new", path) }
            return true
        } catch {
            printError("could not write the result: \(error)")
            return false
        }
    }

    /// Starts `sleep` in a session of its own, where it goes on when the script has ended.
    package func spawn(seconds: Int) -> Bool {
        var pid: pid_t = 0
        var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sleep"), strdup(String(seconds)), nil]
        defer { for argument in arguments { free(argument) } }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, Int16(MAOS_SPAWN_SETSID))
        let code: CInt = posix_spawnp(&pid, "sleep", nil, &attributes, &arguments, environ)
        if code != 0 { printError("could not start sleep: \(SystemError(code: code, call: "posix_spawnp").reason)") }
        return code == 0
    }

    private func write(_ line: String, to descriptor: CInt) {
        let bytes: [UInt8] = Array(line.utf8) + [UInt8(ascii: "\n")]
        var written: Int = 0
        while written < bytes.count {
            let count: Int = bytes.withUnsafeBytes { buffer in
                Glibc.write(descriptor, buffer.baseAddress?.advanced(by: written), bytes.count - written)
            }
            if count < 0 {
                guard errno == EINTR else { return }
                continue
            }
            written += count
        }
    }
}
