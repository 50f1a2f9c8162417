/// An amount of money, in millionths of whatever the operator reckons in.
public struct Cost: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// Millionths.
    public var micros: Int64

    /// So many millionths.
    public init(micros: Int64) { self.micros = micros }

    /// Nothing.
    public static let zero = Cost(micros: 0)

    /// The most that one amount may be: a billion.
    public static let limit = Cost(micros: 1_000_000_000_000_000)

    /// Reads a plain decimal number from 0 to ``limit``, such as `0.0123`; `nil` for anything else.
    ///
    /// What is smaller than a millionth counts as one, so that many small amounts are never nothing.
    public init?(_ text: some StringProtocol) {
        var digits: Int64 = 0
        var fraction: Int?
        var hasDigit = false
        var isRoundedUp = false
        for byte: UInt8 in text.utf8 {
            if byte == UInt8(ascii: "."), fraction == nil {
                fraction = 0
                continue
            }
            guard byte >= 0x30, byte <= 0x39 else { return nil }
            hasDigit = true
            if let places: Int = fraction {
                guard places < 6 else {
                    if byte != 0x30 { isRoundedUp = true }
                    continue
                }
                fraction = places + 1
            }
            digits = digits * 10 + Int64(byte - 0x30)
            guard digits <= Cost.limit.micros else { return nil }
        }
        guard hasDigit else { return nil }
        for _ in (fraction ?? 0)..<6 {
            digits *= 10
            guard digits <= Cost.limit.micros else { return nil }
        }
        micros = digits + (isRoundedUp ? 1 : 0)
        guard micros <= Cost.limit.micros else { return nil }
    }

    /// Reads a JSON number: as it is written where that is a plain decimal one, else the next larger millionth.
    package init?(_ value: JSONValue) {
        switch value {
        case .integer, .number: break
        case .null, .boolean, .string, .array, .object: return nil
        }
        if let exact = Cost(JSONText(value).description) {
            self = exact
            return
        }
        guard let number: Double = value.doubleValue, (0...1_000_000_000).contains(number) else { return nil }
        micros = Int64((number * 1_000_000).rounded(.up))
    }

    /// The amount as a plain decimal number, without zeros at its end.
    public var description: String {
        let magnitude: UInt64 = micros.magnitude
        var text: String = (micros < 0 ? "-" : "") + String(magnitude / 1_000_000)
        var rest: UInt64 = magnitude % 1_000_000
        guard rest > 0 else { return text }
        var places = 6
        while rest.isMultiple(of: 10) {
            rest /= 10
            places -= 1
        }
        let digits = String(rest)
        text += "." + String(repeating: "0", count: places - digits.utf8.count) + digits
        return text
    }

    /// Less comes first.
    public static func < (left: Cost, right: Cost) -> Bool { left.micros < right.micros }
}

/// What a ceiling may be about.
public enum BudgetPart: UInt8, Sendable, CaseIterable {
    case wallTime
    case processorTime
    case cost

    /// The name of the member on the wire.
    public var name: String {
        switch self {
        case .wallTime: "wallTimeMs"
        case .processorTime: "cpuTimeMs"
        case .cost: "cost"
        }
    }

    /// An amount in words.
    func text(_ amount: Int64) -> String {
        switch self {
        case .wallTime: "\(amount) ms of wall time"
        case .processorTime: "\(amount) ms of processor time"
        case .cost: "a cost of \(Cost(micros: amount))"
        }
    }
}

/// Ceilings; a part without one is not limited.
public struct Budget: Hashable, Sendable {
    /// How long attempts may take together; 1 ms … 10 years.
    public var wallTime: Milliseconds?
    /// How much processor time their process trees may use together; 1 ms … 10 years.
    public var processorTime: Milliseconds?
    /// What they may report to have cost together; a millionth … ``Cost/limit``.
    public var cost: Cost?

    /// Ceilings; none for what is not said.
    public init(wallTime: Milliseconds? = nil, processorTime: Milliseconds? = nil, cost: Cost? = nil) {
        self.wallTime = wallTime
        self.processorTime = processorTime
        self.cost = cost
    }

