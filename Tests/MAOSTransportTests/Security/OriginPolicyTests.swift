import MAOSSystem
import MAOSTransport
import Testing

@Suite("Hosts, origins, addresses")
struct OriginPolicyTests {
    @Test(
        "loopback is accepted by name and by number, with and without a port",
        arguments: [
            "localhost", "localhost:7400", "LOCALHOST", "localhost.", "127.0.0.1", "127.0.0.1:80", "127.9.9.9", "[::1]",
            "[::1]:7400", "localhost:",
        ])
    func loopbackHosts(host: String) {
        #expect(OriginPolicy().acceptsHost(host))
    }

    @Test(
        "a foreign or broken host is refused",
        arguments: [
            "", ":80", "example.org", "localhost.example.org", "127.0.0.1.example.org", "localhost:port",
            "localhost:99999",
            "[::1", "[::1]x", "[localhost]", "::1", "0.0.0.0", "192.168.0.1", "[::2]", "localhost/", "user@localhost",
            "local host", "localhost:80:80", "2130706433", "127.1",
        ])
    func foreignHosts(host: String) {
        #expect(!OriginPolicy().acceptsHost(host))
    }

    @Test("a configured host is accepted as host and as origin")
    func configured() {
        let policy = OriginPolicy(hosts: ["Maos.example.org", "[2001:db8::1]"], origins: ["https://panel.example.org"])
        #expect(policy.acceptsHost("maos.example.org:7400"))
        #expect(policy.acceptsHost("[2001:db8::1]:7400"))
        #expect(!policy.acceptsHost("panel.example.org"))
        #expect(policy.acceptsOrigin("https://maos.example.org"))
        #expect(policy.acceptsOrigin("https://Panel.example.org"))
        #expect(!policy.acceptsOrigin("http://panel.example.org"))
        #expect(!policy.acceptsOrigin("https://panel.example.org:8443"))
    }

    @Test(
        "a page from loopback may ask",
        arguments: ["http://localhost:3000", "https://localhost", "http://127.0.0.1", "http://[::1]:5173"])
    func loopbackOrigins(origin: String) {
        #expect(OriginPolicy().acceptsOrigin(origin))
    }

    @Test(
        "a page from elsewhere may not",
        arguments: [
            "null", "", "http://", "https://example.org", "http://localhost.example.org", "file://", "ftp://localhost",
            "localhost", "//localhost", "http://localhost/path", "http://user@localhost", "chrome-extension://abc",
            "http://example.org#localhost",
        ])
    func foreignOrigins(origin: String) {
        #expect(!OriginPolicy().acceptsOrigin(origin))
        #expect(OriginPolicy().refusal(host: "localhost", origin: origin) == .foreignOrigin)
    }

    @Test("whoever sends no origin is no browser page, and the host comes first")
    func order() {
        #expect(OriginPolicy().refusal(host: "localhost", origin: nil) == nil)
        #expect(OriginPolicy().refusal(host: nil, origin: nil) == nil)
        #expect(OriginPolicy().refusal(host: "evil.example", origin: "http://evil.example") == .foreignHost)
    }

    @Test("a range holds its addresses and no others")
    func ranges() throws {
        let cases: [(String, inside: [String], outside: [String])] = [
            (
                "10.0.0.0/8", ["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"],
                ["9.255.255.255", "11.0.0.0", "::10.0.0.1"]
            ),
            ("192.0.2.7", ["192.0.2.7"], ["192.0.2.6", "192.0.2.8"]),
            ("0.0.0.0/0", ["1.2.3.4", "255.255.255.255"], ["::1"]),
            ("2001:db8::/32", ["2001:db8::", "2001:db8:ffff::1"], ["2001:db9::", "10.0.0.1"]),
            ("2001:db8::8000:0:0:0/65", ["2001:db8::8000:0:0:1"], ["2001:db8::1"]),
            ("::/0", ["::1", "2001:db8::1"], ["127.0.0.1"]),
            ("::1/128", ["::1"], ["::2"]),
        ]
        for (text, inside, outside) in cases {
            let range = try #require(AddressRange(text), "\(text)")
            for address in inside { #expect(range.contains(try #require(IPAddress(address))), "\(address) in \(text)") }
            for address in outside {
                #expect(!range.contains(try #require(IPAddress(address))), "\(address) not in \(text)")
            }
        }
    }

    @Test(
        "what is no range is refused",
        arguments: [
            "", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/+8", "10/8", "::1/129", "a/8",
        ])
    func badRanges(text: String) {
        #expect(AddressRange(text) == nil)
    }

    @Test("denial wins; if some are allowed, others are not")
    func filter() throws {
        let ten = try #require(AddressRange("10.0.0.0/8"))
        let one = try #require(AddressRange("10.0.0.1"))
        let inside = try #require(IPAddress("10.0.0.2"))
        let denied = try #require(IPAddress("10.0.0.1"))
        let outside = try #require(IPAddress("192.0.2.1"))
        #expect(AddressFilter().admits(outside))
        let filter = AddressFilter(allow: [ten], deny: [one])
        #expect(filter.admits(inside))
        #expect(!filter.admits(denied))
        #expect(!filter.admits(outside))
    }
}
