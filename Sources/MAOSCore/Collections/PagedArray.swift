/// An array for very many elements that grows in small steps.
///
/// Elements stand in pages and never move, so that it grows without a pause in which all of them are copied, and without
/// room for as many again.
struct PagedArray<Element: Sendable>: Sendable {
    static var pageBits: Int { 8 }
    static var pageSize: Int { 1 << pageBits }

    /// All but the last are full.
    private var pages: [[Element]] = []
    /// How many elements there are.
    private(set) var count: Int = 0

    /// The element at a place.
    subscript(place: Int) -> Element {
        // Inlined, so that whoever wants a part of the element gets that and not a copy of the whole.
        @inline(__always)
        get { pages[place >> PagedArray.pageBits][place & (PagedArray.pageSize - 1)] }
        // Inlined too: a coroutine that is called keeps what it needs in memory that is allocated each time.
        @inline(__always)
        _modify { yield &pages[place >> PagedArray.pageBits][place & (PagedArray.pageSize - 1)] }
    }

    /// Adds an element at the end.
    mutating func append(_ element: consuming Element) {
        if count & (PagedArray.pageSize - 1) == 0 { addPage() }
        pages[count >> PagedArray.pageBits].append(element)
        count += 1
    }

    private mutating func addPage() {
        var page: [Element] = []
        page.reserveCapacity(PagedArray.pageSize)
        pages.append(page)
    }
}

extension PagedArray: Sequence {
    /// Goes by place.
    func makeIterator() -> Iterator { Iterator(pages: pages) }

    struct Iterator: IteratorProtocol {
        private let pages: [[Element]]
        private var place: Int = 0

        fileprivate init(pages: [[Element]]) { self.pages = pages }

        mutating func next() -> Element? {
            let page: Int = place >> PagedArray.pageBits
            let offset: Int = place & (PagedArray.pageSize - 1)
            guard page < pages.count, offset < pages[page].count else { return nil }
            place += 1
            return pages[page][offset]
        }
    }
}
