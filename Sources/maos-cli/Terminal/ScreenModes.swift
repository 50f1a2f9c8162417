/// Notes what a program turns on in a terminal, so that it can be turned off again when the program is left as it is.
package struct ScreenModes: Sendable {
    private enum State {
        case text
        case escape
        /// Behind `ESC [`.
        case sequence
        /// In the numbers of a private mode: `ESC [ ?`.
        case numbers([Int])
    }

    /// DEC private modes that change how a terminal looks, or what its keys and mouse send; all off at first.
    private static let tracked: Set<Int> = [
        1, 5, 9, 47, 66, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 1047, 1049, 2004,
    ]
    private static let cursor: Int = 25
    /// The alternate screen goes last, because what it covers is drawn again then.
    private static let screens: Set<Int> = [47, 1047, 1049]
    private static let numberLimit: Int = 32

    private var state: State = .text
    private var modes: Set<Int> = []
    private var isCursorHidden = false
    private var hasKeypad = false

    /// A terminal with nothing turned on.
    package init() {}

    /// Takes what is shown, however it is cut into pieces.
    package mutating func receive(_ shown: some Sequence<UInt8>) {
        for byte: UInt8 in shown { take(byte) }
    }

    private mutating func take(_ byte: UInt8) {
        switch state {
        case .text:
            if byte == 0x1B { state = .escape }
        case .escape:
            state = .text
            switch byte {
            case UInt8(ascii: "["): state = .sequence
            case UInt8(ascii: "="): hasKeypad = true
            case UInt8(ascii: ">"): hasKeypad = false
            case UInt8(ascii: "c"): self = ScreenModes()
            case 0x1B: state = .escape
            default: break
            }
        case .sequence:
            state = byte == UInt8(ascii: "?") ? .numbers([0]) : .text
        case .numbers(var numbers):
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                let digit = Int(byte) - 0x30
                numbers[numbers.count - 1] = min(numbers[numbers.count - 1] * 10 + digit, 100_000)
                state = .numbers(numbers)
            case UInt8(ascii: ";") where numbers.count < ScreenModes.numberLimit:
                state = .numbers(numbers + [0])
            case UInt8(ascii: "h"), UInt8(ascii: "l"):
                for number: Int in numbers { set(number, byte == UInt8(ascii: "h")) }
                state = .text
            default:
                state = .text
            }
        }
    }

    private mutating func set(_ mode: Int, _ isOn: Bool) {
        if mode == ScreenModes.cursor { isCursorHidden = !isOn }
        guard ScreenModes.tracked.contains(mode) else { return }
        if isOn { modes.insert(mode) } else { modes.remove(mode) }
    }

    /// What puts a terminal back in order; colours are always reset.
    package var reset: String {
        var text: String = ""
        for mode: Int in modes.subtracting(ScreenModes.screens).sorted() { text += "\u{1B}[?\(mode)l" }
        if hasKeypad { text += "\u{1B}>" }
        if isCursorHidden { text += "\u{1B}[?25h" }
        text += "\u{1B}[0m"
        for mode: Int in modes.intersection(ScreenModes.screens).sorted() { text += "\u{1B}[?\(mode)l" }
        return text
    }
}
