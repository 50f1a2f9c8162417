internal import MAOSSystem

/// Lines at the bottom of the terminal that are drawn again in place.
final class LiveBlock {
    private static let hideCursor: String = "\u{1B}[?25l"
    private static let showCursor: String = "\u{1B}[?25h"

    private let channel: Channel
    private var drawn: [String] = []
    private var isCursorHidden: Bool = false

    /// Draws on a channel whose cursor can be moved.
    init(_ channel: Channel) {
        self.channel = channel
    }

    deinit { finish() }

    /// Draws the lines in place of those before; each must fit the terminal's width.
    func show(_ lines: [String]) {
        guard lines != drawn else { return }
        var text: String = ""
        if !isCursorHidden {
            // Also when the program is interrupted, the cursor comes back.
            Interruption.setFarewell(LiveBlock.showCursor, on: channel.descriptor)
            text += LiveBlock.hideCursor
            isCursorHidden = true
        }
        text += backToTop
        for line: String in lines { text += line + "\u{1B}[K\n" }
        if lines.count < drawn.count { text += "\u{1B}[J" }
        channel.write(text)
        drawn = lines
    }

    /// Takes the lines away, so that others may be written; the next ``show(_:)`` draws them again below.
    func clear() {
        guard !drawn.isEmpty else { return }
        channel.write(backToTop + "\u{1B}[J")
        drawn = []
    }

    /// Leaves the lines as they are and gives the cursor back.
    func finish() {
        drawn = []
        guard isCursorHidden else { return }
        channel.write(LiveBlock.showCursor)
        Interruption.setFarewell("", on: channel.descriptor)
        isCursorHidden = false
    }

    private var backToTop: String { drawn.isEmpty ? "" : "\u{1B}[\(drawn.count)A\r" }
}
