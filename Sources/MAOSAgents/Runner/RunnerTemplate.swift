/// Fills the placeholders of a runner's arguments.
///
/// A value goes in as it is, is not looked at again, and never passes through a shell. Braces around anything else stay.
package struct RunnerTemplate {
    /// By name, without the braces.
    package var values: [String: String]

    /// Takes the values.
    package init(values: [String: String]) { self.values = values }

    /// An argument with its placeholders filled in.
    package func fill(_ argument: String) -> String {
        guard argument.utf8.contains(UInt8(ascii: "{")) else { return argument }
        var filled: String = ""
        var rest: Substring = argument[...]
        while let open: Substring.Index = rest.firstIndex(of: "{") {
            filled.append(contentsOf: rest[..<open])
            rest = rest[open...]
            guard let close: Substring.Index = rest.firstIndex(of: "}"),
                let value: String = values[String(rest[rest.index(after: open)..<close])]
            else {
                filled.append("{")
                rest = rest.dropFirst()
                continue
            }
            filled.append(value)
            rest = rest[rest.index(after: close)...]
        }
        filled.append(contentsOf: rest)
        return filled
    }
}
