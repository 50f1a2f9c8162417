internal import MAOSCore

/// Which dead letters a request about several is about.
enum GatewayDeadLetterSelection: Sendable, Hashable {
    case tasks([TaskID])
    /// The newest that satisfy the query.
    case found(TaskQuery)
}

extension GatewayMessages {
    /// The optional body of `POST /api/v1/dead-letters/{taskId}/requeue`: the members of a creation, none of them required.
    package static let requeueDeadLetter = MessageSchema(
        "RequeueDeadLetterRequest", createTask.fields.map { .optional($0.name, $0.constraint, $0.summary) })

    /// Which dead letters are meant, where they are not named.
    package static let deadLetterFilter = MessageSchema(
        "DeadLetterFilter",
        [
            .optional("type", .enumeration(GatewayVocabulary.knownTaskTypes), "Only this kind of work."),
            .optional("priority", .enumeration(GatewayVocabulary.priorities), "Only this priority."),
            .optional("project", .string(1...100), "Only this project."),
        ])

    /// The body of `POST /api/v1/dead-letters/requeue` and `…/discard`.
    package static let deadLetterSelection = MessageSchema(
        "DeadLetterSelection",
        [
            .optional(
                "taskIds", .array(of: .string(1...100, .identifier), count: 1...1_000), "The dead letters by their ids."
            ),
            .optional("filter", .object(deadLetterFilter), "In place of ids: the newest that are like this."),
            .optional("limit", .integer(1...1_000), "With a filter, how many at most; 100 by default."),
        ])

    /// Reads what is to be changed about a dead letter that is requeued; empty for nothing.
    ///
    /// - Throws: ``GatewayFailure`` with every mistake.
    static func decodeRequeueDeadLetter(_ body: [UInt8]) throws(GatewayFailure) -> JSONObject {
        body.isEmpty ? JSONObject() : try decode(body, requeueDeadLetter)
    }

    /// Reads which dead letters a request is about.
    ///
    /// - Throws: ``GatewayFailure`` with every mistake.
    static func decodeDeadLetterSelection(
        _ body: [UInt8]
    ) throws(GatewayFailure) -> GatewayDeadLetterSelection {
        let object: JSONObject = try decode(body, deadLetterSelection)
        switch (object["taskIds"], object["filter"]) {
        case (.array(let ids)?, nil):
            return .tasks(ids.compactMap { $0.stringValue.map(TaskID.init(unchecked:)) })
        case (nil, let filter?):
            var query = TaskQuery()
            query.isDeadLettersOnly = true
            query.isBrief = true
            query.kind = filter["type"]?.stringValue.flatMap(GatewayVocabulary.taskKind(named:))
            query.priority = filter["priority"]?.stringValue.flatMap(Priority.init(name:))
            if let project: String = filter["project"]?.stringValue { query.projects = [project] }
            query.limit = object["limit"]?.intValue ?? 100
            return .found(query)
        default:
            throw .invalid([
                ValidationIssue(
                    path: [.key("taskIds")], code: object.isEmpty ? .required : .unacceptable,
                    message: "must be given, or else a filter", expected: "taskIds or filter, and only one of them")
            ])
        }
    }
}
