/// Decimal digits of whole numbers, written to and read from ASCII bytes without strings.
package enum Decimal {
    /// Appends a number with its sign.
    package static func append(_ value: Int64, to bytes: inout [UInt8]) {
        if value < 0 {
            bytes.append(0x2D)
        }
        append(value.magnitude, to: &bytes)
    }

    /// Appends a number.
    package static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        guard value >= 10 else {
            bytes.append(0x30 + UInt8(truncatingIfNeeded: value))
            return
        }
        var digits = [20 of UInt8](repeating: 0)
        var start = 20
        var rest = value
        while rest > 0 {
            let (quotient, remainder) = rest.quotientAndRemainder(dividingBy: 10)
            start -= 1
            digits[start] = 0x30 + UInt8(truncatingIfNeeded: remainder)
            rest = quotient
        }
        while start < 20 {
            bytes.append(digits[start])
            start += 1
        }
    }

    /// Appends a number with leading zeros up to a width; longer numbers keep all their digits.
    package static func append(_ value: Int, width: Int, to bytes: inout [UInt8]) {
        var bound = 10
        var digits = 1
        while value >= bound, digits < 19 {
            digits += 1
            bound = digits < 19 ? bound * 10 : .max
        }
        for _ in 0..<max(0, width - digits) {
            bytes.append(0x30)
        }
        append(Int64(value), to: &bytes)
    }

    /// Reads digits only: no sign, no space, not empty; `nil` beyond `Int.max`.
    package static func parse(_ bytes: Span<UInt8>) -> Int? {
        guard !bytes.isEmpty else { return nil }
        var value = 0
        for index in bytes.indices {
            let digit = bytes[index] &- 0x30
            guard digit < 10 else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int(digit))
            guard !overflow, !carry else { return nil }
            value = sum
        }
        return value
    }
}
