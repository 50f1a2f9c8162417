internal import MAOSCore

extension GatewayMessages {
    private static let times: ClosedRange<Int> = 1...(10 * 365 * 86_400_000)

    private static let ceilings: [Field] = [
        .optional("wallTimeMs", .integer(times), "How long attempts may take together, in milliseconds."),
        .optional(
            "cpuTimeMs", .integer(times), "How much processor time they may use together, in milliseconds."),
        .optional("cost", .number(0.000001...1_000_000_000), "What they may report to have cost together."),
    ]

    /// The ceilings of a task.
    package static let budget = MessageSchema("Budget", minimumMembers: 1, ceilings)

    /// The body of `PUT /api/v1/budgets/projects/{name}`; a part that is left out is not limited.
    package static let setBudget = MessageSchema(
        "SetBudgetRequest",
        ceilings + [
            .optional(
                "countsAnew", .boolean, "Whether what was used so far is forgotten; false by default.")
        ])

    /// Reads the ceilings of an object that ``budget`` has found valid.
    static func budget(_ value: JSONValue?) -> Budget {
        Budget(
            wallTime: value?["wallTimeMs"]?.intValue.map { Milliseconds(Int64($0)) },
            processorTime: value?["cpuTimeMs"]?.intValue.map { Milliseconds(Int64($0)) },
            cost: value?["cost"].flatMap { Cost($0) })
    }

    /// Reads the body of a change of a project's ceilings.
    ///
    /// - Throws: ``GatewayFailure`` with every mistake.
    static func decodeSetBudget(_ body: [UInt8]) throws(GatewayFailure) -> (ceiling: Budget, countsAnew: Bool) {
        let object: JSONObject = try decode(body, setBudget)
        return (budget(.object(object)), object["countsAnew"]?.boolValue ?? false)
    }
}
