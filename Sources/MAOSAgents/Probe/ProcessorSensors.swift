internal import Glibc
internal import MAOSCore
internal import MAOSSystem

/// Where the system tells how hot its processors are, if it does.
struct ProcessorSensors {
    /// What drivers of processors call themselves.
    private static let drivers: Set<String> = [
        "coretemp", "k10temp", "zenpower", "cpu_thermal", "cpu-thermal", "x86_pkg_temp", "soc_thermal", "soc-thermal",
    ]
    /// Degrees Celsius that a processor may have; sensors that are not there say something else.
    private static let range: ClosedRange<Double> = -50...150
    private static let limit: Int = 8

    private let files: [KernelFile]

    /// Looks for sensors below a folder such as `/sys`.
    init(folder: String) {
        var paths: [String] = []
        for device: String in ProcessorSensors.entries("\(folder)/class/hwmon") {
            let place: String = "\(folder)/class/hwmon/\(device)"
            guard let name: String = ProcessorSensors.line("\(place)/name"), ProcessorSensors.drivers.contains(name)
            else { continue }
            for entry: String in ProcessorSensors.entries(place)
            where entry.hasPrefix("temp") && entry.hasSuffix("_input") { paths.append("\(place)/\(entry)") }
        }
        if paths.isEmpty {
            for zone: String in ProcessorSensors.entries("\(folder)/class/thermal") where zone.hasPrefix("thermal_zone")
            {
                let place: String = "\(folder)/class/thermal/\(zone)"
                guard let type: String = ProcessorSensors.line("\(place)/type"), ProcessorSensors.drivers.contains(type)
                else { continue }
                paths.append("\(place)/temp")
            }
        }
        files = paths.prefix(ProcessorSensors.limit).map { KernelFile($0) }
    }

    /// Degrees Celsius of the hottest; nil where there is no sensor.
    func read(into buffer: inout [UInt8]) -> Double? {
        var hottest: Double?
        for file: KernelFile in files {
            let degrees: Double? = file.read(into: &buffer) { (text: Span<UInt8>) -> Double? in
                var place = KernelText()
                // In thousandths.
                return place.word(in: text).flatMap { Double(KernelText.string(text, $0)) }.map { $0 / 1_000 }
            }
            guard let degrees, ProcessorSensors.range.contains(degrees) else { continue }
            hottest = max(hottest ?? degrees, degrees)
        }
        return hottest
    }

    private static func line(_ path: String) -> String? {
        var buffer: [UInt8] = []
        return KernelFile(path).read(into: &buffer) { (text: Span<UInt8>) -> String? in
            var place = KernelText()
            return place.word(in: text).map { KernelText.string(text, $0) }
        }
    }

    private static func entries(_ path: String) -> [String] {
        guard let stream = opendir(path) else { return [] }
        defer { closedir(stream) }
        var found: [String] = []
        while let entry = readdir(stream) {
            let name: String = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix(".") { found.append(name) }
        }
        return found.sorted()
    }
}
