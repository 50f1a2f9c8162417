internal import CLinux
internal import Glibc

/// The loops of a server, one per core.
package struct EventLoopGroup: Sendable {
    /// The loops, in the order of their making.
    package let loops: [EventLoop]

    /// Starts loops.
    ///
    /// - Parameters:
    ///   - count: How many; one or more.
    ///   - name: What their threads are called, before a number.
    /// - Throws: ``SystemError`` if the system has no thread or descriptor left.
    package init(count: Int = EventLoopGroup.coreCount, name: String = "maos-loop") throws(SystemError) {
        precondition(count > 0, "a group has a loop")
        var loops: [EventLoop] = []
        for index in 0..<count {
            let loop = try EventLoop(name: "\(name)-\(index)")
            do throws(SystemError) {
                try loop.start()
            } catch {
                for started in loops { started.stop() }
                throw error
            }
            loops.append(loop)
        }
        self.loops = loops
    }

    /// The cores that this process may use.
    package static var coreCount: Int {
        max(1, sysconf(CInt(_SC_NPROCESSORS_ONLN)))
    }

    /// Ends every loop and waits for them.
    package func stopAndJoin() {
        for loop in loops { loop.stop() }
        for loop in loops { loop.join() }
    }
}
