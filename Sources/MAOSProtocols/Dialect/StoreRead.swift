package import MAOSCore

/// A question that only the disk can answer.
package enum StoreRead: Sendable, Hashable {
    case task(TaskID)
    case agent(AgentID)
    case tasks(TaskQuery)
    /// Tasks by their names; what is not stored is left out.
    case tasksNamed([TaskID])
    case terminatedAgents(AgentQuery)
    case entity(EntityKind, id: String)
    case entities(EntityQuery)
    /// Events in order from a sequence number on; of all types where none are named.
    case events(from: UInt64, limit: Int, types: Set<String>)
    /// Output in order from a sequence number on.
    case output(OutputOwner, from: UInt64, limit: Int, byteLimit: Int)
    /// Log entries that an index has the places of.
    case logs(LogSearch)
    /// The newest output of one stream, oldest first: at most so many bytes. The first entry may have lost its beginning.
    case outputTail(OutputOwner, OutputStream, byteLimit: Int)

    /// Asks; may block on the disk.
    ///
    /// - Parameters:
    ///   - history: Where tasks, agents and events are read from.
    ///   - output: Where output is read from.
    /// - Returns: What was read, or why it could not be.
    package func perform(
        history: any History, output: any OutputStore
    ) -> Result<StoreReadResult, JournalError> {
        do throws(JournalError) {
            switch self {
            case .task(let id):
                return .success(.task(try history.task(id)))
            case .agent(let id):
                return .success(.agent(try history.agent(id)))
            case .tasks(let query):
                return .success(.tasks(try history.tasks(query)))
            case .tasksNamed(let ids):
                var tasks: [TaskRecord] = []
                for id: TaskID in ids {
                    if let task: TaskRecord = try history.task(id) { tasks.append(task) }
                }
                return .success(.tasks(TaskPage(tasks: tasks, total: tasks.count)))
            case .terminatedAgents(let query):
                return .success(.agents(try history.terminatedAgents(query)))
            case .entity(let kind, let id):
                return .success(.entity(try history.entity(kind, id: id)))
            case .entities(let query):
                return .success(.entities(try history.entities(query)))
            case .events(let sequence, let limit, let types):
                return .success(.events(try history.events(from: sequence, limit: limit, types: types)))
            case .logs(let search):
                return .success(.logs(try search.perform(output: output)))
            case .output(let owner, let sequence, let limit, let byteLimit):
                return .success(
                    .output(try output.read(owner, from: sequence, limit: limit, byteLimit: byteLimit)))
            case .outputTail(let owner, let stream, let byteLimit):
                var tail = OutputTailReader(owner: owner, stream: stream, byteLimit: byteLimit)
                return .success(.output(try tail.read(output)))
            }
        } catch {
            return .failure(error)
        }
    }
}

/// The answer to a ``StoreRead`` of the same name.
package enum StoreReadResult: Sendable {
    case task(TaskRecord?)
    case agent(AgentRecord?)
    case tasks(TaskPage)
    case agents([AgentRecord])
    case entity(EntityRow?)
    case entities(EntityPage)
    case events(EventPage)
    case output(OutputPage)
    case logs(LogPage)
}
