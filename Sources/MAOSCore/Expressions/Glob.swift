/// A pattern for a whole text: `*` for any characters, `?` for one, `[a-z]` for one of a set, `\` before a plain one.
///
/// A star that has been passed is only ever followed by the next one, so a mismatch goes back to the last star alone: the cost
/// is at most the product of both lengths, and never exponential.
struct Glob: Sendable, Hashable {
    private enum Piece: Sendable, Hashable {
        case star
        case one
        case scalar(Unicode.Scalar)
        case set([ClosedRange<Unicode.Scalar>], isNegated: Bool)
    }

    private var pieces: [Piece] = []

    /// Reads a pattern; `nil` when a set is not closed or a range runs backwards.
    init?(_ pattern: String) {
        var rest: Substring.UnicodeScalarView = pattern[...].unicodeScalars
        while let scalar: Unicode.Scalar = rest.popFirst() {
            switch scalar {
            case "*": if pieces.last != .star { pieces.append(.star) }
            case "?": pieces.append(.one)
            case "\\": pieces.append(.scalar(rest.popFirst() ?? "\\"))
            case "[":
                guard let set: Piece = Glob.set(&rest) else { return nil }
                pieces.append(set)
            default: pieces.append(.scalar(scalar))
            }
        }
    }

    private static func set(_ rest: inout Substring.UnicodeScalarView) -> Piece? {
        var ranges: [ClosedRange<Unicode.Scalar>] = []
        var isNegated = false
        if rest.first == "!" || rest.first == "^" {
            rest.removeFirst()
            isNegated = true
        }
        var isFirst = true
        while var low: Unicode.Scalar = rest.popFirst() {
            // A bracket right at the start belongs to the set.
            if low == "]", !isFirst { return .set(ranges, isNegated: isNegated) }
            isFirst = false
            if low == "\\" {
                guard let escaped: Unicode.Scalar = rest.popFirst() else { return nil }
                low = escaped
            }
            var high: Unicode.Scalar = low
            if rest.first == "-", let after: Unicode.Scalar = rest.dropFirst().first, after != "]" {
                rest.removeFirst(2)
                high = after
                if after == "\\" {
                    guard let escaped: Unicode.Scalar = rest.popFirst() else { return nil }
                    high = escaped
                }
            }
            guard low <= high else { return nil }
            ranges.append(low...high)
        }
        return nil
    }

    /// Whether the whole text has this form; `nil` when it takes more steps than there are.
    func matches(_ text: [Unicode.Scalar], steps: inout Int) -> Bool? {
        var place: Int = 0
        var piece: Int = 0
        /// The piece after the last star, and the place in the text where it was tried last.
        var retry: (piece: Int, place: Int)?
        while place < text.count {
            steps -= 1
            guard steps >= 0 else { return nil }
            if piece < pieces.count, pieces[piece] == .star {
                piece += 1
                retry = (piece, place)
            } else if piece < pieces.count, takes(pieces[piece], text[place], steps: &steps) {
                piece += 1
                place += 1
            } else if let last = retry {
                retry = (last.piece, last.place + 1)
                piece = last.piece
                place = last.place + 1
            } else {
                return false
            }
        }
        while piece < pieces.count, pieces[piece] == .star { piece += 1 }
        return piece == pieces.count
    }

    private func takes(_ piece: Piece, _ scalar: Unicode.Scalar, steps: inout Int) -> Bool {
        switch piece {
        case .star: return false
        case .one: return true
        case .scalar(let wanted): return wanted == scalar
        case .set(let ranges, let isNegated):
            steps -= ranges.count
            return ranges.contains { $0.contains(scalar) } != isNegated
        }
    }
}
