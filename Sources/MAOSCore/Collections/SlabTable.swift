/// What a ``SlabTable`` looks values up by.
protocol SlabKey: Hashable, Sendable {
    /// A hash that clients who choose keys cannot foresee; equal for equal keys, in one run of the program.
    var slabHash: UInt64 { get }
}

extension SlabKey {
    /// The standard library's hash, which is good and not cheap.
    var slabHash: UInt64 { UInt64(bitPattern: Int64(hashValue)) }
}

/// A table of values by key for very many of them, which grows in small steps.
///
/// Values never move, so that a table of millions grows without a pause in which they are all copied; what is rebuilt when it
/// fills up is one of many small indexes of numbers. Iteration goes by place, not by hash: the same
/// changes give the same order everywhere.
struct SlabTable<Key: SlabKey, Value: Sendable>: Sendable {
    /// Places by hash, in open addressing: the upper half of an entry is a part of the hash, the lower half place + 1.
    fileprivate struct Index: Sendable {
        var entries: [UInt64] = Array(repeating: 0, count: 8)
        var count: Int = 0
    }

    private static var indexCount: Int { 64 }

    /// The keys by place, apart from the values, so that looking for one touches no value.
    private var keys = PagedArray<Key>()
    /// The values by place; `nil` where the place is free.
    private var slots = PagedArray<Value?>()
    private var indexes: [Index] = Array(repeating: Index(), count: SlabTable.indexCount)
    /// Places that have become free, the last one is used first.
    private var free: [Int] = []
    /// How many values there are.
    private(set) var count: Int = 0
    /// The place that was changed last, if it is taken: whoever changes something mostly looks at it before and after.
    private var recent: Int = -1

    var isEmpty: Bool { count == 0 }

    /// The value of a key; setting `nil` removes it.
    subscript(key: Key) -> Value? {
        // Inlined, so that whoever wants a part of the value gets that and not a copy of the whole.
        @inline(__always)
        get {
            guard let place: Int = place(of: key) else { return nil }
            return slots[place]
        }
        // Inlined too: a coroutine that is called keeps what it needs in memory that is allocated each time.
        @inline(__always)
        _modify {
            if let place: Int = place(of: key) {
                recent = place
                yield &slots[place]
                if slots[place] == nil {
                    leave(place, key)
                }
            } else {
                var fresh: Value?
                yield &fresh
                if let fresh { insert(fresh, for: key, hash: key.slabHash) }
            }
        }
    }

    /// Whether the key has a value.
    func contains(_ key: Key) -> Bool { place(of: key) != nil }

    /// Sets the value of a key; gives the one that it replaces.
    mutating func updateValue(_ value: Value, forKey key: Key) -> Value? {
        let hash: UInt64 = key.slabHash
        guard let place: Int = search(for: key, hash: hash) else {
            insert(value, for: key, hash: hash)
            return nil
        }
        let old: Value? = slots[place].take()
        slots[place] = value
        return old
    }

    /// Looks at the value of a key where it is.
    ///
    /// Cheaper than the subscript where that would copy the whole value for a part of it.
    @inline(__always)
    func look<Part>(at key: Key, _ body: (borrowing Value?) -> Part) -> Part {
        guard let place: Int = place(of: key) else { return body(nil) }
        return body(slots[place])
    }

    /// Changes the value of a key where it is, and must not take it out; does nothing where there is none.
    ///
    /// Cheaper than the subscript, whose access allocates memory where it is not inlined.
    @inline(__always)
    mutating func change(_ key: Key, _ body: (inout Value?) -> Void) {
        guard let place: Int = place(of: key) else { return }
        recent = place
        body(&slots[place])
    }

    /// Takes a key and its value out.
    mutating func removeValue(forKey key: Key) -> Value? {
        guard let place: Int = place(of: key) else { return nil }
        let value: Value? = slots[place].take()
        leave(place, key)
        return value
    }

    /// All values, by place.
    var values: [Value] {
        var values: [Value] = []
        values.reserveCapacity(count)
        for case let value? in slots { values.append(value) }
        return values
    }

