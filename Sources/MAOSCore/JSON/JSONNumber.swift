/// A JSON number that is not exactly an `Int64`: a double, or the decimal text where a double would lose digits.
///
/// Integers beyond `Int64`, numbers with more digits than a double holds, and those outside its range keep their text,
/// so that what came in goes out again unchanged.
public struct JSONNumber: Sendable, Hashable {
    private enum Storage: Sendable, Hashable {
        case double(Double)
        case decimal(String)
    }

    private let storage: Storage

    /// A number from a double; `nil` for infinities and NaN, which JSON has no words for.
    public init?(_ double: Double) {
        guard double.isFinite else { return nil }
        storage = .double(double)
    }

    init(finite double: Double) {
        storage = .double(double)
    }

    /// Takes text that the reader has found to follow RFC 8259 §6.
    init(decimal: String) {
        storage = .decimal(decimal)
    }

    /// The nearest double; infinite where the number lies beyond its range.
    public var doubleValue: Double {
        switch storage {
        case .double(let double): double
        case .decimal(let text): Double(text) ?? .nan
        }
    }

    /// Whether ``doubleValue`` is the whole truth.
    public var isDouble: Bool {
        switch storage {
        case .double: true
        case .decimal: false
        }
    }

    /// The double as an integer if that is exact.
    ///
    /// Needs nothing from the C library's mathematics, as the standard library's exact conversions do.
    static func whole(_ double: Double) -> Int64? {
        guard double.magnitude < 9_223_372_036_854_775_808 else { return nil }
        let integer = Int64(double)
        return Double(integer) == double ? integer : nil
    }

    func append(to bytes: inout [UInt8]) {
        switch storage {
        case .double(let double): JSONNumber.append(double, to: &bytes)
        case .decimal(let text): bytes.append(utf8: text)
        }
    }

    /// Appends the shortest decimal that reads back as the same double; integers without a point, non-finite as `null`.
    static func append(_ double: Double, to bytes: inout [UInt8]) {
        guard double.isFinite else {
            bytes.append(utf8: "null")
            return
        }
        if double.magnitude < 9_007_199_254_740_992, let whole = whole(double) {
            if double == 0, double.sign == .minus {
                bytes.append(UInt8(ascii: "-"))
            }
            Decimal.append(whole, to: &bytes)
        } else {
            bytes.append(utf8: double.description)
        }
    }
}

extension JSONNumber: CustomStringConvertible {
    /// The number as JSON text.
    public var description: String {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}
