/// The members of a JSON object in the order they were written; of equal keys the last wins, in the place of the first.
///
/// Keys are equal when their bytes are (RFC 8259 §8.3): `é` composed and decomposed are two keys. Up to eight members are searched one
/// by one; beyond, a hash table that is seeded per process keeps every lookup O(1), also for keys chosen to collide.
/// Two objects are equal when they have equal members in any order.
public struct JSONObject: Sendable {
    /// One named value.
    public struct Member: Sendable, Hashable {
        /// The name, unique within its object.
        public let key: String
        /// The value of that name.
        public fileprivate(set) var value: JSONValue

        /// A value under a name.
        public init(key: String, value: JSONValue) {
            self.key = key
            self.value = value
        }
    }

    private static let linearLimit = 8

    /// The members in order.
    public private(set) var members: [Member]
    /// Open addressing by key hash, member position + 1, 0 for a free slot; `nil` while searched one by one.
    private var table: [UInt32]?

    /// An object without members.
    public init() {
        members = []
        table = nil
    }

    /// An object of these members; of equal keys the last wins.
    public init(_ elements: some Sequence<(String, JSONValue)>) {
        self.init(written: elements.map { Member(key: $0.0, value: $0.1) }, mayRepeat: true)
    }

    /// Takes members as they were read, with equal keys among them where what is known of the keys allows it.
    init(written: consuming [Member], mayRepeat: Bool) {
        members = written
        table = nil
        if members.count > JSONObject.linearLimit {
            if !fillTable() { rebuild(from: members) }
        } else if mayRepeat, members.count > 1 {
            for position in 1..<members.count where linearSearch(members[position].key, before: position) != nil {
                rebuild(from: members)
                return
            }
        }
    }

    /// Tells keys apart without comparing them, as far as that goes: by their lengths and first bytes.
    struct KeyMarks {
        private var bits: UInt64 = 0
        /// Whether two of the keys may be equal.
        private(set) var mayRepeat = false

        /// Notes a key by its first byte and how many it has.
        @inline(__always)
        mutating func note(first: UInt8, length: Int) {
            let bit = (1 as UInt64) << (UInt64(truncatingIfNeeded: length &* 11 &+ Int(first)) & 63)
            if bits & bit != 0 { mayRepeat = true }
            bits |= bit
        }

        /// Notes a key of which nothing is known.
        mutating func noteUnknown() {
            mayRepeat = true
        }
    }

    /// The number of members.
    public var count: Int { members.count }

    /// Whether there are no members.
    public var isEmpty: Bool { members.isEmpty }

    /// The value of a key; setting `nil` removes the member, which costs O(n).
    public subscript(_ key: String) -> JSONValue? {
        get {
            guard let position = position(of: key) else { return nil }
            return members[position].value
        }
        set {
            switch (position(of: key), newValue) {
            case (let position?, let value?): members[position].value = value
            case (nil, let value?): insert(Member(key: key, value: value))
            case (let position?, nil): remove(at: position)
            case (nil, nil): break
            }
        }
    }

    /// The place of a key in ``members``.
    public func position(of key: String) -> Int? {
        guard let table else { return linearSearch(key, before: members.count) }
        let entry = table[slot(of: key, in: table)]
        return entry == 0 ? nil : Int(entry) - 1
    }

    private mutating func insert(_ member: Member) {
        members.append(member)
        guard members.count > JSONObject.linearLimit else { return }
        guard var table = table.take(), members.count * 2 <= table.count else {
            _ = fillTable()
            return
        }
        table[slot(of: member.key, in: table)] = UInt32(members.count)
        self.table = table
    }

    private mutating func remove(at position: Int) {
        members.remove(at: position)
        if members.count > JSONObject.linearLimit {
            _ = fillTable()
        } else {
            table = nil
        }
    }

    private mutating func rebuild(from written: [Member]) {
        members = []
        table = nil
        members.reserveCapacity(written.count)
        for member in written {
            self[member.key] = member.value
        }
    }

    /// Enters every member in a new table; false, with the table as it was, if two keys are equal.
    private mutating func fillTable() -> Bool {
        var size = 32
        while size < members.count * 2 {
            size *= 2
        }
        var table = [UInt32](repeating: 0, count: size * 2)
        for position in members.indices {
            let slot = slot(of: members[position].key, in: table)
            guard table[slot] == 0 else { return false }
            table[slot] = UInt32(position) + 1
        }
        self.table = table
        return true
    }

    /// The slot that holds the key, or the free one where it would go.
    private func slot(of key: String, in table: [UInt32]) -> Int {
        let mask = table.count - 1
        var slot = JSONObject.hash(key) & mask
        while table[slot] != 0, !JSONObject.sameKey(members[Int(table[slot]) - 1].key, key) {
            slot = (slot + 1) & mask
        }
        return slot
    }

    private func linearSearch(_ key: String, before end: Int) -> Int? {
        // Borrowed, so that looking at a key does not count a reference to it.
        let members: Span<Member> = members.span
        var position = 0
        while position < end {
            if JSONObject.sameKey(members[position].key, key) { return position }
            position += 1
        }
        return nil
    }

    /// Equality of bytes: `==` of strings alone would also unite canonically equivalent ones.
    @inline(__always)
    private static func sameKey(_ first: String, _ second: String) -> Bool {
        first.utf8.count == second.utf8.count && first == second && sameBytes(first, second)
    }

    private static func sameBytes(_ first: String, _ second: String) -> Bool {
        let (left, right) = (first.utf8Span, second.utf8Span)
        // What is equal and ASCII on both sides has the same bytes.
        if left.isKnownASCII, right.isKnownASCII { return true }
        for index in left.span.indices where left.span[index] != right.span[index] { return false }
        return true
    }

    /// A hash of the bytes, for the same reason: equivalent strings share the hash of `String`.
    private static func hash(_ key: String) -> Int {
        var hasher = Hasher()
        var word: UInt64 = 0
        var filled = 0
        for byte in key.utf8 {
            word = word << 8 | UInt64(byte)
            filled += 1
            if filled & 7 == 0 {
                hasher.combine(word)
                word = 0
            }
        }
        hasher.combine(word)
        hasher.combine(filled)
        return hasher.finalize()
    }
}

extension JSONObject: Hashable {
    /// Whether both have equal members, in any order.
    public static func == (first: JSONObject, second: JSONObject) -> Bool {
        guard first.count == second.count else { return false }
        for position in first.members.indices {
            let member = first.members[position]
            let sameplace = second.members[position]
            if sameKey(sameplace.key, member.key) {
                guard sameplace.value == member.value else { return false }
            } else {
                guard second[member.key] == member.value else { return false }
            }
        }
        return true
    }

    /// Hashes the members independent of their order.
    public func hash(into hasher: inout Hasher) {
        var mixed = 0
        for member in members {
            var own = Hasher()
            own.combine(member)
            mixed ^= own.finalize()
        }
        hasher.combine(members.count)
        hasher.combine(mixed)
    }
}

extension JSONObject: Sequence {
    /// Walks the members in order.
    public func makeIterator() -> IndexingIterator<[Member]> {
        members.makeIterator()
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    /// An object of these members; of equal keys the last wins.
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self.init(elements)
    }
}
