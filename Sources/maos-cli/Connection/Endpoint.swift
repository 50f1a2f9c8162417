internal import MAOSCore
internal import MAOSSystem
internal import MAOSTransport

/// Which server is asked, and as whom.
struct Endpoint: Sendable {
    static let defaultURL: String = "http://localhost:7400"

    /// Where the token is from, for hints.
    enum TokenOrigin: Sendable {
        case flag
        case variable
        case file(String)
        /// There is none; the reason, if a file could not be read.
        case none(String?)
    }

    let url: ClientURL
    let token: String?
    let tokenOrigin: TokenOrigin
    let isDefaultURL: Bool

    /// Works out the server of `--url`, `MAOS_URL` or the default, and the token of `--token`, `MAOS_TOKEN` or the file.
    ///
    /// - Throws: ``Failure`` of wrong usage if the URL is none.
    init(_ arguments: Arguments) throws(Failure) {
        let given: String? = arguments.text(CommonFlag.url) ?? Environment.variable("MAOS_URL")
        isDefaultURL = given == nil
        let text: String = given ?? Endpoint.defaultURL
        guard let url = ClientURL(text) else {
            var hints: [String] = ["expected http://HOST[:PORT]"]
            if text.hasPrefix("https:") { hints = ["TLS is not spoken here; go through a proxy on this machine"] }
            if !text.contains(text: "://"), ClientURL("http://" + text) != nil {
                hints = ["did you mean http://\(text)?"]
            }
            throw .usage("\"\(text)\" is no URL of a server", hints: hints)
        }
        self.url = url
        if let token: String = arguments.text(CommonFlag.token) {
            self.token = token
            tokenOrigin = .flag
        } else if let token: String = Environment.variable("MAOS_TOKEN") {
            self.token = token
            tokenOrigin = .variable
        } else {
            let path: String = DataDirectory(arguments).adminTokenPath
            let found: (token: String?, reason: String?) = Endpoint.read(path)
            token = found.token
            tokenOrigin = found.token == nil ? .none(found.reason ?? "there is no \(path)") : .file(path)
        }
        if let token, token.utf8.contains(where: { $0 <= 0x20 || $0 >= 0x7F }) {
            throw .usage("the token holds characters that no token has")
        }
    }

    private static func read(_ path: String) -> (token: String?, reason: String?) {
        do throws(SecretFile.Failure) {
            guard let bytes: [UInt8] = try SecretFile.read(path) else { return (nil, nil) }
            let token: ArraySlice<UInt8> = bytes.prefix { $0 > 0x20 }
            return token.isEmpty ? (nil, "\(path) is empty") : (String(decoding: token, as: UTF8.self), nil)
        } catch {
            return (nil, error.description)
        }
    }

    /// What to do when the server wants to know who asks, or does not believe it.
    var tokenHints: [String] {
        switch tokenOrigin {
        case .flag: ["the token is from --token; make a new one with \(Program.name) token create"]
        case .variable: ["the token is from MAOS_TOKEN; make a new one with \(Program.name) token create"]
        case .file(let path):
            ["the token is from \(path); name the data directory of the server at \(url) with --data"]
        case .none(let reason):
            (reason.map { ["no token was sent: \($0)"] } ?? [])
                + ["name the server's data directory with --data, or pass --token or MAOS_TOKEN"]
        }
    }
}
