internal import Glibc
internal import MAOSCore
internal import MAOSSystem

/// Decides in which folder a process starts.
struct Workspaces {
    /// Why there is no folder to start in; for people.
    struct Refusal: Error, Hashable {
        let reason: String
    }

    /// Agents whose workspaces are remembered.
    private static let madeLimit: Int = 10_000

    /// The folder inside which clients may choose workspaces, without links.
    let root: String
    /// Workspaces that were made for agents without a wish.
    private var made: Set<AgentID> = []

    /// Takes the root, making it if it is not there.
    init(root: String) throws(SystemError) {
        try FolderTree.make(root)
        self.root = Workspaces.resolved(root) ?? root
    }

    /// An agent's workspace: the one it names, inside the root, else one of its own there.
    ///
    /// It is made if it is missing.
    mutating func workspace(of agent: AgentRecord) throws(Refusal) -> String {
        if agent.specification.workspace == nil, made.contains(agent.id) { return "\(root)/\(agent.id)" }
        let wanted: String = agent.specification.workspace ?? agent.id.rawValue
        let path: String = Workspaces.normalized(wanted, below: root)
        // Links are followed before anything is made, so that none leads out of the root.
        guard Workspaces.isInside(path, root), Workspaces.isInside(Workspaces.existingPart(of: path), root) else {
            throw Refusal(reason: "workspace \(wanted) is outside of \(root) (configuration key workspaceRoot)")
        }
        do throws(SystemError) {
            try FolderTree.make(path)
        } catch {
            throw Refusal(reason: "workspace \(wanted): \(error.reason)")
        }
        if agent.specification.workspace == nil {
            if made.count >= Workspaces.madeLimit { made = [] }
            made.insert(agent.id)
        }
        return path
    }

    /// Makes a workspace again that somebody has removed.
    func restore(_ workspace: String) -> Bool {
        do throws(SystemError) {
            try FolderTree.make(workspace)
            return true
        } catch {
            return false
        }
    }

    /// The folder of a run: what its task says, else what its runner says, else the workspace.
    ///
    /// - Parameters:
    ///   - wanted: An absolute path, or one inside the workspace.
    ///   - workspace: The agent's workspace.
    /// - Returns: An absolute path.
    /// - Throws: ``Refusal`` where a relative path leads out of the workspace.
    static func directory(_ wanted: String?, workspace: String) throws(Refusal) -> String {
        guard let wanted, !wanted.isEmpty else { return workspace }
        guard !wanted.hasPrefix("/") else { return wanted }
        let path: String = normalized(wanted, below: workspace)
        guard isInside(path, workspace) else {
            throw Refusal(reason: "working directory \(wanted) is outside of the workspace \(workspace)")
        }
        return path
    }

    /// An absolute path without `.`, `..` and doubled slashes.
    static func normalized(_ path: String, below folder: String) -> String {
        let whole: String = path.hasPrefix("/") ? path : "\(folder)/\(path)"
        var parts: [Substring] = []
        for part in whole.split(separator: "/") {
            switch part {
            case ".": continue
            case "..": _ = parts.popLast()
            default: parts.append(part)
            }
        }
        return "/" + parts.joined(separator: "/")
    }

    /// Whether a path is a folder's, or leads into it.
    static func isInside(_ path: String, _ folder: String) -> Bool {
        path == folder || folder == "/" || path.hasPrefix("\(folder)/")
    }

    /// The path without links; nil when it does not exist.
    static func resolved(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }

    /// As much of a path as exists, without links.
    private static func existingPart(of path: String) -> String {
        var part: String = path
        while true {
            if let real: String = resolved(part) { return real }
            // A link to nowhere leads where nobody can say.
            var status = stat()
            if lstat(part, &status) == 0 { return "" }
            guard let slash: String.Index = part.lastIndex(of: "/"), slash > part.startIndex else { return "/" }
            part = String(part[..<slash])
        }
    }
}
