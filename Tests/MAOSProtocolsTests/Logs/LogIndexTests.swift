import MAOSCore
import MAOSProtocols
import Testing

@Suite("The index of log entries")
struct LogIndexTests {
    private let outputs = MemoryOutputs()

    private func entry(_ message: String, _ level: LogLevel = .info, at time: Int64) -> LogEntry {
        LogEntry(
            time: Instant(milliseconds: time), level: level, message: message, agent: "maos-server",
            source: "maos-server:1")
    }

    private func print(_ text: String, task: String, at time: Int64, to index: LogIndex) {
        index.stored(
            outputs.store([
                OutputChunk(
                    task: TaskID(unchecked: task), agent: AgentID(unchecked: "a"), attempt: 1, stream: .stdout,
                    time: Instant(milliseconds: time), data: Array(text.utf8))
            ]))
    }

    private func find(_ query: LogQuery, _ index: LogIndex) throws -> LogPage {
        let read = StoreRead.logs(LogSearch(query, of: index))
        guard case .logs(let page) = try read.perform(history: MemoryJournal(), output: outputs).get() else {
            throw NoPage()
        }
        return page
    }

    private struct NoPage: Error {}

    @Test("it holds so much and no more, and its summary tells of what it holds")
    func bounded() throws {
        let index = LogIndex(limit: 10)
        for time in 0..<25 { index.add([entry("\(time)", time < 20 ? .error : .debug, at: Int64(time))]) }
        let page = try find(LogQuery(), index)
        #expect(page.entries.map(\.message) == (15..<25).reversed().map { "\($0)" })
        #expect(page.summary.count(of: .error) == 5)
        #expect(page.summary.count(of: .debug) == 5)
        #expect(page.summary.oldest == Instant(milliseconds: 15))
        #expect(page.summary.newest == Instant(milliseconds: 24))
        #expect(page.next == nil)
    }

    @Test("who follows is given what was said since, and not what was forgotten")
    func following() {
        let index = LogIndex(limit: 4)
        let start = index.position
        index.add([entry("a", at: 1)])
        let first = index.entries(after: start)
        #expect(first.entries.map(\.message) == ["a"])
        #expect(index.entries(after: first.position).entries.isEmpty)
        for time in 0..<9 { index.add([entry("\(time)", at: Int64(time))]) }
        #expect(index.entries(after: first.position).entries.map(\.message) == ["5", "6", "7", "8"])
        #expect(index.entries(after: 1_000).entries.isEmpty)
    }

    @Test("lines are counted without being read, and read only as far as a page needs them")
    func counting() throws {
        let index = LogIndex(limit: 100)
        for time in 0..<50 { print("one\ntwo\nthree", task: "t\(time % 5)", at: Int64(time), to: index) }
        var query = LogQuery()
        query.limit = 4
        let page = try find(query, index)
        #expect(page.entries.map(\.message) == ["three", "two", "one", "three"])
        #expect(page.filteredCount == 150)
        #expect(page.isFilteredCountExact)
        #expect(page.next == LogCursor("1970-01-01T00:00:00.048Z~1"))
    }

    @Test("of a long piece the beginning tells how many lines it has, and that is said")
    func estimate() throws {
        let index = LogIndex(limit: 100)
        print(String(repeating: "0123456789abcde\n", count: 1_000), task: "t", at: 1, to: index)
        let page = try find(LogQuery(), index)
        #expect(page.filteredCount == 1_000)
        #expect(!page.isFilteredCountExact)
        #expect(page.entries.count == 100)
    }

    @Test("what the store no longer keeps is left out")
    func retention() throws {
        let index = LogIndex(limit: 100)
        for time in 0..<4 { print("line \(time)\n", task: "t", at: Int64(time), to: index) }
        outputs.forget(2, of: .task(TaskID(unchecked: "t")))
        #expect(try find(LogQuery(), index).entries.map(\.message) == ["line 3", "line 2"])
        var query = LogQuery()
        query.filter.agents = ["t"]
        query.isAscending = true
        #expect(try find(query, index).entries.map(\.message) == ["line 2", "line 3"])
    }

    @Test("a search that would read too much ends, says so, and goes on from there")
    func budget() throws {
        let index = LogIndex(limit: 10_000)
        let block = String(repeating: "x", count: 60_000)
        for time in 0..<600 { print(block + "\n", task: "big", at: Int64(time), to: index) }
        var query = LogQuery()
        query.filter.messageContains = "nowhere"
        let nothing = try find(query, index)
        #expect(nothing.entries.isEmpty)
        #expect(!nothing.isFilteredCountExact)
        query.filter.messageContains = "xxx"
        query.limit = 1_000
        var found: Int = 0
        for _ in 0..<10 {
            let page = try find(query, index)
            found += page.entries.count
            guard let next = page.next else { break }
            query.cursor = next
        }
        #expect(found == 600)
    }

    /// Everything that a query gives, page by page, and how many pages there were.
    private func all(_ query: LogQuery, _ index: LogIndex) throws -> (entries: [LogEntry], pages: Int) {
        var query = query
        var entries: [LogEntry] = []
        for number in 1...100 {
            let page = try find(query, index)
            entries += page.entries
            guard let next = page.next else { return (entries, number) }
            query.cursor = next
        }
        throw NoPage()
    }

