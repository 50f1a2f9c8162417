/// Writes TZif files for tests, right and wrong ones.
struct TZifBuilder {
    struct Kind {
        var seconds: Int32
        var isSaving: UInt8
        var name: UInt8
    }

    var version: UInt8 = 0x32
    var transitions: [(at: Int64, kind: UInt8)] = []
    var kinds: [Kind] = [Kind(seconds: 0, isSaving: 0, name: 0)]
    var names: [UInt8] = Array("UTC\0".utf8)
    var leaps: [(at: Int64, correction: Int32)] = []
    var footer: String = "UTC0"

    var bytes: [UInt8] {
        guard version != 0 else { return header + block(wide: false) }
        return header + block(wide: false) + header + block(wide: true) + [0x0A] + footer.utf8 + [0x0A]
    }

    private var header: [UInt8] {
        var bytes: [UInt8] = Array("TZif".utf8) + [version] + [UInt8](repeating: 0, count: 15)
        for count in [0, 0, leaps.count, transitions.count, kinds.count, names.count] {
            append(Int64(count), 4, &bytes)
        }
        return bytes
    }

    private func block(wide: Bool) -> [UInt8] {
        var bytes: [UInt8] = []
        for transition in transitions { append(transition.at, wide ? 8 : 4, &bytes) }
        bytes += transitions.map(\.kind)
        for kind in kinds {
            append(Int64(kind.seconds), 4, &bytes)
            bytes += [kind.isSaving, kind.name]
        }
        bytes += names
        for leap in leaps {
            append(leap.at, wide ? 8 : 4, &bytes)
            append(Int64(leap.correction), 4, &bytes)
        }
        return bytes
    }

    private func append(_ value: Int64, _ size: Int, _ bytes: inout [UInt8]) {
        for index in (0..<size).reversed() { bytes.append(UInt8(truncatingIfNeeded: value >> Int64(index * 8))) }
    }
}
