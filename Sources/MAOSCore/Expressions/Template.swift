/// A JSON value whose strings may hold expressions: `${expression}`.
///
/// A string that is exactly one `${…}` gives the value itself; in any other, strings are put in as they are and other values
/// as JSON. `$${` stands for a plain `${`.
package struct Template: Sendable, Hashable {
    private enum Part: Sendable, Hashable {
        case text(String)
        case expression(Expression)
    }

    private indirect enum Node: Sendable, Hashable {
        /// A value without any expression in it.
        case plain(JSONValue)
        case single(Expression)
        case mixed([Part])
        case array([Node])
        case object([Member])
    }

    private struct Member: Sendable, Hashable {
        var key: String
        var value: Node
    }

    /// A mistake in one of the strings.
    package struct Failure: Error, Hashable, Sendable {
        /// Where the string stands: member names and places in arrays, dotted.
        package var path: String
        package var error: ExpressionError
    }

    private let node: Node

    /// Where the strings stand that hold expressions, dotted.
    var expressionPaths: [String] {
        var paths: [String] = []
        Template.collect(node, at: [], into: &paths)
        return paths
    }

    /// What its expressions refer to, each with the place of its string, dotted.
    package let references: [(path: String, reference: Expression.Reference)]

    /// Reads the strings of a value; member names are taken as they are.
    ///
    /// - Throws: The first mistake, with the place of its string.
    package init(_ value: JSONValue) throws(Failure) {
        var references: [(path: String, reference: Expression.Reference)] = []
        node = try Template.read(value, at: [], &references)
        self.references = references
    }

    package static func == (left: Template, right: Template) -> Bool { left.node == right.node }

    package func hash(into hasher: inout Hasher) { hasher.combine(node) }

    /// Whether there is any expression in it.
    package var isPlain: Bool { if case .plain = node { true } else { false } }

    /// The value with its expressions worked out.
    ///
    /// - Throws: What the first expression that cannot be worked out comes to, with the place of its string.
    package func value(in scope: some ExpressionScope) throws(Failure) -> JSONValue {
        var size: Int = 0
        return try Template.evaluate(node, in: scope, at: [], size: &size)
    }

    // MARK: Reading

    private static func read(
        _ value: JSONValue, at path: [String], _ references: inout [(path: String, reference: Expression.Reference)]
    ) throws(Failure) -> Node {
        switch value {
        case .null, .boolean, .integer, .number: return .plain(value)
        case .string(let text):
            guard text.utf8.contains(UInt8(ascii: "$")) else { return .plain(value) }
            let place: String = path.joined(separator: ".")
            let parts: [Part]
            do throws(ExpressionError) {
                parts = try Template.parts(of: text)
            } catch {
                throw Failure(path: place, error: error)
            }
            for case .expression(let expression) in parts {
                for reference: Expression.Reference in expression.references { references.append((place, reference)) }
            }
            if parts.count == 1, case .expression(let expression) = parts[0] { return .single(expression) }
            if parts.isEmpty { return .plain(value) }
            if parts.count == 1, case .text(let text) = parts[0] { return .plain(.string(text)) }
            return .mixed(parts)
        case .array(let elements):
            var nodes: [Node] = []
            for (index, element) in elements.enumerated() {
                nodes.append(try read(element, at: path + ["\(index)"], &references))
            }
            return isPlain(nodes) ? .plain(.array(nodes.map(plain))) : .array(nodes)
        case .object(let object):
            var members: [Member] = []
            for member: JSONObject.Member in object.members {
                members.append(
                    Member(key: member.key, value: try read(member.value, at: path + [member.key], &references)))
            }
            guard isPlain(members.map(\.value)) else { return .object(members) }
            return .plain(.object(JSONObject(members.map { ($0.key, plain($0.value)) })))
        }
    }

    private static func isPlain(_ nodes: [Node]) -> Bool {
        nodes.allSatisfy { if case .plain = $0 { true } else { false } }
    }

    private static func plain(_ node: Node) -> JSONValue {
        if case .plain(let value) = node { value } else { .null }
    }

    private static func parts(of text: String) throws(ExpressionError) -> [Part] {
        let bytes: [UInt8] = Array(text.utf8)
        var parts: [Part] = []
        var plain: [UInt8] = []
        var offset: Int = 0
        while offset < bytes.count {
            if bytes[offset...].starts(with: "$${".utf8) {
                plain += Array("${".utf8)
                offset += 3
            } else if bytes[offset...].starts(with: "${".utf8) {
                guard bytes.count <= ExpressionLimits.sourceLength else {
                    throw ExpressionError(
                        position: offset, found: "a string of \(bytes.count) bytes",
                        expected: "at most \(ExpressionLimits.sourceLength) bytes where expressions stand")
                }
                if !plain.isEmpty { parts.append(.text(String(decoding: plain, as: UTF8.self))) }
                plain.removeAll()
                var parser = try ExpressionParser(bytes, from: offset + 2)
                parts.append(.expression(try parser.expression(closedBy: .sign("}"))))
                offset = parser.offset
            } else {
                plain.append(bytes[offset])
                offset += 1
            }
        }
        if !plain.isEmpty { parts.append(.text(String(decoding: plain, as: UTF8.self))) }
        return parts
    }

    private static func collect(_ node: Node, at path: [String], into paths: inout [String]) {
        switch node {
        case .plain: break
        case .single, .mixed: paths.append(path.joined(separator: "."))
        case .array(let nodes):
            for (index, node) in nodes.enumerated() { collect(node, at: path + ["\(index)"], into: &paths) }
        case .object(let members):
            for member: Member in members { collect(member.value, at: path + [member.key], into: &paths) }
        }
    }

    // MARK: Evaluation

    private static func evaluate(
        _ node: Node, in scope: some ExpressionScope, at path: [String], size: inout Int
    ) throws(Failure) -> JSONValue {
        switch node {
        case .plain(let value): return value
        case .single(let expression):
            let value: JSONValue = try evaluate(expression, in: scope, at: path)
            size += value.size(atMost: ExpressionLimits.resultSize - size)
            guard size <= ExpressionLimits.resultSize else {
                throw Failure(
                    path: path.joined(separator: "."),
                    error: ExpressionError(
                        position: 0, found: "a larger value",
                        expected: "at most \(ExpressionLimits.resultSize) bytes of values in all"))
            }
            return value
        case .mixed(let parts):
            var text: [UInt8] = []
            for part: Part in parts {
                switch part {
                case .text(let plain): text += Array(plain.utf8)
                case .expression(let expression):
                    switch try evaluate(expression, in: scope, at: path) {
                    case .string(let string): text += Array(string.utf8)
                    case let value: text += JSONText(value).utf8
                    }
                }
                guard size + text.count <= ExpressionLimits.resultSize else {
                    throw Failure(
                        path: path.joined(separator: "."),
                        error: ExpressionError(
                            position: 0, found: "a longer text",
                            expected: "at most \(ExpressionLimits.resultSize) bytes"))
                }
            }
            size += text.count
            return .string(String(decoding: text, as: UTF8.self))
        case .array(let nodes):
            var elements: [JSONValue] = []
            for (index, node) in nodes.enumerated() {
                elements.append(try evaluate(node, in: scope, at: path + ["\(index)"], size: &size))
            }
            return .array(elements)
        case .object(let members):
            var object = JSONObject()
            for member: Member in members {
                object[member.key] = try evaluate(member.value, in: scope, at: path + [member.key], size: &size)
            }
            return .object(object)
        }
    }

    private static func evaluate(
        _ expression: Expression, in scope: some ExpressionScope, at path: [String]
    ) throws(Failure) -> JSONValue {
        do throws(ExpressionError) {
            return try expression.value(in: scope)
        } catch {
            throw Failure(path: path.joined(separator: "."), error: error)
        }
    }
}

extension JSONValue {
    /// How many bytes it takes as text at least; looks no further than a limit, past which any number may come.
    fileprivate func size(atMost limit: Int) -> Int {
        switch self {
        case .null, .boolean, .integer, .number: return 1
        case .string(let text): return text.utf8.count + 2
        case .array(let elements):
            var size: Int = 2
            for element: JSONValue in elements where size <= limit { size += element.size(atMost: limit - size) + 1 }
            return size
        case .object(let object):
            var size: Int = 2
            for member: JSONObject.Member in object.members where size <= limit {
                size += member.key.utf8.count + 4 + member.value.size(atMost: limit - size)
            }
            return size
        }
    }
}
