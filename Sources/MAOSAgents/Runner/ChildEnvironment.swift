internal import MAOSSystem

/// The variables that a supervised process is started with.
package struct ChildEnvironment: Sendable {
    /// By what a process says whose it is, to us and to the server after us: `INSTANCE/OWNER`.
    static let marker: String = "MAOS_SUPERVISED"

    /// What is taken over from the server's own environment, which may hold secrets otherwise.
    private static let inherited: [String] = [
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "TERM",
    ]
    private static let standardPath: String = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    private let base: [String: String]
    private let baseList: [String]

    /// Takes the harmless variables of this process.
    package init() {
        var variables: [String: String] = [:]
        for name in ChildEnvironment.inherited {
            if let value: String = ProcessSettings.variable(name) { variables[name] = value }
        }
        self.init(base: variables)
    }

    /// Takes variables that every child gets, unless others of the same name replace them.
    package init(base: [String: String]) {
        var variables: [String: String] = base
        if variables["PATH"] == nil { variables["PATH"] = ChildEnvironment.standardPath }
        self.base = variables
        baseList = variables.map { "\($0)=\($1)" }
    }

    /// The list for one process, and its search path.
    ///
    /// - Parameters:
    ///   - layers: Variables that replace those before them.
    ///   - own: Variables that nothing replaces.
    /// - Returns: `NAME=value` each, and the folders to look for programs in.
    func list(layers: [[String: String]], own: [(String, String)]) -> (variables: [String], searchPath: String) {
        var list: [String] = []
        var searchPath: String = base["PATH"] ?? ChildEnvironment.standardPath
        if layers.allSatisfy(\.isEmpty) {
            list.reserveCapacity(baseList.count + own.count)
            list.append(contentsOf: baseList)
        } else {
            var variables: [String: String] = base
            for layer in layers { variables.merge(layer) { $1 } }
            for (name, _) in own { variables[name] = nil }
            searchPath = variables["PATH"] ?? ChildEnvironment.standardPath
            list.reserveCapacity(variables.count + own.count)
            for (name, value) in variables { list.append("\(name)=\(value)") }
        }
        for (name, value) in own { list.append("\(name)=\(value)") }
        return (list, searchPath)
    }
}
