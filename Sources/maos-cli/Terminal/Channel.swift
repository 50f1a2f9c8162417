internal import Glibc
internal import MAOSCore

/// Standard output or standard error, and what can be shown there.
struct Channel: Sendable {
    let descriptor: CInt
    let isTerminal: Bool
    let hasColours: Bool

    /// Judges a descriptor: colours only on a terminal that is not `dumb`, and not with `NO_COLOR`.
    init(_ descriptor: CInt) {
        self.descriptor = descriptor
        isTerminal = isatty(descriptor) == 1
        let term: String? = Environment.variable("TERM")
        hasColours = isTerminal && term != nil && term != "dumb" && Environment.variable("NO_COLOR") == nil
    }

    /// Whether the cursor can be moved.
    var isLive: Bool {
        let term: String? = Environment.variable("TERM")
        return isTerminal && term != nil && term != "dumb"
    }

    static let output = Channel(STDOUT_FILENO)
    static let errors = Channel(STDERR_FILENO)

    /// Columns and rows of the terminal; 80 by 24 where there is none.
    var size: (columns: Int, rows: Int) {
        var size = winsize()
        guard isTerminal, ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
            return (80, 24)
        }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// Writes a text at once.
    ///
    /// A reader that is gone ends the program by a signal; any other failure ends it with a message.
    func write(_ text: String) {
        var text: String = text
        text.withUTF8 { write(UnsafeRawBufferPointer($0)) }
    }

    /// Writes bytes at once, as they are.
    func write(_ bytes: [UInt8]) { bytes.withUnsafeBytes { write($0) } }

    private func write(_ bytes: UnsafeRawBufferPointer) {
        var rest: UnsafeRawBufferPointer.SubSequence = bytes[...]
        while !rest.isEmpty {
            let part = UnsafeRawBufferPointer(rebasing: rest)
            let count: Int = Glibc.write(descriptor, part.baseAddress, part.count)
            if count >= 0 {
                rest = rest.dropFirst(count)
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN:
                var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&entry, 1, -1)
            case EPIPE:
                // Nobody reads on, and the signal that says so is ignored: the end all the same.
                exit(Failure.ExitCode.refused.rawValue)
            default:
                let reason = String(cString: strerror(errno))
                if descriptor != STDERR_FILENO {
                    Channel.errors.write("\(Program.name): error: cannot write the output: \(reason)\n")
                }
                exit(Failure.ExitCode.refused.rawValue)
            }
        }
    }

    /// Writes a line.
    func line(_ text: String) { write(text + "\n") }

    /// The text in a style, where there are colours.
    func styled(_ text: String, _ style: Style?) -> String {
        guard hasColours, let style, !text.isEmpty else { return text }
        return "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m"
    }

    /// Whether the locale has more than ASCII; marks and bars are drawn with plain letters elsewhere.
    static let isUnicode: Bool = {
        let locale: String? =
            Environment.variable("LC_ALL") ?? Environment.variable("LC_CTYPE") ?? Environment.variable("LANG")
        guard let name: String = locale?.lowercased() else { return false }
        return name.contains(text: "utf-8") || name.contains(text: "utf8")
    }()
}

/// How a text stands out; the raw value is its terminal code.
enum Style: Int, Sendable {
    case bold = 1
    case dim = 2
    case red = 31
    case green = 32
    case yellow = 33
    case cyan = 36
}

/// The variables the program was started with.
enum Environment {
    /// A variable; nil where it is not set or empty.
    static func variable(_ name: String) -> String? {
        guard let value = getenv(name), value.pointee != 0 else { return nil }
        return String(cString: value)
    }
}
