/// The bounds of workflows and their executions.
public enum WorkflowLimits {
    /// Steps of one workflow, inner ones included.
    public static let steps: Int = 10_000
    /// Loops and parallel steps that may stand inside each other.
    public static let nesting: Int = 8
    /// Entries of `dependencies`, and all the steps that they name.
    public static let dependencies: Int = 200_000
    /// Rounds of one loop.
    public static let rounds: Int = 10_000
    /// Steps that one execution may enter, those of all rounds together.
    public static let enteredSteps: Int = 50_000
    /// Bytes of what one loop or parallel step gives; past it the value is `null`.
    public static let combinedResult: Int = 1 << 20
    /// Bytes that the results of one execution's steps may take together.
    public static let results: Int = 64 << 20
    /// Bytes of a workflow's document.
    public static let document: Int = 8 << 20
    /// Mistakes that are told of at once.
    static let issues: Int = 100
}
