import Testing

@testable import MAOSProtocols

@Suite("Two dialects at one address")
struct SharedPortTests {
    @Test(
        "what dashboard clients send makes a connection theirs, valid or not (C-01, C-02, C-03)",
        arguments: [
            #"{"type":"auth","token":"x","clientId":"c"}"#, #"{"type":"auth"}"#,
            #"{"type":"agent:command","payload":7}"#, #" { "type" : "subscribe:logs" } "#, #"{"type":"ping"}"#,
        ])
    func recognises(text: String) {
        #expect(SharedPort.isDashboardMessage(Array(text.utf8)))
    }

    @Test(
        "anything else leaves it to the hive (C-03, HIVE-CONN-07)",
        arguments: [
            "", "hello", "{", "[]", "null", #""auth""#, #"{"type":7}"#, #"{"type":"AUTH"}"#, #"{"kind":"auth"}"#,
            #"[{"type":"auth"}]"#, #"{"type":"subscribe"}"#,
        ])
    func ignores(text: String) {
        #expect(!SharedPort.isDashboardMessage(Array(text.utf8)))
    }

    @Test("what is nested too deep is nobody's message")
    func depth() {
        let text: String = #"{"type":"auth","x":"# + String(repeating: "[", count: 1_000)
        #expect(!SharedPort.isDashboardMessage(Array(text.utf8)))
    }

    @Test("hints of the handshake win, the query first (C-01)")
    func hints() {
        #expect(SharedPort.hint(dialect: nil, subprotocols: [], host: "localhost:3001") == nil)
        #expect(SharedPort.hint(dialect: "hive", subprotocols: ["maos.dashboard"], host: "localhost") == .hive)
        #expect(SharedPort.hint(dialect: "dashboard", subprotocols: [], host: "localhost") == .dashboard)
        #expect(
            SharedPort.hint(dialect: "other", subprotocols: ["x", "maos.hive"], host: "dashboard.team.dev") == .hive)
        #expect(SharedPort.hint(dialect: nil, subprotocols: ["maos.dashboard"], host: "") == .dashboard)
        #expect(SharedPort.hint(dialect: nil, subprotocols: [], host: "Dashboard.team.dev:443") == .dashboard)
    }
}
