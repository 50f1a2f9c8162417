/// The body of the request that is being read, and how fast it comes; times in milliseconds.
struct HTTP1IncomingBody {
    /// What has come.
    var bytes: [UInt8] = []
    /// Since when it is waited for, how much has come since, and when the last of that came; -1 while none is waited for.
    private var since: Int64 = -1
    private var received: Int64 = 0
    private var heard: Int64 = -1

    /// Whether its end is still to come.
    var isComing: Bool { since >= 0 }

    /// A head has said that there is one.
    mutating func begin(expecting length: Int?, at now: Int64) {
        (since, received, heard) = (now, 0, now)
        if let length { bytes.reserveCapacity(min(length, 262_144)) }
    }

    /// So many bytes came.
    mutating func note(_ count: Int, at now: Int64) {
        guard isComing else { return }
        received += Int64(count)
        heard = now
    }

    /// It is not read for a while: its time begins anew.
    mutating func pause(at now: Int64) {
        if isComing { (since, received, heard) = (now, 0, now) }
    }

    /// It is whole, or not wanted.
    mutating func end() { since = -1 }

    /// When it is too late or too slow; a fast beginning is no excuse for silence.
    func deadline(_ settings: HTTPSettings) -> Int64 {
        min(since + settings.bodyGrace + received * 1_000 / settings.minimumBodyRate, heard + settings.stallTimeout)
    }
}
