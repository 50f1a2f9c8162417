internal import MAOSCore
internal import MAOSProtocols

/// Reads the history of events page by page.
struct EventReader {
    /// What the server gives in one page at most.
    private static let pageSize: Int = 1_000

    let server: Server
    /// Names with commas between them; nil for all.
    let types: String?

    /// Reads events in their order.
    ///
    /// - Parameters:
    ///   - first: The sequence number to begin with.
    ///   - limit: How many at most.
    ///   - body: Gets each event.
    /// - Throws: ``Failure`` if the server says no.
    func read(from first: Int, limit: Int, _ body: (JSONValue) -> Void) throws(Failure) {
        var next: Int = max(1, first)
        var left: Int = limit
        while left > 0 {
            let data: JSONValue = try page(from: next, limit: min(left, EventReader.pageSize), types: types)
            let events: [JSONValue] = data["events"]?.arrayValue ?? []
            for event: JSONValue in events { body(event) }
            left -= events.count
            // A page may be empty though there is more, where none of its events were wanted.
            guard let following: Int = data["nextSequence"]?.intValue, following > next else { return }
            next = following
        }
    }

    /// The newest events, so many at most, in their order.
    ///
    /// - Throws: ``Failure`` if the server says no.
    func newest(_ limit: Int) throws(Failure) -> [JSONValue] {
        let last: Int = try lastSequence()
        guard last > 0 else { return [] }
        var window: Int = types == nil ? limit : max(EventReader.pageSize, limit * 4)
        while true {
            let first: Int = max(1, last - window + 1)
            var events: [JSONValue] = []
            try read(from: first, limit: .max) { events.append($0) }
            if events.count >= limit || first == 1 { return Array(events.suffix(limit)) }
            window *= 8
        }
    }

    /// The newest sequence number; 0 when nothing has happened yet.
    ///
    /// - Throws: ``Failure`` if the server says no.
    func lastSequence() throws(Failure) -> Int {
        let data: JSONValue = try page(from: .max, limit: 1, types: nil)
        return data["lastSequence"]?.intValue ?? 0
    }

    private func page(from first: Int, limit: Int, types: String?) throws(Failure) -> JSONValue {
        let path: APIPath = APIPath("events").with("since", String(first)).with("limit", String(limit))
            .with("types", types)
        return try server.call("read the events", .get, path.text).data
    }
}
