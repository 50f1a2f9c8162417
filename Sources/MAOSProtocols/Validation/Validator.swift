package import MAOSCore

/// Walks a value along a declaration, and collects what is wrong.
struct Validator {
    /// What has been found; each with the path from the value that is being checked, which grows on the way back to the root.
    private(set) var issues: [ValidationIssue] = []
    private let limits: ValidationLimits

    init(limits: ValidationLimits) { self.limits = limits }

    /// Whether as many mistakes as are reported have been found.
    private var isFull: Bool { issues.count >= limits.issues }

    /// Checks a whole message.
    mutating func check(_ value: JSONValue, _ schema: MessageSchema) {
        guard case .object(let object) = value else { return refuseType(of: value, .object(schema)) }
        checkObject(object, schema)
    }

    // Inlined where members and elements are walked, so that those which are right need no copy.
    @inline(__always)
    private mutating func check(_ value: JSONValue, _ constraint: Constraint) {
        switch constraint {
        case .any:
            break
        case .null:
            guard case .null = value else { return refuseType(of: value, constraint) }
        case .boolean:
            guard case .boolean = value else { return refuseType(of: value, constraint) }
        case .integer(let range):
            checkInteger(value, range, constraint)
        case .number(let range):
            checkNumber(value, range, constraint)
        case .string(let length, let format):
            guard case .string(let text) = value else { return refuseType(of: value, constraint) }
            checkText(text, length, format)
        case .enumeration(let choices):
            guard case .string(let text) = value else { return refuseType(of: value, constraint) }
            guard !choices.contains(text) else { return }
            let expected: String = choices.joined(separator: ", ")
            refuse(.enumeration, "must be one of \(expected)", expected: expected, value)
        case .array(let element, let count):
            guard case .array(let elements) = value else { return refuseType(of: value, constraint) }
            checkArray(elements, element, count)
        case .map(let keys, let values, let limit):
            guard case .object(let object) = value else { return refuseType(of: value, constraint) }
            checkMap(object, keys, values, limit)
        case .object(let schema):
            check(value, schema)
        case .either(let alternatives):
            let choices: Span<Constraint> = alternatives.span
            for index in choices.indices where choices[index].takes(value) { return checkChosen(value, choices[index]) }
            refuseType(of: value, constraint)
        }
    }

    /// Checks what one of several constraints has been found for.
    private mutating func checkChosen(_ value: JSONValue, _ constraint: Constraint) {
        check(value, constraint)
    }

    // MARK: Containers

    private mutating func checkObject(_ object: JSONObject, _ schema: MessageSchema) {
        if object.count < schema.minimumMembers {
            refuse(
                .tooSmall, "must have at least \(schema.minimumMembers) member\(schema.minimumMembers == 1 ? "" : "s")",
                expected: "at least \(schema.minimumMembers) of \(schema.fields.map(\.name).joined(separator: ", "))",
                nil)
        }
        // Borrowed, so that looking at members and fields does not count references to them.
        let members: Span<JSONObject.Member> = object.members.span
        let declared: [Field] = schema.fields
        let fields: Span<Field> = declared.span
        var positions = [32 of Int](repeating: 0)
        var present: UInt32 = 0
        for position in members.indices {
            guard let index: Int = schema.index(of: members[position].key) else { continue }
            positions[index] = position
            present |= 1 << UInt32(truncatingIfNeeded: index)
        }
        var concerned: UInt32 = present | schema.required
        while concerned != 0 {
            let index: Int = concerned.trailingZeroBitCount
            concerned &= concerned - 1
            guard present >> UInt32(truncatingIfNeeded: index) & 1 == 1 else {
                refuseMissing(fields[index])
                continue
            }
            if isFull { return }
            let known: Int = issues.count
            check(members[positions[index]].value, fields[index].constraint)
            if issues.count > known { lead(from: known, .key(fields[index].name)) }
        }
    }

    /// Adds a step to the front of the paths of what has been found inside of it.
    private mutating func lead(from first: Int, _ step: ValidationIssue.PathElement) {
        for index in first..<issues.count { issues[index].path.insert(step, at: 0) }
    }

    private mutating func checkArray(_ elements: [JSONValue], _ element: Constraint, _ count: ClosedRange<Int>) {
        guard count.contains(elements.count) else {
            let expected: String = bounds(count, "elements")
            return refuse(
                elements.count < count.lowerBound ? .tooSmall : .tooBig,
                "must have \(expected), has \(elements.count)", expected: expected, nil)
        }
        if case .any = element { return }
        let values: Span<JSONValue> = elements.span
        for index in values.indices {
            if isFull { return }
            let known: Int = issues.count
            check(values[index], element)
            if issues.count > known { lead(from: known, .index(index)) }
        }
    }

    private mutating func checkMap(
        _ object: JSONObject, _ keys: TextFormat?, _ values: Constraint, _ limit: Int
    ) {
        guard object.count <= limit else {
            let expected: String = "at most \(limit) members"
            return refuse(.tooBig, "must have \(expected), has \(object.count)", expected: expected, nil)
        }
        if keys == nil, case .any = values { return }
        let members: Span<JSONObject.Member> = object.members.span
        for position in members.indices {
            if isFull { return }
            let known: Int = issues.count
            if let keys, !keys.matches(members[position].key) {
                refuse(.format, "must have for its name \(keys.expected)", expected: keys.expected, nil)
            } else {
                check(members[position].value, values)
            }
            if issues.count > known { lead(from: known, .key(cut(members[position].key))) }
        }
    }

    // MARK: Scalars

