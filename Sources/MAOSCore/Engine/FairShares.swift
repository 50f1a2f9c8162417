/// Whose turn it is: shares of the agents' work among projects, by start-time fair queueing.
///
/// Every project has a tag, the virtual time at which its next task begins. The project with the smallest tag is next, and
/// each task that it starts moves its tag on by a cost that is the smaller the larger the project's weight is. The clock of
/// virtual time moves on with each task by what it costs all who wait together; a project that comes back after a rest begins
/// where the clock stands, so nobody saves up turns, nobody is overtaken for ever, and one with little to do is served at
/// once. Tasks without a project have a share of their own.
struct FairShares: Sendable {
    /// What a task costs a project of weight 1.
    static let unit: Int64 = 1 << 20

    struct Share: Sendable {
        /// `nil` for the tasks that have no project.
        var project: String?
        /// In thousandths, 1…1,000,000.
        var weight: Int64
        /// Never goes back.
        var tag: Int64
        /// Of projects with the same tag, the one that came earlier is first.
        var order: UInt64 = 0
        /// Tasks that stand in lanes.
        var waiting: Int = 0
        /// Tasks that are in the queue, those included that stand aside.
        var tasks: Int = 0

        /// What each of its tasks costs; 1 at least.
        var cost: Int64 { FairShares.unit * 1_000 / weight }
    }

    private struct Rest: Comparable, Sendable {
        var tag: Int64
        var share: Int

        static func < (left: Rest, right: Rest) -> Bool {
            left.tag != right.tag ? left.tag < right.tag : left.share < right.share
        }
    }

    private(set) var shares: [Share?] = []
    private var free: [Int] = []
    private var index: [String: Int] = [:]
    private var unnamed: Int?
    /// Projects that wait for nothing, but have run ahead of the clock; forgotten when it has caught up.
    private var resting = Heap<Rest>()
    private(set) var clock: Int64 = 0
    private var nextOrder: UInt64 = 0
    /// Weights of the projects that have tasks in lanes.
    private var activeWeight: Int64 = 0
    private var tasks: Int = 0

    /// Notes that a project has one more task in the queue; makes it known if it is not.
    ///
    /// - Parameters:
    ///   - project: The project; `nil` for none.
    ///   - weight: Is asked for the weight of a project that is not known.
    /// - Returns: The number of its share.
    mutating func add(_ project: String?, weight: (String) -> Double?) -> Int {
        let number: Int = number(of: project) ?? make(project, project.flatMap(weight) ?? 1)
        shares[number]?.tasks += 1
        tasks += 1
        return number
    }

    private func number(of project: String?) -> Int? {
        if let project { index[project] } else { unnamed }
    }

    private mutating func make(_ project: String?, _ weight: Double) -> Int {
        let number: Int = free.popLast() ?? shares.count
        if number == shares.count { shares.append(nil) }
        let bounded: Double = min(max(weight * 1_000, 1), 1_000_000)
        shares[number] = Share(project: project, weight: Int64(bounded), tag: clock)
        if let project { index[project] = number } else { unnamed = number }
        return number
    }

    /// Notes that a task has left the queue.
    mutating func remove(_ number: Int) {
        guard let share: Share = shares[number] else { return }
        shares[number]?.tasks = share.tasks - 1
        tasks -= 1
        guard share.tasks == 1 else { return }
        if share.tag <= clock {
            forget(number)
        } else {
            resting.insert(Rest(tag: share.tag, share: number))
        }
        // When nobody waits there is nothing to be fair about: the next ones begin as equals.
        if tasks == 0 { forgetResting(until: .max) }
    }

    /// A task takes its place in a lane; `isFirst` of its project there.
    mutating func wait(_ number: Int, isFirst: Bool) {
        guard let share: Share = shares[number] else { return }
        if isFirst { shares[number]?.tag = max(share.tag, clock) }
        if share.waiting == 0 {
            shares[number]?.order = nextOrder
            nextOrder += 1
            activeWeight += share.weight
        }
        shares[number]?.waiting = share.waiting + 1
    }

    /// A task leaves its place in a lane.
    mutating func leave(_ number: Int) {
        guard let share: Share = shares[number] else { return }
        shares[number]?.waiting = share.waiting - 1
        if share.waiting == 1 { activeWeight -= share.weight }
    }

    /// A task is started that stands in a lane.
    mutating func serve(_ number: Int) {
        guard let share: Share = shares[number] else { return }
        // One whose tasks could not be started for long does not catch up on all of it at the others' expense.
        let start: Int64 = max(share.tag, clock - FairShares.unit)
        shares[number]?.tag = start + share.cost
        clock = max(clock + max(1, FairShares.unit * 1_000 / max(activeWeight, 1)), start)
        forgetResting(until: clock)
    }

    /// Forgets those without tasks that the clock has caught up with.
    private mutating func forgetResting(until time: Int64) {
        while let rest: Rest = resting.first, rest.tag <= time {
            _ = resting.popFirst()
            guard let share: Share = shares[rest.share], share.tasks == 0, share.tag == rest.tag else { continue }
            clock = max(clock, rest.tag)
            forget(rest.share)
        }
    }

    private mutating func forget(_ number: Int) {
        guard let share: Share = shares[number] else { return }
        if let project: String = share.project { index[project] = nil } else { unnamed = nil }
        shares[number] = nil
        free.append(number)
    }
}
