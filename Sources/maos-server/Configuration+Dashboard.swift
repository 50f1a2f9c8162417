internal import MAOSCore
internal import MAOSProtocols

/// What the configuration says of the team dashboard.
extension Configuration {
    /// The names of the dashboard's limits.
    private static let names: [String] = [
        "agents", "commandsPerSecond", "subscriptions", "messagesPerSecond", "messagesPerUser", "messagesPerAddress",
        "connectionsPerAddress",
    ]

    /// `limits.dashboard`, on top of what document 004 says.
    static func dashboardLimits(_ values: SettingValues) throws(ConfigurationError) -> DashboardLimits {
        var limits = DashboardLimits()
        switch values["limits"] {
        case .string("off"): return .none
        case .object(let dialects):
            guard let wanted: JSONValue = dialects["dashboard"] else { return limits }
            guard case .object(let members) = wanted else {
                throw failure(values, "limits", "has a dashboard that is no object")
            }
            for (name, value) in members.map({ ($0.key, $0.value) }) {
                guard let number: Int = value.intValue, (1...1_000_000).contains(number) else {
                    throw failure(
                        values, "limits",
                        "has dashboard.\(name) \(JSONText(value)), expected a whole number from 1 to 1000000")
                }
                switch name {
                case "agents": limits.agents = number
                case "commandsPerSecond": limits.commandsPerSecond = number
                case "subscriptions": limits.subscriptions = number
                case "messagesPerSecond": limits.messagesPerSecond = number
                case "messagesPerUser": limits.messagesPerUser = number
                case "messagesPerAddress": limits.messagesPerAddress = number
                case "connectionsPerAddress": limits.connectionsPerAddress = number
                default:
                    throw failure(
                        values, "limits", "has dashboard.\(name), which there is not" + nearest(to: name, in: names))
                }
            }
            return limits
        default:
            return limits
        }
    }
}
