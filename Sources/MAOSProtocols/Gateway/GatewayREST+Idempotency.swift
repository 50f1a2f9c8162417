internal import MAOSCore

/// Requests that are sent again.
extension GatewayREST {
    /// A command that makes something, once where the request has a key; `what` keeps keys of different requests apart.
    func once(
        _ command: Command, _ request: GatewayRequest, doing what: String
    ) throws(GatewayFailure) -> Command {
        guard let key: IdempotencyKey = try idempotencyKey(of: request, doing: what) else { return command }
        return .once(key, command)
    }

    /// The key that lets a request be repeated, with a digest of what is done and its compact body.
    func idempotencyKey(
        of request: GatewayRequest, doing what: String = ""
    ) throws(GatewayFailure) -> IdempotencyKey? {
        guard let bytes: ArraySlice<UInt8> = request.head.fields.value(.idempotencyKey) else { return nil }
        guard (1...255).contains(bytes.count), bytes.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else {
            throw .invalid([
                ValidationIssue(
                    path: [.key("Idempotency-Key")], code: .format, message: "must be 1 to 255 printable characters",
                    expected: "1 to 255 printable characters",
                    value: .string(String(decoding: bytes.prefix(100), as: UTF8.self)))
            ])
        }
        let compact: [UInt8]
        do throws(JSONError) {
            compact = request.body.isEmpty ? [] : try JSONText(utf8: request.body).utf8
        } catch {
            throw .malformedBody(error)
        }
        var digest: UInt64 = 0xCBF2_9CE4_8422_2325  // FNV-1a
        for byte in what.utf8 { digest = (digest ^ UInt64(byte)) &* 0x100_0000_01B3 }
        for byte in compact { digest = (digest ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return IdempotencyKey(key: String(decoding: bytes, as: UTF8.self), fingerprint: digest)
    }
}
