internal import CLinux
internal import Glibc

/// How many descriptors this process may have.
package enum DescriptorLimit {
    /// Raises the limit to the most that the system allows this process, and returns it.
    ///
    /// Systems start programs with few (often 1,024) for the sake of old ones that use `select`. Child processes inherit the
    /// limit unless who starts them lowers it.
    @discardableResult
    package static func raise() -> Int {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return 0 }
        if limit.rlim_cur < limit.rlim_max {
            var raised = limit
            raised.rlim_cur = limit.rlim_max
            if setrlimit(resource, &raised) == 0 { limit = raised }
        }
        return Int(clamping: limit.rlim_cur)
    }
    /// How many it may have now.
    package static var current: Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
        return Int(clamping: limit.rlim_cur)
    }
}
