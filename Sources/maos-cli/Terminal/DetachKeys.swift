/// The keys that leave a terminal when they are typed one after the other.
package struct DetachKeys: Sendable, Hashable {
    /// What is used where nothing else is said.
    package static let usual: String = "ctrl-p,ctrl-q"

    /// What the keys send; empty where no keys leave.
    package let bytes: [UInt8]

    /// No keys leave.
    static let never = DetachKeys(bytes: [])

    private init(bytes: [UInt8]) { self.bytes = bytes }

    /// Reads `KEY[,KEY]…`, where a key is an ASCII character or `ctrl-` and one of `a` … `z`, `@`, `[`, `\`, `]`, `^`, `_`;
    /// or `none`.
    package init?(_ text: String) {
        guard text != "none" else {
            bytes = []
            return
        }
        var bytes: [UInt8] = []
        for key: Substring in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let byte: UInt8 = DetachKeys.byte(of: key) else { return nil }
            bytes.append(byte)
        }
        self.bytes = bytes
    }

    private static func byte(of key: Substring) -> UInt8? {
        let prefix: String = "ctrl-"
        if key.utf8.count == 1, let byte: UInt8 = key.utf8.first { return (0x21...0x7E).contains(byte) ? byte : nil }
        guard key.lowercased().hasPrefix(prefix), key.utf8.count == prefix.utf8.count + 1,
            let last: UInt8 = key.lowercased().utf8.last
        else { return nil }
        switch last {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "@"), UInt8(ascii: "[")...UInt8(ascii: "_"):
            return last & 0x1F
        default: return nil
        }
    }
}

/// Looks for the detach keys in what is typed, however it is cut into pieces.
///
/// What may be the beginning of them is held back until the next key shows whether it is.
package struct DetachDetector: Sendable {
    private let keys: [UInt8]
    private var held: [UInt8] = []

    /// Looks for these keys.
    package init(_ keys: DetachKeys) {
        self.keys = keys.bytes
    }

    /// Takes what was typed.
    ///
    /// - Returns: What is to be sent on, and whether the keys came; what was typed behind them is dropped.
    package mutating func receive(_ typed: some Sequence<UInt8>) -> (passed: [UInt8], isDetached: Bool) {
        var passed: [UInt8] = []
        guard !keys.isEmpty else { return (Array(typed), false) }
        for byte: UInt8 in typed {
            held.append(byte)
            // What is held is always how the keys begin; where it stopped being that, a later part of it may be.
            while !keys.starts(with: held) { passed.append(held.removeFirst()) }
            guard held.count < keys.count else {
                held = []
                return (passed, true)
            }
        }
        return (passed, false)
    }

    /// What was held back, when nothing more is typed.
    package mutating func finish() -> [UInt8] {
        defer { held = [] }
        return held
    }
}
