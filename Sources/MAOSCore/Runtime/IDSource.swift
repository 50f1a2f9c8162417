/// Where randomness comes from, as a port: identifiers and the engine's seed.
public protocol IDSource: AnyObject, Sendable {
    /// 64 bits that nobody can predict.
    func random() -> UInt64
}
