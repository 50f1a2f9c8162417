import MAOSCore
import MAOSProtocols
import MAOSTestSupport

/// A request as it came out of the parser.
struct CollectedRequest: Equatable {
    var method: String
    var target: String
    var fields: [String]
    var body: [UInt8] = []
    var trailers: [String] = []
    var isComplete = false
}

/// Everything that came out of a parser for some input.
struct CollectedRequests: Equatable {
    var requests: [CollectedRequest] = []
    var error: HTTP1Error?

    var complete: [CollectedRequest] { requests.filter(\.isComplete) }

    init(
        _ pieces: [ArraySlice<UInt8>], headLimit: Int = 65_536, fieldLimit: Int = 100, bodyLimit: Int = 1_000_000
    ) {
        var parser = HTTP1RequestParser(headLimit: headLimit, fieldLimit: fieldLimit, bodyLimit: bodyLimit)
        do throws(HTTP1Error) {
            for piece in pieces {
                parser.receive(piece)
                while let event = try parser.next() {
                    take(event)
                }
            }
        } catch {
            self.error = error
        }
    }

    init(_ text: String) {
        self.init([Array(text.utf8)[...]])
    }

    private mutating func take(_ event: HTTP1RequestParser.Event) {
        switch event {
        case .head(let head):
            requests.append(
                CollectedRequest(
                    method: head.method.name, target: head.targetText, fields: CollectedRequests.list(head.fields)))
        case .body(let piece):
            requests[requests.count - 1].body += piece
        case .end(let trailers):
            requests[requests.count - 1].trailers = CollectedRequests.list(trailers)
            requests[requests.count - 1].isComplete = true
        }
    }

    private static func list(_ fields: HTTPFields) -> [String] {
        var list: [String] = []
        fields.forEach { list.append("\($0): \($1)") }
        return list
    }
}