    // MARK: Places

    @inline(__always)
    private func place(of key: Key) -> Int? {
        if recent >= 0, keys[recent] == key { return recent }
        return search(for: key, hash: key.slabHash)
    }

    @inline(never)
    private func search(for key: Key, hash: UInt64) -> Int? {
        let number: Int = Int(hash % UInt64(SlabTable.indexCount))
        let mask: Int = indexes[number].entries.count - 1
        let tag: UInt64 = hash >> 32
        var position: Int = Int(truncatingIfNeeded: tag) & mask
        while true {
            let entry: UInt64 = indexes[number].entries[position]
            guard entry != 0 else { return nil }
            if entry >> 32 == tag {
                let place: Int = Int(entry & 0xFFFF_FFFF) - 1
                if keys[place] == key { return place }
            }
            position = (position + 1) & mask
        }
    }

    @inline(never)
    private mutating func insert(_ value: Value, for key: Key, hash: UInt64) {
        let place: Int
        if let vacant: Int = free.popLast() {
            place = vacant
            keys[place] = key
            slots[place] = value
        } else {
            place = keys.count
            precondition(place < 0xFFFF_FFFF, "a table has fewer places than an index can name")
            keys.append(key)
            slots.append(value)
        }
        recent = place
        let number: Int = Int(hash % UInt64(SlabTable.indexCount))
        indexes[number].insert((hash >> 32) << 32 | UInt64(place + 1))
        count += 1
    }

    /// Forgets the place of a key, whose value has been taken out.
    @inline(never)
    private mutating func leave(_ place: Int, _ key: Key) {
        recent = -1
        let hash: UInt64 = key.slabHash
        let number: Int = Int(hash % UInt64(SlabTable.indexCount))
        indexes[number].remove((hash >> 32) << 32 | UInt64(place + 1))
        free.append(place)
        count -= 1
    }
}

extension SlabTable.Index {
    fileprivate mutating func insert(_ entry: UInt64) {
        if count >= entries.count / 4 * 3 { grow() }
        put(entry)
        count += 1
    }

    private mutating func put(_ entry: UInt64) {
        let mask: Int = entries.count - 1
        var position: Int = Int(truncatingIfNeeded: entry >> 32) & mask
        while entries[position] != 0 { position = (position + 1) & mask }
        entries[position] = entry
    }

    private mutating func grow() {
        let old: [UInt64] = entries
        entries = Array(repeating: 0, count: old.count * 2)
        for entry: UInt64 in old where entry != 0 { put(entry) }
    }

    /// Takes an entry out, and moves those up that would not be found across the gap.
    fileprivate mutating func remove(_ entry: UInt64) {
        let mask: Int = entries.count - 1
        var gap: Int = Int(truncatingIfNeeded: entry >> 32) & mask
        while entries[gap] != entry {
            precondition(entries[gap] != 0, "what is removed is in its index")
            gap = (gap + 1) & mask
        }
        var position: Int = (gap + 1) & mask
        while entries[position] != 0 {
            let home: Int = Int(truncatingIfNeeded: entries[position] >> 32) & mask
            if (position &- home) & mask >= (position &- gap) & mask {
                entries[gap] = entries[position]
                gap = position
            }
            position = (position + 1) & mask
        }
        entries[gap] = 0
        count -= 1
    }
}

extension SlabTable: Sequence {
    /// Goes by place.
    func makeIterator() -> Iterator { Iterator(keys: keys, slots: slots) }

    struct Iterator: IteratorProtocol {
        private let keys: PagedArray<Key>
        private let slots: PagedArray<Value?>
        private var place: Int = 0

        fileprivate init(keys: PagedArray<Key>, slots: PagedArray<Value?>) {
            self.keys = keys
            self.slots = slots
        }

        mutating func next() -> (key: Key, value: Value)? {
            while place < slots.count {
                let current: Int = place
                place += 1
                if let value: Value = slots[current] { return (keys[current], value) }
            }
            return nil
        }
    }
}
