import Foundation
import MAOSCore
import Testing

/// Gives the tests of a suite one server: started before the first, stopped in an orderly way after the last.
struct SharedServer: SuiteTrait, TestScoping {
    @TaskLocal private static var running: ServerProcess?

    private let arguments: [String]
    private let configuration: JSONObject?

    fileprivate init(arguments: [String], configuration: JSONObject?) {
        self.arguments = arguments
        self.configuration = configuration
    }

    /// Something that stands in the environment of every such server and is nobody else's business.
    static let secret: String = "a-secret-of-the-server"

    /// The server of the suite that runs.
    static var current: ServerProcess {
        get throws {
            guard let running else { throw HarnessError("the suite has no server of its own") }
            return running
        }
    }

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        let server = try ServerProcess(
            arguments: arguments, environment: ["SOME_API_KEY": SharedServer.secret], configuration: configuration)
        try await SharedServer.$running.withValue(server) { try await function() }
        #expect(server.process.isRunning, "the server lives after all tests; it said: \(server.errorText)")
        #expect(server.end(with: SIGTERM) == 0, "it ends cleanly; it said: \(server.errorText)")
    }
}

extension Trait where Self == SharedServer {
    /// A server without limits.
    static var server: Self { SharedServer(arguments: ["--limits", "off"], configuration: nil) }

    /// A server that is configured.
    static func server(_ configuration: JSONObject) -> Self {
        SharedServer(arguments: ["--limits", "off"], configuration: configuration)
    }
}
