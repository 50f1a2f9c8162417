/// What the kernel says of a process.
package struct ProcessStatus: Hashable, Sendable {
    /// Its number.
    package let pid: Int32
    /// The state's letter: `R`, `S`, `D`, `T`, `Z` and others.
    package let state: UInt8
    /// The process that it is a child of.
    package let parent: Int32
    /// Its process group.
    package let group: Int32
    /// Its session.
    package let session: Int32
    /// Clock ticks of processor time that it used.
    package let ownTicks: UInt64
    /// The same, and those of its ended children.
    package let processorTicks: UInt64
    /// How many threads it has.
    package let threads: Int
    /// Clock ticks between boot and its start; tells it from a later process with the same number.
    package let startTicks: UInt64
    /// Pages of memory that it occupies.
    package let residentPages: Int
    /// Where its stack begins, which changes with its program; 0 where we may not know.
    package let stackStart: UInt64

    /// Whether it has ended, and only its parent has not asked yet.
    package var isDead: Bool { state == UInt8(ascii: "Z") || state == UInt8(ascii: "X") }
}

extension ProcessStatus {
    /// Where the name stands in the text of `/proc/PID/stat`; nil when it is no such text.
    ///
    /// It may hold anything, also blanks and parentheses; so it goes from the first to the last of these.
    package static func name(in text: Span<UInt8>) -> Range<Int>? {
        var first: Int = 0
        while first < text.count, text[first] != UInt8(ascii: "(") { first += 1 }
        var last: Int = text.count - 1
        while last > first, text[last] != UInt8(ascii: ")") { last -= 1 }
        return first < last ? first + 1..<last : nil
    }

    /// Reads the text of `/proc/PID/stat`; nil when it is broken, or shorter than the fields that every kernel has.
    package init?(stat text: Span<UInt8>) {
        guard let name: Range<Int> = ProcessStatus.name(in: text), name.upperBound + 4 < text.count,
            text[name.upperBound + 1] == UInt8(ascii: " "), text[name.upperBound + 3] == UInt8(ascii: " ")
        else { return nil }
        var number: UInt64 = 0
        for place in 0..<name.lowerBound - 1 {
            let digit: UInt8 = text[place] &- UInt8(ascii: "0")
            if digit < 10 {
                number = number &* 10 &+ UInt64(digit)
            } else if text[place] != UInt8(ascii: " ") {
                return nil
            }
        }
        guard let pid = Int32(exactly: number), pid > 0 else { return nil }

        var (parent, group, session): (UInt64, UInt64, UInt64) = (0, 0, 0)
        var (own, ofChildren): (UInt64, UInt64) = (0, 0)
        var (threads, start, resident, stack): (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        var field: Int = 4
        var place: Int = name.upperBound + 4
        while field <= 28, place < text.count {
            var value: UInt64 = 0
            let isNegative: Bool = text[place] == UInt8(ascii: "-")
            if isNegative { place += 1 }
            let begin: Int = place
            while place < text.count, text[place] &- UInt8(ascii: "0") < 10 {
                value = value &* 10 &+ UInt64(text[place] &- UInt8(ascii: "0"))
                place += 1
            }
            guard place > begin else { break }
            if isNegative { value = 0 }
            switch field {
            case 4: parent = value
            case 5: group = value
            case 6: session = value
            case 14, 15: own &+= value
            case 16, 17: ofChildren &+= value
            case 20: threads = value
            case 22: start = value
            case 24: resident = value
            case 28: stack = value
            default: break
            }
            field += 1
            guard place < text.count, text[place] == UInt8(ascii: " ") else { break }
            place += 1
        }
        guard field > 22 else { return nil }
        self.init(
            pid: pid, state: text[name.upperBound + 2], parent: Int32(truncatingIfNeeded: parent),
            group: Int32(truncatingIfNeeded: group), session: Int32(truncatingIfNeeded: session), ownTicks: own,
            processorTicks: own &+ ofChildren, threads: Int(truncatingIfNeeded: threads), startTicks: start,
            residentPages: Int(truncatingIfNeeded: resident), stackStart: stack)
    }
}
