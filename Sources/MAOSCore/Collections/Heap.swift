/// A binary heap: the smallest element comes out first.
struct Heap<Element: Comparable & Sendable>: Sendable {
    private var elements: [Element] = []

    var count: Int { elements.count }
    var first: Element? { elements.first }
    /// The elements, in no order that means anything.
    var unordered: [Element] { elements }

    /// Adds an element; O(log n).
    mutating func insert(_ element: Element) {
        elements.append(element)
        siftUp(from: elements.count - 1)
    }

    /// Takes the smallest element out; O(log n).
    mutating func popFirst() -> Element? {
        guard let last: Element = elements.popLast() else { return nil }
        guard let first: Element = elements.first else { return last }
        elements[0] = last
        siftDown(from: 0)
        return first
    }

    /// Puts another element in the place of the smallest; O(log n).
    mutating func replaceFirst(_ element: Element) {
        elements[0] = element
        siftDown(from: 0)
    }

    /// How many elements that count are smaller than one, up to a limit; O(number of those that are smaller).
    func count(before element: Element, limit: Int, where counts: (Element) -> Bool) -> Int {
        var count: Int = 0
        var pending: [Int] = [0]
        while let index: Int = pending.popLast(), count < limit {
            guard index < elements.count, elements[index] < element else { continue }
            if counts(elements[index]) { count += 1 }
            pending.append(2 * index + 1)
            pending.append(2 * index + 2)
        }
        return count
    }

    /// The smallest elements, as far as all of them satisfy a condition that holds for all that are smaller, too; O(of them).
    func firstElements(where holds: (Element) -> Bool) -> [Element] {
        var found: [Element] = []
        var pending: [Int] = [0]
        while let index: Int = pending.popLast() {
            guard index < elements.count, holds(elements[index]) else { continue }
            found.append(elements[index])
            pending.append(2 * index + 1)
            pending.append(2 * index + 2)
        }
        return found
    }

    /// Takes all elements out.
    mutating func removeAll(keepingCapacity: Bool) { elements.removeAll(keepingCapacity: keepingCapacity) }

    /// Keeps only the elements that satisfy the condition; O(n).
    mutating func removeAll(where shouldRemove: (Element) -> Bool) {
        elements.removeAll(where: shouldRemove)
        for index in stride(from: elements.count / 2 - 1, through: 0, by: -1) { siftDown(from: index) }
    }

    private mutating func siftUp(from start: Int) {
        var index: Int = start
        while index > 0 {
            let parent: Int = (index - 1) / 2
            guard elements[index] < elements[parent] else { return }
            elements.swapAt(index, parent)
            index = parent
        }
    }

    private mutating func siftDown(from start: Int) {
        var index: Int = start
        while true {
            var smallest: Int = index
            let left: Int = 2 * index + 1
            if left < elements.count, elements[left] < elements[smallest] { smallest = left }
            if left + 1 < elements.count, elements[left + 1] < elements[smallest] { smallest = left + 1 }
            guard smallest != index else { return }
            elements.swapAt(index, smallest)
            index = smallest
        }
    }
}
