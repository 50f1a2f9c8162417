internal import MAOSCore
internal import MAOSSystem

/// What is in a log, as far as it may be read.
struct OutputView: Sendable {
    /// Oldest first; empty when nothing was ever printed, or nothing of it is kept.
    var segments: [OutputSegment] = []
    var lastSequence: UInt64 = 0
    /// Places in the newest segment, oldest first, for readers that follow.
    var recent: [Mark] = []

    /// Where an entry is.
    struct Mark: Hashable, Sendable {
        var sequence: UInt64
        var offset: Int
    }

    /// The oldest entry that is kept; 0 when nothing was ever printed.
    var firstSequence: UInt64 { segments.first?.firstSequence ?? 0 }

    init() {}

    /// Finds out what files hold that nobody writes at the moment.
    init(_ place: OutputPlace) throws(SystemError) {
        var files: [OutputSegment] = place.files()
        while let newest: OutputSegment = files.last {
            if let contents: OutputSegment.Contents = try OutputView.inspect(newest), contents.end > 0 {
                files[files.count - 1].size = contents.end
                lastSequence = contents.lastSequence
                break
            }
            files.removeLast()
        }
        if let oldest: OutputSegment = files.first, oldest.path == place.firstFile {
            let contents: OutputSegment.Contents? = try OutputView.inspectStart(oldest)
            files[0].firstSequence = contents?.firstSequence ?? oldest.firstSequence
        }
        segments = files
    }

    private static func inspect(_ segment: OutputSegment) throws(SystemError) -> OutputSegment.Contents? {
        guard segment.size > 0 else { return nil }
        return try reading(segment.path) { (file) throws(SystemError) in try OutputSegment.inspect(file) }
    }

    private static func inspectStart(_ segment: OutputSegment) throws(SystemError) -> OutputSegment.Contents? {
        try reading(segment.path) { (file) throws(SystemError) in
            guard let head: OutputRecord = try OutputFile.head(at: 0, of: file) else { return nil }
            return OutputSegment.Contents(firstSequence: head.sequence)
        } ?? nil
    }

    /// Where to begin to read in the newest segment, if it is close to its end.
    func mark(before sequence: UInt64) -> Int? {
        guard let oldest: Mark = recent.first, oldest.sequence <= sequence else { return nil }
        return recent.last { $0.sequence <= sequence }?.offset
    }
}

/// Reads a file; `nil` when it is gone, as retention may have it any time.
func reading<Value>(
    _ path: String, _ body: (borrowing Descriptor) throws(SystemError) -> Value
) throws(SystemError) -> Value? {
    let file: Descriptor
    do throws(SystemError) {
        file = try Descriptor.open(path, flags: 0)
    } catch {
        if error.isNotFound { return nil }
        throw error
    }
    return try body(file)
}
