internal import Glibc

/// The server's data directory, as far as this program looks into it.
struct DataDirectory: Sendable {
    let path: String
    /// How the directory was chosen, for messages.
    let origin: String

    /// The directory of `--data`, `MAOS_DATA`, or the default.
    init(_ arguments: Arguments) {
        if let given: String = arguments.text(CommonFlag.data) {
            path = given
            origin = CommonFlag.data.name
        } else if let given: String = Environment.variable("MAOS_DATA") {
            path = given
            origin = "MAOS_DATA"
        } else if let base: String = Environment.variable("XDG_DATA_HOME") {
            path = base + "/maos"
            origin = "XDG_DATA_HOME"
        } else {
            path = (Environment.variable("HOME") ?? "/var/lib") + "/.local/share/maos"
            origin = "the default"
        }
    }

    var keyPath: String { path + "/jwt.key" }
    var adminTokenPath: String { path + "/admin.token" }
}
