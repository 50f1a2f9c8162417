internal import MAOSCore

/// Flags of several lists: which of the things there are they show.
enum ListFilters {
    static let project = Flag("--project", "NAME", .text, "only of this project")
    static let type = Flag(
        "--type", "WORD", .suggestions(["code", "test", "review", "deploy"]), "only this kind of work")
    static let priority = Flag(
        "--priority", "WORD", .words(Priority.allCases.map(\.name)), "only this priority")
}
