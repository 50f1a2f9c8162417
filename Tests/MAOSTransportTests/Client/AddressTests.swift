import MAOSTransport
import Testing

@Suite("Listen addresses and client URLs")
struct AddressTests {
    @Test("addresses to listen on are numbers or localhost")
    func listenAddresses() throws {
        for text in ["localhost:7400", "127.0.0.1:0", "[::1]:80", "0.0.0.0:1"] {
            #expect(try #require(ListenAddress(text)).description == text)
        }
        for text in ["localhost", "localhost:", "localhost:x", "example.org:80", ":80", "127.0.0.1", "localhost:65536"]
        {
            #expect(ListenAddress(text) == nil, "\(text)")
        }
        #expect(try #require(ListenAddress("localhost:1")).isLoopback)
        #expect(try !#require(ListenAddress("0.0.0.0:1")).isLoopback)
    }

    @Test("a client's URL keeps host, port and path")
    func clientURLs() throws {
        for (text, description) in [
            ("http://localhost:7400", "http://localhost:7400"), ("ws://[::1]:80/", "http://[::1]"),
            ("HTTP://h/base/", "http://h/base"), ("http://127.0.0.1:1/a/b", "http://127.0.0.1:1/a/b"),
        ] {
            #expect(try #require(ClientURL(text)).description == description)
        }
        for text in [
            "", "localhost", "https://h", "http://", "http://:80", "http://h:0", "http://h:99999", "http://h/?q",
        ] {
            #expect(ClientURL(text) == nil, "\(text)")
        }
    }
}
