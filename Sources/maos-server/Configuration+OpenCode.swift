internal import MAOSCore
internal import MAOSProtocols

extension Configuration {
    /// What is set about the OpenCode surface.
    static func openCode(_ values: SettingValues) throws(ConfigurationError) -> OpenCodeConfiguration {
        var configuration = OpenCodeConfiguration()
        configuration.pushesEverything = values["opencode.pushDefault"]?.stringValue == "all"
        configuration.killsForeign = values["opencode.killForeign"]?.boolValue ?? false
        configuration.shrinksAbove = Double(Configuration.number(values, "opencode.shrinkAbovePercent"))
        switch values["limits"] {
        case .string("off"): configuration.limits = nil
        case .object(let dialects):
            configuration.limits = try openCodeLimits(dialects["opencode"], values, base: OpenCodeLimits())
            guard case .object(let clients)? = dialects["opencode"]?["clients"] else { break }
            for (client, value) in clients.map({ ($0.key, $0.value) }) {
                configuration.clients[client] = .some(
                    try openCodeLimits(value, values, base: configuration.limits ?? OpenCodeLimits()))
            }
        default: break
        }
        return configuration
    }

    private static func openCodeLimits(
        _ value: JSONValue?, _ values: SettingValues, base: OpenCodeLimits
    ) throws(ConfigurationError) -> OpenCodeLimits? {
        var limits: OpenCodeLimits = base
        switch value {
        case nil: break
        case .string("off")?: return nil
        case .object(let members)?:
            for (name, value) in members.map({ ($0.key, $0.value) }) where name != "clients" {
                guard let limit = OpenCodeLimitName(rawValue: name) else {
                    throw failure(
                        values, "limits",
                        "has opencode.\(name), which there is not"
                            + nearest(to: name, in: OpenCodeLimitName.allCases.map(\.rawValue)))
                }
                guard let number: Int = value.intValue, 1...1_000_000 ~= number else {
                    throw failure(
                        values, "limits",
                        "has opencode.\(name) \(JSONText(value)), expected a whole number from 1 to 1000000")
                }
                limits[limit] = number
            }
        default:
            throw failure(values, "limits", "has an opencode that is neither an object nor off")
        }
        return limits
    }
}