    @Test(
        "a search goes on until all is found, however much stands in between (OC-REQ-43)",
        arguments: [[], ["none", "big"]])
    func rare(agents: [String]) throws {
        let index = LogIndex(limit: 10_000)
        let block = String(repeating: "x", count: 60_000)
        print("needle 1\n", task: "big", at: 0, to: index)
        for time in 1...320 { print(block + "\n", task: "big", at: Int64(time), to: index) }
        print("needle 2\n", task: "big", at: 400, to: index)
        var query = LogQuery()
        query.filter.agents = agents
        query.filter.messageContains = "needle"
        #expect(try all(query, index).entries.map(\.message) == ["needle 2", "needle 1"])
        query.isAscending = true
        #expect(try all(query, index).entries.map(\.message) == ["needle 1", "needle 2"])
        // Where the time says enough, nothing else is read.
        query.filter.start = Instant(milliseconds: 350)
        let late = try all(query, index)
        #expect(late.entries.map(\.message) == ["needle 2"] && late.pages == 1)
    }

    @Test("the logs of several tasks come in one order, each line once, whatever their length (OC-REQ-39, OC-REQ-43)")
    func several() throws {
        let index = LogIndex(limit: 10)
        let names = ["a", "b", "c"]
        let line = String(repeating: ".", count: 4_000)
        var expected: [String] = []
        for time in 0..<48 {
            for name in names {
                for part in 0..<2 {
                    let lines = (0..<15).map { "\(time) \(name) \(part) \($0)" }
                    print(lines.map { "\($0)\(line)\n" }.joined(), task: name, at: Int64(time), to: index)
                    expected += lines
                }
            }
        }
        var query = LogQuery()
        query.filter.agents = names
        query.limit = 700
        query.isAscending = true
        func texts(_ query: LogQuery) throws -> [String] {
            try all(query, index).entries.map { String($0.message.prefix { $0 != "." }) }
        }
        #expect(try texts(query) == expected)
        query.isAscending = false
        let descending = try texts(query)
        #expect(descending.count == expected.count && Set(descending) == Set(expected))
        #expect(descending.first?.hasPrefix("47 ") == true && descending.last?.hasPrefix("0 ") == true)
        // What fits into one search is counted to the last line, on every page.
        query.filter.end = Instant(milliseconds: 9)
        let first = try find(query, index)
        #expect(first.filteredCount == 900 && first.isFilteredCountExact && first.entries.count == 700)
        query.cursor = first.next
        let second = try find(query, index)
        #expect(second.filteredCount == 900 && second.isFilteredCountExact && second.entries.count == 200)
    }

    @Test(
        "lines are counted as they would be read",
        arguments: ["", "\n", "a", "a\n", "\r\n\n", "a\r\n\r\nb\r", "\r", "\r\r\n", "a\n\nb"])
    func counted(text: String) throws {
        let index = LogIndex(limit: 1)
        print(text, task: "t", at: 1, to: index)
        var query = LogQuery()
        query.filter.agents = ["t"]
        let page = try find(query, index)
        #expect(page.filteredCount == page.entries.count)
        query.cursor = LogCursor("1970-01-01T00:00:00Z")
        let past = try find(query, index)
        #expect(past.entries.isEmpty && past.filteredCount == page.entries.count)
    }

    @Test("what comes late stands where its time is, and every page goes on there (OC-REQ-39, OC-REQ-43)")
    func overtaken() throws {
        let index = LogIndex(limit: 100)
        // Of each four, the third comes first; all have one of three times.
        for time: Int64 in stride(from: 0, to: 120, by: 4) {
            for late: Int64 in [2, 0, 3, 1] { index.add([entry("\(time + late)", at: (time + late) / 3)]) }
        }
        for (isAscending, limit) in [(true, 1), (false, 1), (true, 7), (false, 7)] {
            var query = LogQuery()
            (query.isAscending, query.limit) = (isAscending, limit)
            var found: [LogEntry] = []
            for _ in 0..<200 {
                let page = try find(query, index)
                found += page.entries
                guard let next = page.next else { break }
                query.cursor = next
            }
            #expect(Set(found.map(\.message)).count == 100 && found.count == 100)
            let times = found.map(\.time)
            #expect(times == times.sorted { isAscending ? $0 < $1 : $0 > $1 })
        }
    }

    @Test("who follows is given what came late once, and a clock that was set back holds nobody up")
    func late() {
        let index = LogIndex(limit: 8)
        index.add([entry("a", at: 5_000), entry("b", at: 5_002)])
        let first = index.entries(after: 0)
        #expect(first.entries.map(\.message) == ["a", "b"])
        index.add([entry("c", at: 5_001)])
        let second = index.entries(after: first.position)
        #expect(second.entries.map(\.message) == ["c"])
        index.add([entry("d", at: 1_000), entry("e", at: 1_001)])
        #expect(index.entries(after: second.position).entries.map(\.message) == ["d", "e"])
        #expect(index.entries(after: 0).entries.map(\.message) == ["a", "c", "b", "d", "e"])
    }

    @Test("a cursor is a time, with a count where times are equal (OC-REQ-43)")
    func cursors() {
        #expect(LogCursor("2030-01-01T00:00:00Z")?.text == "2030-01-01T00:00:00.000Z")
        #expect(LogCursor("2030-01-01T00:00:00.000Z~3")?.count == 3)
        for bad in ["", "x", "2030-01-01T00:00:00Z~", "2030-01-01T00:00:00Z~0", "2030-01-01T00:00:00Z~1~2", "~1"] {
            #expect(LogCursor(bad) == nil)
        }
    }

    @Test("lines end where they end, and bytes that are no text are marked")
    func lines() {
        let entry = OutputEntry(
            owner: .task(TaskID(unchecked: "t")), sequence: 7, stream: .stderr, time: Instant(milliseconds: 0),
            data: Array("a\r\n\n\r\nb".utf8) + [0xFF])
        let lines = LogEntry.lines(of: entry)
        #expect(lines.map(\.message) == ["a", "b\u{FFFD}"])
        #expect(lines.allSatisfy { $0.level == .warn && $0.source == "stderr:7" && $0.sourceFile == "stderr" })
    }
}
