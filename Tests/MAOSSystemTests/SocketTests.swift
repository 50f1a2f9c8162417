import Glibc
import MAOSSystem
import Testing

@Suite("Addresses and sockets")
struct SocketTests {
    @Test(
        "addresses read and write alike",
        arguments: [
            "127.0.0.1", "0.0.0.0", "255.255.255.255", "192.0.2.1", "::1", "::", "2001:db8::1", "fe80::1:2",
            "::ffff:192.0.2.1",
        ])
    func addressText(text: String) throws {
        #expect(try #require(IPAddress(text)).description == text)
    }

    @Test(
        "what is no address is refused",
        arguments: ["", "localhost", "1.2.3", "1.2.3.4.5", "256.1.1.1", "[::1]", "::g", "1.2.3.4 ", "01.2.3.4x"])
    func badAddress(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test("loopback is known in every dress")
    func loopback() throws {
        for text in ["127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"] {
            #expect(try #require(IPAddress(text)).isLoopback, "\(text)")
        }
        for text in ["0.0.0.0", "128.0.0.1", "::", "::2", "::ffff:10.0.0.1", "::127.0.0.1"] {
            #expect(try !#require(IPAddress(text)).isLoopback, "\(text)")
        }
    }

    @Test("an address with a port reads and writes alike")
    func socketAddressText() throws {
        for text in ["127.0.0.1:80", "[::1]:7400", "0.0.0.0:0"] {
            #expect(try #require(SocketAddress(text)).description == text)
        }
        for text in ["127.0.0.1", "::1:80", "[127.0.0.1]:80", "127.0.0.1:65536", "127.0.0.1:", ":80", "[::1:80"] {
            #expect(SocketAddress(text) == nil, "\(text)")
        }
    }

    @Test("a connection carries bytes both ways and tells who is there", arguments: [IPAddress.loopback4, .loopback6])
    func connect(address: IPAddress) throws {
        let listener = try Socket.listen(on: SocketAddress(address, port: 0))
        let bound = try Socket.localAddress(of: listener)
        #expect(bound.port != 0)
        #expect(try Socket.accept(from: listener) == nil)
        let client = try Socket.connect(to: bound, timeout: 2_000)
        _ = try Socket.wait(for: listener, writable: false, timeout: 2_000)
        let waiting = try Socket.accept(from: listener)
        guard let accepted = consume waiting else {
            Issue.record("nothing to accept")
            return
        }
        #expect(accepted.peer == (try Socket.localAddress(of: client)))
        let sent = [UInt8]("ping".utf8).withUnsafeBytes { client.send($0) }
        #expect(sent == .count(4))
        #expect(try Socket.wait(for: accepted.descriptor, writable: false, timeout: 2_000))
        var buffer = [UInt8](repeating: 0, count: 16)
        let received = buffer.withUnsafeMutableBytes { accepted.descriptor.receive(into: $0) }
        #expect(received == .count(4))
        let again = buffer.withUnsafeMutableBytes { accepted.descriptor.receive(into: $0) }
        #expect(again == .wouldBlock)
    }

    @Test("a port in use is refused with a reason, not shared")
    func inUse() throws {
        let first = try Socket.listen(on: SocketAddress(.loopback4, port: 0))
        let address = try Socket.localAddress(of: first)
        do throws(SystemError) {
            _ = try Socket.listen(on: address)
            Issue.record("two listeners share \(address)")
        } catch {
            #expect(error.isAddressInUse)
            #expect(error.description.contains("Address already in use"))
        }
    }

    @Test("connecting where nobody listens says so")
    func refused() throws {
        let listener = try Socket.listen(on: SocketAddress(.loopback4, port: 0))
        let address = try Socket.localAddress(of: listener)
        _ = consume listener
        do throws(SystemError) {
            _ = try Socket.connect(to: address, timeout: 2_000)
            Issue.record("connected to nobody")
        } catch {
            #expect(error.code == ECONNREFUSED)
        }
    }
}

extension Optional where Wrapped: ~Copyable {
    fileprivate static func == (left: borrowing Self, right: _OptionalNilComparisonType) -> Bool {
        switch left {
        case .none: true
        case .some: false
        }
    }
}
