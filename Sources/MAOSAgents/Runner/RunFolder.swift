internal import Glibc
internal import MAOSCore
internal import MAOSSystem

/// The folder through which a run gets its task and gives its result; gone when the run has ended.
struct RunFolder {
    /// Bytes of a result at most.
    static let resultLimit: Int = 1 << 20

    /// What a run left as its result.
    enum Result: Hashable {
        case none
        case value(JSONText)
        /// Why it is no result.
        case invalid(String)
    }

    let path: String

    var taskFile: String { "\(path)/task.json" }
    var resultFile: String { "\(path)/result.json" }

    /// Makes the folder of an attempt, with its task in it.
    init(of launch: AttemptLaunch, in parent: String) throws(SystemError) {
        path = "\(parent)/\(launch.id.task.rawValue).\(launch.id.number)"
        if mkdir(path, 0o700) != 0 {
            // An attempt of that number never ran before, so what is there is of no use.
            if errno == EEXIST { FolderTree.remove(path) }
            try FolderTree.make(path)
        }
        try SmallFile.write(RunFolder.task(launch), to: taskFile)
    }

    /// What the run is told about its task.
    static func task(_ launch: AttemptLaunch) -> [UInt8] {
        let task: TaskSpecification = launch.task.specification
        var writer = JSONWriter(reservingCapacity: 512)
        writer.beginObject()
        writer.member("id", launch.id.task.rawValue)
        writer.member("attempt", launch.id.number)
        writer.member("kind", task.kind.rawValue)
        writer.member("description", task.description)
        writer.member("requirements", task.requirements)
        writer.member("constraints", task.constraints)
        writer.member("context", task.context)
        writer.member("metadata", task.metadata)
        writer.key("project")
        if let project: String = task.project { writer.string(project) } else { writer.null() }
        writer.beginObject("inputs")
        for input in launch.inputs {
            writer.key(input.task.rawValue)
            if let result: JSONText = input.result { writer.raw(result) } else { writer.null() }
        }
        writer.endObject()
        writer.endObject()
        return writer.take()
    }

    /// What the run left.
    func result() -> Result {
        var status = stat()
        guard lstat(resultFile, &status) == 0 else { return .none }
        guard status.st_mode & S_IFMT == S_IFREG else { return .invalid("not a regular file") }
        guard status.st_size > 0 else { return .none }
        guard status.st_size <= RunFolder.resultLimit,
            let bytes: [UInt8] = SmallFile.read(resultFile, limit: RunFolder.resultLimit)
        else { return .invalid("longer than \(RunFolder.resultLimit) bytes, or not readable") }
        do throws(JSONError) {
            return .value(try JSONText(utf8: bytes))
        } catch {
            return .invalid(error.description)
        }
    }

    /// Removes the folder with everything in it.
    func remove() {
        unlink(taskFile)
        guard rmdir(path) != 0 else { return }
        FolderTree.remove(path)
    }
}
