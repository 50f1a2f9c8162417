/// What became of bytes that were typed on a terminal.
package enum Typing: Sendable, Hashable {
    /// The terminal has them.
    case taken
    /// Nothing of them was typed: too much waits to be read already.
    case full
    /// There is no process, or it ended before it had them.
    case noProcess
}
