internal import Glibc
internal import MAOSCore
internal import MAOSSystem

/// The folders through which runs get their tasks and give their results.
///
/// A folder is used again when its run has left it as it was: making and removing one costs a file system more than
/// starting a process does. Between two runs it holds nothing.
final class RunFolders {
    // Confined to the loop's thread.

    /// Folders that are kept for later runs.
    private static let spareLimit: Int = 256

    private let parent: String
    private var spare: [RunFolder] = []
    private var lastNumber: Int = 0

    /// Begins with an empty folder for all of them; what was in it goes.
    init(parent: String) throws(SystemError) {
        // What is there belonged to runs of a server before this one.
        FolderTree.remove(parent)
        try FolderTree.make(parent)
        // Runs start in other folders, so their files are named from the root.
        self.parent = Workspaces.resolved(parent) ?? parent
        try Leftovers.recordSystem(in: parent)
    }

    /// A folder with an attempt's task in it.
    func take(for launch: AttemptLaunch) throws(SystemError) -> RunFolder {
        let folder: RunFolder
        if let kept: RunFolder = spare.popLast() {
            folder = kept
        } else {
            lastNumber += 1
            folder = try RunFolder(path: "\(parent)/\(lastNumber)")
        }
        try folder.write(TaskFile.text(launch))
        return folder
    }

    /// Takes a folder back whose run has ended.
    func giveBack(_ folder: RunFolder) {
        if spare.count < RunFolders.spareLimit, folder.isCleared() {
            spare.append(folder)
        } else {
            FolderTree.remove(folder.path)
        }
    }

    /// Removes all of them; nothing runs any more.
    func removeAll() {
        spare = []
        FolderTree.remove(parent)
    }
}

/// One folder, for the owner alone.
final class RunFolder {
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
    let taskFile: String
    let resultFile: String
    private let task: Descriptor
    private let inode: ino_t
    private var hadResult: Bool = false

    fileprivate init(path: String) throws(SystemError) {
        self.path = path
        taskFile = "\(path)/task.json"
        resultFile = "\(path)/result.json"
        FolderTree.remove(path)
        try FolderTree.make(path)
        task = try Descriptor.open(taskFile, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        var status = stat()
        let number: CInt = task.number
        try systemCall("fstat") { fstat(number, &status) }
        inode = status.st_ino
    }

    fileprivate func write(_ bytes: [UInt8]) throws(SystemError) {
        let number: CInt = task.number
        try systemCall("lseek") { lseek(number, 0, SEEK_SET) }
        try SmallFile.append(bytes, to: task)
    }

    /// What the run left.
    func result() -> Result {
        var status = stat()
        guard lstat(resultFile, &status) == 0 else { return .none }
        hadResult = true
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

    /// Empties the folder; false where the run has left more in it, or changed what it was given.
    fileprivate func isCleared() -> Bool {
        if hadResult, unlink(resultFile) != 0 { return false }
        hadResult = false
        var status = stat()
        // Another file, or another name for ours, would get the next run's task.
        guard lstat(taskFile, &status) == 0, status.st_ino == inode, status.st_nlink == 1,
            status.st_mode & 0o7777 == 0o600, ftruncate(task.number, 0) == 0
        else { return false }
        guard lstat(path, &status) == 0, status.st_mode & 0o7777 == 0o700 else { return false }
        return FolderTree.names(in: path) == ["task.json"]
    }
}
