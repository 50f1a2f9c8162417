import MAOSCore
import MAOSProtocols
import Testing

/// Turns the vectors of others into bytes and verdicts.
enum HTTPVector {
    /// The bytes with a `Host` field in each HTTP/1.1 head that has none: it is required here, and those vectors are about something else.
    static func withHosts(_ wire: [UInt8]) -> [UInt8] {
        let version = Array(" HTTP/1.1\r\n".utf8)
        var output: [UInt8] = []
        var index = 0
        while index < wire.count {
            guard wire[index...].starts(with: version) else {
                output.append(wire[index])
                index += 1
                continue
            }
            output += version
            index += version.count
            let rest = String(decoding: wire[index...], as: UTF8.self).lowercased()
            let head = rest.prefix(upTo: rest.firstRange(of: "\r\n\r\n")?.lowerBound ?? rest.endIndex)
            if !head.hasPrefix("host:"), !head.contains("\r\nhost:"), !rest.hasPrefix(" ") {
                output += Array("Host: vectors.test\r\n".utf8)
            }
        }
        return output
    }

    /// The bytes that a probe sends.
    static func probeBytes(_ send: JSONValue) throws -> [UInt8] {
        var output: [UInt8] = []
        if let text = send["text"]?.stringValue {
            output += Array(text.utf8)
        }
        if let base64 = send["base64"]?.stringValue {
            output += try #require(Base64.decode(base64, .standard))
        }
        for part in send["parts"]?.arrayValue ?? [] {
            output += Array((part.stringValue ?? "").utf8)
            output += Array(
                String(repeating: part["repeat"]?.stringValue ?? "", count: part["times"]?.intValue ?? 0).utf8)
        }
        return replacing(Array("{host}".utf8), with: Array("localhost:7400".utf8), in: output)
    }

    private static func replacing(_ pattern: [UInt8], with text: [UInt8], in bytes: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index...].starts(with: pattern) {
                output += text
                index += pattern.count
            } else {
                output.append(bytes[index])
                index += 1
            }
        }
        return output
    }

    /// What a probe thinks of a server that answers 200 to each whole request, and 400 where the target has no meaning.
    static func verdict(on vector: JSONValue, _ result: CollectedRequests) -> String {
        var answer = result.complete.isEmpty ? "timedOut" : "200"
        if let error = result.error {
            answer = String(error.status.code)
        } else if let first = result.requests.first, (try? HTTPTarget(first.target)) == nil {
            answer = "400"
        }
        if let verdicts = vector["expected"]?["verdicts"] {
            return verdicts[answer]?.stringValue ?? "none for \(answer)"
        }
        guard let range = vector["expected"]?["status"]?.arrayValue, let low = range.first?.intValue,
            let high = range.last?.intValue, let code = Int(answer)
        else { return "none for \(answer)" }
        return (low...high).contains(code) ? "Pass" : "Fail with \(answer)"
    }
}

/// One case of llhttp's Markdown files: a message, and the log of what its parser calls.
struct LLHTTPVector {
    var title: String
    /// Whether the case is about requests, without lenient switches and without stopping in between.
    var isStrictRequest: Bool
    var wire: [UInt8]
    /// The number of the error that ends the log, if any.
    var errorCode: String?
    /// What the log says, pieces of one span joined.
    var methods: [String] = []
    var urls: [String] = []
    var body = ""
    /// How many messages the log says are whole.
    var completeCount = 0

    static func parse(_ text: String) -> [LLHTTPVector] {
        var vectors: [LLHTTPVector] = []
        var title = ""
        var meta: Substring = ""
        var kind: Substring?
        var lines: [Substring] = []
        var message: [UInt8]?
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if let current = kind {
                guard line.hasPrefix("```") else {
                    lines.append(line)
                    continue
                }
                if current == "http" {
                    message = unescape(lines.joined(separator: "\n"))
                } else if current == "log", let wire = message {
                    let isPlain = !meta.contains("pause") && !meta.contains("skipBody")
                    let isRequest = meta.firstMatch(of: /"type": *"request"/) != nil
                    var vector = LLHTTPVector(title: title, isStrictRequest: isPlain && isRequest, wire: wire)
                    vector.read(lines)
                    vectors.append(vector)
                    message = nil
                }
                kind = nil
            } else if line.hasPrefix("```") {
                kind = line.dropFirst(3)
                lines = []
            } else if line.hasPrefix("#") {
                title = String(line.drop { $0 == "#" || $0 == " " })
            } else if line.contains("meta=") {
                meta = line
            }
        }
        return vectors
    }

    private mutating func read(_ log: [Substring]) {
        var url: String?
        for line in log {
            if let match = line.firstMatch(of: /error code=(\d+)/) {
                errorCode = String(match.1)
            } else if let match = line.firstMatch(of: /span\[method\]="(.*)"$/) {
                methods.append(String(match.1))
            } else if let match = line.firstMatch(of: /span\[url\]="(.*)"$/) {
                url = (url ?? "") + match.1
            } else if line.contains("message complete") {
                completeCount += 1
            } else if line.contains("url complete"), let whole = url {
                urls.append(whole)
                url = nil
            } else if let match = line.firstMatch(of: /span\[body\]="(.*)"$/) {
                body += match.1
            } else if line.contains("span[body]=cr") {
                body += "\r"
            } else if line.contains("span[body]=lf") {
                body += "\n"
            }
        }
    }

    /// The notation of the files: a line end is CR LF unless escaped; `\r`, `\n`, `\t`, `\f` and `\x..` are bytes.
    private static func unescape(_ text: String) -> [UInt8] {
        let source = Array(text.utf8)
        var output: [UInt8] = []
        var index = 0
        while index < source.count {
            let byte = source[index]
            guard byte == 0x5C, index + 1 < source.count else {
                output += byte == 0x0A ? [0x0D, 0x0A] : [byte]
                index += 1
                continue
            }
            index += 2
            switch source[index - 1] {
            case 0x0A: break
            case 0x72: output.append(0x0D)
            case 0x6E: output.append(0x0A)
            case 0x74: output.append(0x09)
            case 0x66: output.append(0x0C)
            case 0x78:
                var value: UInt8 = 0
                while index < source.count, let digit = Hex.value(of: source[index]) {
                    value = value << 4 | digit
                    index += 1
                }
                output.append(value)
            default: output += [byte, source[index - 1]]
            }
        }
        return output
    }
}