    private mutating func checkInteger(_ value: JSONValue, _ range: ClosedRange<Int>, _ constraint: Constraint) {
        guard let integer: Int = value.intValue else {
            guard case .number = value else { return refuseType(of: value, constraint) }
            return refuse(.type, "must be a whole number", expected: "integer", value)
        }
        guard !range.contains(integer) else { return }
        let expected: String = bounds(range, "")
        refuse(integer < range.lowerBound ? .tooSmall : .tooBig, "must be \(expected)", expected: expected, value)
    }

    private mutating func checkNumber(_ value: JSONValue, _ range: ClosedRange<Double>, _ constraint: Constraint) {
        guard let number: Double = value.doubleValue else {
            guard case .number = value else { return refuseType(of: value, constraint) }
            return refuse(.tooBig, "must be a number that a double can hold", expected: "number", value)
        }
        guard !range.contains(number) else { return }
        let expected: String
        if range.upperBound == .greatestFiniteMagnitude {
            expected = "at least \(short(range.lowerBound))"
        } else {
            expected = "\(short(range.lowerBound)) to \(short(range.upperBound))"
        }
        refuse(number < range.lowerBound ? .tooSmall : .tooBig, "must be \(expected)", expected: expected, value)
    }

    private mutating func checkText(_ text: String, _ length: ClosedRange<Int>, _ format: TextFormat?) {
        // A code point has one to four bytes, so that most texts need no counting.
        let bytes: Int = text.utf8.count
        let isSurelyInside: Bool = bytes <= length.upperBound && bytes >= length.lowerBound * 4
        if !isSurelyInside {
            let count: Int = text.unicodeScalars.count
            guard length.contains(count) else {
                // A text that is too short for its form has another form: that says more than its length.
                if let format, length.lowerBound > 1, count < length.lowerBound {
                    return refuse(.format, "must be \(format.expected)", expected: format.expected, .string(text))
                }
                let expected: String = bounds(length, "characters")
                return refuse(
                    count < length.lowerBound ? .tooSmall : .tooBig, "must have \(expected), has \(count)",
                    expected: expected, .string(text))
            }
        }
        guard let format, !format.matches(text) else { return }
        refuse(.format, "must be \(format.expected)", expected: format.expected, .string(text))
    }

    // MARK: Reports

    private mutating func refuseMissing(_ field: Field) {
        let known: Int = issues.count
        refuse(.required, "is required", expected: field.constraint.typeName, nil)
        lead(from: known, .key(field.name))
    }

    private mutating func refuseType(of value: JSONValue, _ constraint: Constraint) {
        refuse(
            .type, "must be \(article(constraint.typeName)), not \(article(value.typeName))",
            expected: constraint.typeName, value)
    }

    private mutating func refuse(
        _ code: ValidationIssue.Code, _ message: String, expected: String, _ value: JSONValue?
    ) {
        guard !isFull else { return }
        issues.append(
            ValidationIssue(path: [], code: code, message: message, expected: expected, value: echo(value)))
    }

    /// What is repeated of a refused value: scalars, and of long strings their beginning.
    private func echo(_ value: JSONValue?) -> JSONValue? {
        switch value {
        case .string(let text): .string(cut(text))
        case .number(let number) where number.description.utf8.count > limits.echo: nil
        case .array, .object, nil: nil
        case .null, .boolean, .integer, .number: value
        }
    }

    private func cut(_ text: String) -> String {
        guard text.utf8.count > limits.echo, text.unicodeScalars.count > limits.echo else { return text }
        var short = String(String.UnicodeScalarView(text.unicodeScalars.prefix(limits.echo)))
        short.unicodeScalars.append("…")
        return short
    }

    private func short(_ number: Double) -> String {
        guard number.magnitude <= 1_000_000_000_000 else { return number.description }
        let whole = Int64(number)
        guard Double(whole) != number else { return String(whole) }
        let millionths: Double = number.magnitude * 1_000_000
        guard number.magnitude < 0.001, millionths == millionths.rounded() else { return number.description }
        let digits = String(Int64(millionths))
        return (number < 0 ? "-0." : "0.") + String(repeating: "0", count: 6 - digits.count) + digits
    }

    private func bounds(_ range: ClosedRange<Int>, _ unit: String) -> String {
        let suffix: String = unit.isEmpty ? "" : " \(unit)"
        if range.upperBound == .max { return "at least \(range.lowerBound)\(suffix)" }
        if range.lowerBound == 0, !unit.isEmpty { return "at most \(range.upperBound)\(suffix)" }
        return "\(range.lowerBound) to \(range.upperBound)\(suffix)"
    }

    private func article(_ name: String) -> String {
        switch name.utf8.first {
        case UInt8(ascii: "a") where name == "any value", UInt8(ascii: "n") where name == "null": name
        case UInt8(ascii: "a"), UInt8(ascii: "i"), UInt8(ascii: "o"): "an \(name)"
        default: "a \(name)"
        }
    }
}

extension Constraint {
    /// Whether a value has the JSON type that this is about.
    package func takes(_ value: JSONValue) -> Bool {
        switch (self, value) {
        case (.any, _), (.null, .null), (.boolean, .boolean), (.integer, .integer), (.integer, .number),
            (.number, .integer),
            (.number, .number), (.string, .string), (.enumeration, .string), (.array, .array), (.map, .object),
            (.object, .object):
            true
        case (.either(let alternatives), _):
            alternatives.contains { $0.takes(value) }
        default:
            false
        }
    }
}

extension JSONValue {
    /// The JSON type, in words.
    package var typeName: String {
        switch self {
        case .null: "null"
        case .boolean: "boolean"
        case .integer, .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }
}
