internal import MAOSCore

/// What a run is told about its task.
enum TaskFile {
    /// The file's text: a JSON object.
    static func text(_ launch: AttemptLaunch) -> [UInt8] {
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
}