    /// The longest time that a ceiling may be: ten years.
    package static let longest = Milliseconds(10 * 365 * 86_400_000)

    /// Whether nothing is limited.
    public var isEmpty: Bool { wallTime == nil && processorTime == nil && cost == nil }

    /// The ceiling of a part: milliseconds, or millionths.
    public subscript(part: BudgetPart) -> Int64? {
        switch part {
        case .wallTime: wallTime?.count
        case .processorTime: processorTime?.count
        case .cost: cost?.micros
        }
    }
}

/// What work has used.
public struct Usage: Hashable, Sendable {
    /// How long attempts took, the times left out in which they were held back.
    public var wallTime: Milliseconds = 0
    /// The processor time of their process trees.
    public var processorTime: Milliseconds = 0
    /// What they reported to have cost.
    public var cost: Cost = .zero
    /// Tokens that they reported.
    public var tokens: Int64 = 0

    /// Nothing.
    public init() {}

    /// Amounts of each part.
    public init(
        wallTime: Milliseconds = 0, processorTime: Milliseconds = 0, cost: Cost = .zero, tokens: Int64 = 0
    ) {
        self.wallTime = wallTime
        self.processorTime = processorTime
        self.cost = cost
        self.tokens = tokens
    }

    /// The amount of a part: milliseconds, or millionths.
    public subscript(part: BudgetPart) -> Int64 {
        switch part {
        case .wallTime: wallTime.count
        case .processorTime: processorTime.count
        case .cost: cost.micros
        }
    }

    /// The sum of two; amounts that are too large to be true end at the largest number.
    public static func + (left: Usage, right: Usage) -> Usage {
        Usage(
            wallTime: Milliseconds(sum(left.wallTime.count, right.wallTime.count)),
            processorTime: Milliseconds(sum(left.processorTime.count, right.processorTime.count)),
            cost: Cost(micros: sum(left.cost.micros, right.cost.micros)), tokens: sum(left.tokens, right.tokens))
    }

    private static func sum(_ left: Int64, _ right: Int64) -> Int64 {
        let (sum, overflow) = left.addingReportingOverflow(right)
        return overflow ? .max : sum
    }

    /// The larger amount of each part; reports that are late or come twice change nothing so.
    func union(_ other: Usage) -> Usage {
        Usage(
            wallTime: max(wallTime, other.wallTime), processorTime: max(processorTime, other.processorTime),
            cost: max(cost, other.cost), tokens: max(tokens, other.tokens))
    }
}

extension TaskState {
    /// What all attempts have used, as far as it is known; the time since the newest one began is left out.
    public var usage: Usage { spent + attemptUsage }

    /// What all attempts have used, the newest one up to now.
    public func usage(at now: Instant) -> Usage {
        guard holdsAgent else { return usage }
        return usage + Usage(wallTime: running(at: now))
    }

    /// What the newest attempt has used up to now; nothing where none is under way.
    package func usageUnderWay(at now: Instant) -> Usage {
        holdsAgent ? attemptUsage + Usage(wallTime: running(at: now)) : Usage()
    }

    /// How long the attempt has run since it was begun or last held back.
    func running(at now: Instant) -> Milliseconds {
        guard !isSuspended, let start: Instant = resumedAt ?? startedAt else { return 0 }
        return max(0, now - start)
    }

    /// Counts how long the attempt has run up to a time, after which it does not run or runs anew.
    mutating func countRunning(until end: Instant, resumedAt: Instant?) {
        let time: Milliseconds = running(at: end)
        if time.count > 0 { attemptUsage = attemptUsage + Usage(wallTime: time) }
        self.resumedAt = resumedAt
    }

    /// Ends the attempt's account; gives what it used.
    mutating func settleAttempt(at now: Instant) -> Usage {
        let used: Usage = attemptUsage + Usage(wallTime: running(at: now))
        attemptUsage = Usage()
        resumedAt = nil
        if used != Usage() { spent = spent + used }
        return used
    }
}
