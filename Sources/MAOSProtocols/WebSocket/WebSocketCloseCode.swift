/// Why a WebSocket is closed (RFC 6455 §7.4).
package struct WebSocketCloseCode: Sendable, Hashable {
    /// The number as it stands in a close frame.
    package let value: UInt16

    /// A code by its number.
    package init(_ value: UInt16) {
        self.value = value
    }

    /// The purpose is fulfilled.
    package static let normal = WebSocketCloseCode(1000)
    /// The server goes down or the page is left.
    package static let goingAway = WebSocketCloseCode(1001)
    /// The peer broke the protocol.
    package static let protocolError = WebSocketCloseCode(1002)
    /// A kind of data that is not accepted.
    package static let unsupportedData = WebSocketCloseCode(1003)
    /// A close frame without a code; never sent.
    package static let noStatus = WebSocketCloseCode(1005)
    /// The connection ended without a close frame; never sent.
    package static let abnormal = WebSocketCloseCode(1006)
    /// Data does not fit its message's type, for example text that is not UTF-8.
    package static let invalidPayload = WebSocketCloseCode(1007)
    /// A message breaks the rules of the application.
    package static let policyViolation = WebSocketCloseCode(1008)
    /// A message is too long.
    package static let messageTooBig = WebSocketCloseCode(1009)
    /// The client misses an extension.
    package static let missingExtension = WebSocketCloseCode(1010)
    /// The server failed.
    package static let internalError = WebSocketCloseCode(1011)
    /// The server restarts.
    package static let serviceRestart = WebSocketCloseCode(1012)
    /// The server has too much to do.
    package static let tryAgainLater = WebSocketCloseCode(1013)

    /// Whether the code may stand in a close frame (§7.4.1, §7.4.2 and the registry of codes).
    package var isSendable: Bool {
        switch value {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}
