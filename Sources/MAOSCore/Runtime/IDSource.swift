/// Where randomness comes from, as a port: identifiers and the engine's seed.
public protocol IDSource: AnyObject, Sendable {
    /// 64 bits that nobody can predict.
    func random() -> UInt64
}

/// The system's own random source.
public final class SystemIDSource: IDSource {
    /// The source that the operating system gives.
    public init() {}

    /// 64 bits that nobody can predict.
    public func random() -> UInt64 { UInt64.random(in: .min ... .max) }
}
