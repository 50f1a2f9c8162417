/// What the hive's instances of all loops share.
package final class HiveCommons: Sendable {
    /// Hands out the places of frames that no event causes.
    let places = HivePlaces()
    /// Notices changes of the server's parts.
    let modules = HiveModules()
    /// Keeps what the status report tells of the past; to be attached to the events.
    package let ledger = HiveLedger()
    /// Makes message identifiers.
    let seed: UInt64

    /// Begins with nothing known.
    ///
    /// - Parameter seed: Makes message identifiers; another one for each server.
    package init(seed: UInt64) { self.seed = seed }
}
