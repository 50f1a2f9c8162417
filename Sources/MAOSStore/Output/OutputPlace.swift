internal import MAOSCore
internal import MAOSSystem

/// Where a log's files are.
///
/// A log begins as `NAME.log` in one of 256 folders; when that file is full the next ones are in a folder `NAME.more`, each
/// named for its first entry. Most logs are short, so most are one file.
struct OutputPlace: Hashable, Sendable {
    /// Folders per kind of owner.
    static let shards = 256
    /// The ending of files.
    static let suffix = ".log"

    /// The folder that the log's files are in.
    let folder: String
    /// The first file.
    let firstFile: String
    /// The folder of the other files.
    let moreFolder: String
    /// A number for the folder, below twice ``shards``.
    let shard: Int

    init(_ owner: OutputOwner, root: String) {
        let kind: Int
        let name: String
        switch owner {
        case .task(let id): (kind, name) = (0, id.rawValue)
        case .agent(let id): (kind, name) = (1, id.rawValue)
        }
        var hash: UInt32 = 2_166_136_261
        for byte: UInt8 in name.utf8 { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
        shard = kind * OutputPlace.shards + Int((hash ^ hash >> 16) & 0xFF)
        folder = OutputPlace.folder(shard: shard, root: root)
        firstFile = "\(folder)/\(name)\(OutputPlace.suffix)"
        moreFolder = "\(folder)/\(name).more"
    }

    /// The folder of a number.
    static func folder(shard: Int, root: String) -> String {
        let digits: String = Hex.encode(CollectionOfOne(UInt8(truncatingIfNeeded: shard)))
        return "\(root)/\(shard < shards ? "tasks" : "agents")/\(digits)"
    }

    /// A file other than the first.
    func file(from sequence: UInt64) -> String { "\(moreFolder)/\(sequence)\(OutputPlace.suffix)" }

    /// Files that are there, oldest first, sizes as the system says them; the first entry of the first file is not looked up.
    func files() -> [OutputSegment] {
        var files: [OutputSegment] = []
        if let size: Int = Folder.size(ofFile: firstFile) {
            files.append(OutputSegment(path: firstFile, firstSequence: 1, size: size))
        }
        var more: [OutputSegment] = []
        Folder.forEachName(in: moreFolder) { name in
            guard let first: UInt64 = OutputPlace.firstSequence(ofFile: name) else { return }
            let path = "\(moreFolder)/\(name)"
            more.append(OutputSegment(path: path, firstSequence: first, size: Folder.size(ofFile: path) ?? 0))
        }
        return files + more.sorted { $0.firstSequence < $1.firstSequence }
    }

    /// What the name of a file other than the first says.
    private static func firstSequence(ofFile name: String) -> UInt64? {
        guard name.hasSuffix(suffix) else { return nil }
        return UInt64(name.dropLast(suffix.utf8.count))
    }
}
