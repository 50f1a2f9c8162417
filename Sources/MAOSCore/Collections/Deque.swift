/// A queue in one array that is used round and round; O(1) at both of its ends.
package struct Deque<Element: Sendable>: Sendable {
    private var slots: [Element?] = []
    private var head: Int = 0
    /// How many elements there are.
    package private(set) var count: Int = 0

    /// A queue without elements.
    package init() {}

    /// Whether there are none.
    package var isEmpty: Bool { count == 0 }

    /// The element that came first.
    package var first: Element? { count == 0 ? nil : slots[head] }

    /// Puts an element at the end.
    package mutating func append(_ element: Element) {
        if count == slots.count { grow() }
        slots[(head + count) % slots.count] = element
        count += 1
    }

    /// Takes the first element out.
    package mutating func popFirst() -> Element? {
        guard count > 0 else { return nil }
        let element: Element? = slots[head]
        slots[head] = nil
        head = (head + 1) % slots.count
        count -= 1
        return element
    }

    /// The element at a distance from the first one.
    package subscript(offset: Int) -> Element? {
        offset < count ? slots[(head + offset) % slots.count] : nil
    }

    private mutating func grow() {
        var larger: [Element?] = []
        larger.reserveCapacity(max(8, slots.count * 2))
        for offset in 0..<count { larger.append(slots[(head + offset) % slots.count]) }
        larger.append(contentsOf: repeatElement(nil, count: max(8, slots.count * 2) - count))
        slots = larger
        head = 0
    }
}
