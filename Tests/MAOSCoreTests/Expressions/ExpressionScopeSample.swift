import MAOSCore

/// A scope whose roots are the members of one object.
struct SampleScope: ExpressionScope {
    var roots: JSONObject

    init(_ roots: JSONObject) { self.roots = roots }

    func value(of root: String) -> JSONValue? { roots[root] }

    func value(of member: String, in root: String) -> JSONValue? { roots[root]?[member] }

    /// What a workflow's step may see.
    static let usual = SampleScope([
        "parameters": [
            "n": 7, "name": "web", "tags": ["a", "b"], "half": 0.5, "on": true, "big": 9_223_372_036_854_775_807,
        ],
        "steps": ["build": ["status": "completed", "result": ["exitCode": 0, "files": ["x", "y", "z"]]]],
        "item": ["path": "src/main.swift", "size": 12],
        "index": 3,
    ])
}

/// An expression's value, or the mistake that it comes to.
func evaluate(_ source: String, in scope: SampleScope = .usual) -> Result<JSONValue, ExpressionError> {
    do throws(ExpressionError) {
        return .success(try Expression(source).value(in: scope))
    } catch {
        return .failure(error)
    }
}
