/// The armed sources of a loop, earliest first: a heap with four children a node.
///
/// A source knows its place, so that it can be moved and taken out in O(log n).
struct TimerHeap {
    private struct Entry {
        var at: Int64
        var source: EventSource
    }

    private var entries: [Entry] = []

    /// When the first entry fires; nil if there is none.
    var earliest: Int64? { entries.first?.at }

    /// Puts a source in, or moves it to another time.
    mutating func arm(_ source: EventSource, at time: Int64) {
        source.armedAt = time
        let place = Int(source.timerIndex)
        if place < 0 {
            entries.append(Entry(at: time, source: source))
            rise(from: entries.count - 1)
        } else {
            let earlier = time < entries[place].at
            entries[place].at = time
            if earlier { rise(from: place) } else { sink(from: place) }
        }
    }

    /// Takes a source out, if it is in.
    mutating func disarm(_ source: EventSource) {
        let place = Int(source.timerIndex)
        guard place >= 0 else { return }
        source.timerIndex = -1
        source.armedAt = .max
        let last = entries.removeLast()
        guard place < entries.count else { return }
        entries[place] = last
        last.source.timerIndex = Int32(place)
        rise(from: place)
        sink(from: Int(last.source.timerIndex))
    }

    /// Takes out the first source whose deadline has passed, and arms those again that have moved theirs.
    mutating func popDue(at now: Int64) -> EventSource? {
        while let first = entries.first, first.at <= now {
            let source = first.source
            if source.deadline <= now {
                disarm(source)
                source.clearDeadline()
                return source
            }
            arm(source, at: source.deadline)
        }
        return nil
    }

    /// Takes everything out.
    mutating func removeAll() -> [EventSource] {
        let sources = entries.map(\.source)
        for source in sources {
            source.timerIndex = -1
            source.armedAt = .max
        }
        entries = []
        return sources
    }

    private mutating func rise(from start: Int) {
        var place = start
        let entry = entries[place]
        while place > 0 {
            let parent = (place - 1) / 4
            guard entry.at < entries[parent].at else { break }
            entries[place] = entries[parent]
            entries[place].source.timerIndex = Int32(place)
            place = parent
        }
        entries[place] = entry
        entry.source.timerIndex = Int32(place)
    }

    private mutating func sink(from start: Int) {
        var place = start
        let entry = entries[place]
        while true {
            let first = place * 4 + 1
            guard first < entries.count else { break }
            var least = first
            for child in first..<min(first + 4, entries.count) where entries[child].at < entries[least].at {
                least = child
            }
            guard entries[least].at < entry.at else { break }
            entries[place] = entries[least]
            entries[place].source.timerIndex = Int32(place)
            place = least
        }
        entries[place] = entry
        entry.source.timerIndex = Int32(place)
    }
}
