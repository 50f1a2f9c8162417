internal import MAOSCore

/// The text messages of a terminal's WebSocket.
enum TerminalMessages {
    /// The size of a terminal in characters.
    struct Size: Sendable, Hashable {
        var columns: Int
        var rows: Int
    }

    private static let depthLimit: Int = 16
    private static let extent: Constraint = .integer(1...65_535)

    /// What `resize` holds.
    static let size = MessageSchema(
        "TerminalSize",
        [.required("columns", extent, "Characters in a row."), .required("rows", extent, "Rows.")])

    /// A client's text message.
    static let resize = MessageSchema(
        "TerminalResize", [.required("resize", .object(size), "The size that the programs are told.")])

    /// Reads a client's text message.
    ///
    /// - Throws: ``GatewayFailure`` with every mistake.
    static func decode(_ text: [UInt8]) throws(GatewayFailure) -> Size {
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONReader.parse(text, depthLimit: depthLimit)
        } catch {
            throw GatewayFailure(.validation, "Invalid JSON message")
        }
        let issues: [ValidationIssue] = resize.issues(in: value)
        guard issues.isEmpty, let columns: Int = value["resize"]?["columns"]?.intValue,
            let rows: Int = value["resize"]?["rows"]?.intValue
        else { throw .invalid(issues) }
        return Size(columns: columns, rows: rows)
    }

    /// `{"exit": code}`.
    static func exit(_ code: Int) -> [UInt8] { number("exit", code) }

    /// `{"gap": bytes}`.
    static func gap(_ bytes: Int) -> [UInt8] { number("gap", bytes) }

    /// `{"error": {code, message, details?}}`.
    static func error(_ failure: GatewayFailure) -> [UInt8] {
        var writer = JSONWriter(reservingCapacity: 256)
        writer.beginObject()
        writer.key("error")
        failure.write(to: &writer)
        writer.endObject()
        return writer.take()
    }

    private static func number(_ name: String, _ value: Int) -> [UInt8] {
        var writer = JSONWriter(reservingCapacity: 32)
        writer.beginObject()
        writer.member(name, value)
        writer.endObject()
        return writer.take()
    }
}
