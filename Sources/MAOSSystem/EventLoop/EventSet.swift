/// What a descriptor is ready for.
public struct EventSet: OptionSet, Hashable, Sendable {
    /// The kernel's bits, as epoll counts them.
    public let rawValue: UInt32

    /// Takes the kernel's bits.
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// There is something to read, or the end of it.
    public static let readable = EventSet(rawValue: 0x001)
    /// There is room to write.
    public static let writable = EventSet(rawValue: 0x004)
    /// The descriptor is broken; reading or writing tells why.
    public static let failed = EventSet(rawValue: 0x008)
    /// Both directions are over.
    public static let hungUp = EventSet(rawValue: 0x010)
    /// The peer will send nothing more.
    public static let peerFinished = EventSet(rawValue: 0x2000)
}
