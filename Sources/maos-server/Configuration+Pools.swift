internal import Glibc
internal import MAOSCore

/// The pools that the configuration describes, beside the one on demand.
extension Configuration {
    /// Fills in what is not said of them, and checks them.
    static func pools(_ values: inout SettingValues) throws(ConfigurationError) -> [PoolID: PoolSpecification] {
        let limit: Int = EngineLimits().pools
        guard values.names.count <= limit else {
            throw ConfigurationError(
                message: "pools has \(values.names.count) pools, expected at most \(limit)", isUsage: false)
        }
        var pools: [PoolID: PoolSpecification] = [:]
        for name: String in values.names.keys.sorted() {
            setFallbacks(of: name, in: &values)
            pools[PoolID(unchecked: name)] = try pool(name, values)
        }
        return pools
    }

    private static func setFallbacks(of name: String, in values: inout SettingValues) {
        func key(_ member: String) -> String { "\(Setting.named).\(name).\(member)" }
        for setting: Setting in Setting.all where setting.hasName {
            if let fallback: JSONValue = setting.fallback { values.setFallback(setting.key(named: name), fallback) }
        }
        values.setFallback(key("name"), .string(name))
        let usual = Int64(2 * sysconf(CInt(_SC_NPROCESSORS_ONLN)))
        values.setFallback(key("max"), .integer(max(usual, number(values, key("min")))))
    }

    private static func pool(_ name: String, _ values: SettingValues) throws(ConfigurationError) -> PoolSpecification {
        func key(_ member: String) -> String { "\(Setting.named).\(name).\(member)" }
        let minimum = Int(number(values, key("min")))
        let maximum = Int(number(values, key("max")))
        guard minimum <= maximum else {
            throw failure(
                values, key("min"), "is \(minimum), expected a whole number from 0 to max, which is \(maximum)")
        }
        var specification = PoolSpecification(
            name: try text(values, key("name"), atMost: 200), minimum: minimum, maximum: maximum,
            template: try template(name, values))
        if let target: Int = values[key("target")]?.intValue {
            guard (minimum...maximum).contains(target) else {
                throw failure(
                    values, key("target"),
                    "is \(target), expected a whole number from min, which is \(minimum), to max, which is \(maximum)")
            }
            specification.target = target
        } else if minimum == maximum {
            specification.target = minimum
        } else {
            specification.autoscaling = autoscaling(name, values)
        }
        return specification
    }

    private static func template(
        _ name: String, _ values: SettingValues
    ) throws(ConfigurationError) -> AgentSpecification {
        func key(_ member: String) -> String { "\(Setting.named).\(name).\(member)" }
        var template = AgentSpecification(type: AgentType(name: values[key("type")]?.stringValue ?? "") ?? .coder)
        template.maximumConcurrentTasks = Int(number(values, key("maxConcurrentTasks")))
        template.model = values[key("model")]?.stringValue
        let names: [String] = texts(values, key("capabilities"))
        let limit: Int = EngineLimits().capabilities
        guard names.count <= limit, names.allSatisfy({ (1...100).contains($0.count) }) else {
            throw failure(
                values, key("capabilities"),
                "is \(values[key("capabilities")].map { "\(JSONText($0))" } ?? ""), expected at most \(limit) texts of 1 to 100 "
                    + "characters")
        }
        template.capabilities = names.map { Capability(name: $0) }
        func amount(_ resource: String) -> Double? { values[key("resources.\(resource)")]?.doubleValue }
        if ["cpu", "memory", "gpu", "storage"].contains(where: { amount($0) != nil }) {
            template.resources = ResourceRequirements(
                cpu: amount("cpu") ?? 0, memory: amount("memory") ?? 0, gpu: amount("gpu"), storage: amount("storage"))
        }
        return template
    }

    private static func autoscaling(_ name: String, _ values: SettingValues) -> Autoscaling {
        func amount(_ member: String) -> Double {
            values["\(Setting.named).\(name).autoscaling.\(member)"]?.doubleValue ?? 0
        }
        return Autoscaling(
            targetUtilization: amount("targetUtilization"), scaleUpThreshold: amount("scaleUpThreshold"),
            // Idleness decides instead; it has to lie below the other.
            scaleDownThreshold: min(Autoscaling().scaleDownThreshold, amount("scaleUpThreshold") / 2),
            cooldown: Milliseconds(Int64((amount("cooldownPeriod") * 1_000).rounded())),
            idleTime: .seconds(number(values, "\(Setting.named).\(name).idleSeconds")))
    }

    private static func text(
        _ values: SettingValues, _ key: String, atMost length: Int
    ) throws(ConfigurationError) -> String {
        let text: String = values[key]?.stringValue ?? ""
        guard (1...length).contains(text.count) else {
            throw failure(values, key, "has \(text.count) characters, expected 1 to \(length)")
        }
        return text
    }
}
