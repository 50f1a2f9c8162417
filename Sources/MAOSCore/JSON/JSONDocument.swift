/// A JSON value with the text that it was read from, for those who keep parts of it as text.
package struct JSONDocument: Sendable {
    /// The value.
    package let value: JSONValue
    private let bytes: [UInt8]
    /// Where the members' values stand in ``bytes``.
    private let places: JSONMemberPlaces

    /// Reads a whole text, as ``JSONReader/parse(_:depthLimit:)-([UInt8],_)`` does.
    ///
    /// At most `depthLimit` arrays and objects may stand inside each other. Throws the first mistake with its byte offset.
    package init(_ bytes: [UInt8], depthLimit: Int) throws(JSONError) {
        var places = JSONMemberPlaces()
        value = try JSONReader.read(bytes.span, depthLimit: depthLimit, places: &places)
        self.bytes = bytes
        self.places = places
    }

    /// A value of which there is no text.
    package init(_ value: JSONValue) {
        self.value = value
        bytes = []
        places = JSONMemberPlaces()
    }

    /// The text of a member's value, the same that ``JSONText/init(_:)-(JSONValue)`` makes of it.
    ///
    /// - Parameter position: The member's place in ``JSONObject/members`` of the value, which is an object.
    /// - Returns: The text.
    package func text(ofMember position: Int) -> JSONText {
        guard case .object(let object) = value else { preconditionFailure("only objects have members") }
        // Of equal keys only one has become a member.
        guard places.count == object.count, let place = places[position] else {
            var writer = JSONWriter()
            writer.value(object.members[position].value)
            return writer.takeText()
        }
        return JSONText(trusted: Array(bytes[place]))
    }
}

/// Where the values of an object's first members stand in its text.
struct JSONMemberPlaces: Sendable {
    private struct Place: Sendable {
        let start: UInt32
        let end: UInt32
    }

    /// So many members are noted.
    static let limit = 16

    private var places = [16 of Place](repeating: Place(start: 0, end: 0))
    /// How many members were read, noted or not.
    private(set) var count = 0

    /// The place of a member's value, if it is noted.
    @inline(__always)
    subscript(position: Int) -> Range<Int>? {
        guard position < JSONMemberPlaces.limit else { return nil }
        let place = places[position]
        return place.start < place.end ? Int(place.start)..<Int(place.end) : nil
    }

    /// Notes where the next member's value stands; `nil` for one that ``JSONWriter`` writes in another way.
    mutating func append(_ place: Range<Int>?) {
        if count < JSONMemberPlaces.limit, let place, let end = UInt32(exactly: place.upperBound) {
            places[count] = Place(start: UInt32(place.lowerBound), end: end)
        }
        count += 1
    }
}
