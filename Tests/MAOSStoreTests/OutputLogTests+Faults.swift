import Foundation
import MAOSCore
import MAOSStore
import MAOSSystem
import MAOSTestSupport
import Testing

/// What becomes of the log when a crash, a disk or somebody else damages its files.
extension OutputLogTests {
    // MARK: - Crashes

    @Test("whatever a crash leaves of the last write is cut off, and the log goes on")
    func tornTails() async throws {
        var log: OutputLog = try open()
        log.append([chunk("first", stream: .stderr), chunk("second")])
        await written(log)
        log.append([chunk("third, which a crash will damage")])
        await written(log)
        log.close()
        let name: String = try #require(try files().keys.first { $0.hasPrefix("tasks/") })
        let path = folder("output/\(name)")
        let whole: [UInt8] = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        let third: Int = 32 + 5 + 32 + 6
        for cut in third..<whole.count {
            for filling: UInt8? in [nil, 0, 0xA5] {
                var damaged: [UInt8] = Array(whole[..<cut])
                if let filling { damaged += [UInt8](repeating: filling, count: whole.count - cut) }
                try Data(damaged).write(to: URL(fileURLWithPath: path))
                log = try open()
                #expect(texts(try all(log, .task(task))) == ["first", "second"])
                log.append([chunk("again", agent: "agent-\(cut)")])
                await written(log)
                let page: OutputPage = try all(log, .task(task))
                #expect(texts(page) == ["first", "second", "again"])
                #expect(page.entries.map(\.sequence) == [1, 2, 3])
                log.close()
            }
        }
    }

    @Test("a damaged place in the middle is a gap, not the end")
    func damageInTheMiddle() async throws {
        var log: OutputLog = try open()
        for number in 0..<60 {
            log.append([block(UInt8(number), size: 60_000)])
            await written(log)
        }
        log.close()
        let name: String = try #require(try files().keys.first { $0.hasPrefix("tasks/") })
        let path = folder("output/\(name)")
        let handle = try FileHandle(forUpdating: URL(fileURLWithPath: path))
        try handle.seek(toOffset: 1_200_000)
        try handle.write(contentsOf: Data(repeating: 0x55, count: 100))
        try handle.close()
        log = try open()
        defer { log.close() }
        let sequences: [UInt64] = try all(log, .task(task)).entries.map(\.sequence)
        #expect(sequences.first == 1)
        #expect(sequences.last == 60)
        #expect(sequences.count < 60)
        #expect(sequences == sequences.sorted())
    }

    @Test("files that hold anything at all never crash a reader")
    func damagedFiles() async throws {
        var log: OutputLog = try open()
        log.append([chunk("one"), chunk("two", task: "task-2"), chunk("three", stream: .terminal)])
        await written(log)
        log.close()
        for (name, _) in try files() {
            let url = URL(fileURLWithPath: folder("output/\(name)"))
            let whole: [UInt8] = [UInt8](try Data(contentsOf: url))
            for variant: [UInt8] in Mutations(of: whole, count: 100) {
                try Data(variant).write(to: url)
                log = try open()
                for owner: OutputOwner in [.task(task), .agent(agent)] { _ = try all(log, owner) }
                log.close()
            }
            try Data(whole).write(to: url)
        }
    }

    // MARK: - Failures

    @Test("what a full disk refuses is dropped with its numbers, and the log goes on when there is space")
    func fullDisk() async throws {
        let log: OutputLog = try open()
        defer { log.close() }
        log.append([chunk("before")])
        await written(log)
        log.close()
        // Writing to this device fails as on a full disk.
        let name: String = try #require(try files().keys.first { $0.hasPrefix("tasks/") })
        let file = folder("output/\(name)")
        try FileManager.default.moveItem(atPath: file, toPath: "\(file).kept")
        try FileManager.default.createSymbolicLink(atPath: file, withDestinationPath: "/dev/full")

        let again: OutputLog = try open()
        defer { again.close() }
        let listener = Listener()
        again.observe(listener)
        again.append([chunk("lost"), chunk("kept", task: "task-2")])
        await written(again)
        #expect(again.losses.entries == 1)
        #expect(again.losses.bytes == 4)
        let last: Int64 = try #require(again.losses.last)
        #expect(last <= SystemClock.monotonicMilliseconds())
        #expect(Set(listener.entries.map { String(decoding: $0.data, as: UTF8.self) }) == ["kept"])
        #expect(texts(try all(again, .agent(agent))).last == "kept")

        try? FileManager.default.removeItem(atPath: file)
        again.append([chunk("after")])
        await written(again)
        let page: OutputPage = try all(again, .task(task))
        #expect(texts(page) == ["after"])
        #expect(page.entries.map(\.sequence) == [2])
        #expect(texts(try all(again, .agent(agent))).suffix(2) == ["kept", "after"])
        #expect(again.pendingBytes == 0)
        #expect(again.losses.entries == 1 && again.losses.last == last)
    }

    @Test("a log whose files somebody deletes begins anew")
    func deletedFiles() async throws {
        let log: OutputLog = try open { $0.openLogs = 1 }
        defer { log.close() }
        log.append([chunk("one")])
        await written(log)
        for (name, _) in try files() { try FileManager.default.removeItem(atPath: folder("output/\(name)")) }
        #expect(try all(log, .task(task)).entries.isEmpty)
        log.append([chunk("two", task: "other", agent: "other")])
        await written(log)
        log.append([chunk("three")])
        await written(log)
        #expect(texts(try all(log, .task(task))) == ["three"])
        #expect(texts(try all(log, .agent(agent))) == ["three"])
    }

    @Test("a folder that cannot be made costs its output only")
    func blockedFolder() async throws {
        let log: OutputLog = try open()
        defer { log.close() }
        try Data().write(to: URL(fileURLWithPath: folder("output/tasks")))
        log.append([chunk("lost"), chunk("resident", task: nil)])
        await written(log)
        #expect(log.losses.entries == 1)
        #expect(texts(try all(log, .agent(agent))) == ["resident"])
        try FileManager.default.removeItem(atPath: folder("output/tasks"))
        log.append([chunk("stored")])
        await written(log)
        #expect(texts(try all(log, .task(task))) == ["stored"])
        #expect(texts(try all(log, .agent(agent))) == ["resident", "stored"])
    }

    @Test("a data directory that cannot be written to is a clear error")
    func blockedRoot() throws {
        try Data().write(to: URL(fileURLWithPath: folder("output")))
        #expect(throws: JournalError.self) { try open() }
    }
}
