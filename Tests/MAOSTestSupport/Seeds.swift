import Foundation

/// Where random tests begin: eight fixed seeds, or the one in `MAOS_SEED`, with which a failure can be repeated.
package enum Seeds {
    /// The seeds to run with.
    package static let all: [UInt64] =
        if let text: String = ProcessInfo.processInfo.environment["MAOS_SEED"], let seed = UInt64(text) {
            [seed]
        } else {
            [1, 2, 3, 5, 8, 13, 21, 34]
        }
}
