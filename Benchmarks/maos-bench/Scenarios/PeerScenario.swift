internal import MAOSSystem

/// The fan-out of ``FanoutScenario`` by software that others made, beside the bare loop with as many messages in a write: one.
enum PeerScenario {
    private static let warmUpMessages: Int = 50
    private static let messages: Int = 200
    private static let steadyMessages: Int = 300
    /// Bytes of a message with its frame, as the hive's are.
    private static let size: Int = 292

    static func measure(_ options: Options) throws -> ScenarioResult {
        var full = FanoutLoad.Comparison()
        var steady = FanoutLoad.Comparison()
        var version: String = ""
        for _ in 0..<options.runs {
            let folder: WorkFolder = try WorkFolder(in: options.folder)
            let peer: NodeFanout.Running = try NodeFanout.start(messageSize: size - 4, folder)
            version = peer.version
            let handshake: [UInt8] = SocketRequests.handshake(
                "/", HTTPRequests(host: "\(peer.address)", token: ""), isAnonymous: true)
            let windows = try measure(peer.child, peer.address, handshake, try BareCause(peer.control))
            full.windows.append(windows.full)
            steady.windows.append(windows.steady)
            peer.child.stop()

            let (child, address): (ChildProcess, SocketAddress) = try BareFanout.start(messageSize: size - 4, folder)
            let bare = try measure(child, address, nil, try BareCause(address))
            full.bare.append(bare.full)
            steady.bare.append(bare.steady)
            child.stop()
        }
        let name: String = "ws of node \(version)"
        let rate: String = "at \(FanoutLoad.steadyRate) messages/s"
        return ScenarioResult(
            scenario: .peers,
            figures: [
                full.figure("\(name): deliveries", .perSecond, \.rate),
                full.figure("\(name): CPU per delivery", .microseconds, \.secondsPerMillion),
                steady.figure("\(name), \(rate): CPU per delivery", .microseconds, \.secondsPerMillion),
                steady.figure("\(name), \(rate): delivery, 99 %", .milliseconds, \.latency),
            ])
    }

    private static func measure(
        _ server: ChildProcess, _ address: SocketAddress, _ handshake: [UInt8]?, _ cause: BareCause
    ) throws -> (full: FanoutLoad.Window, steady: FanoutLoad.Window) {
        let fleet: SocketFleet = try SocketFleet()
        for _ in 0..<FanoutScenario.subscribers { try fleet.connect(to: address, handshake: handshake) }
        _ = try FanoutLoad.burst(fleet, cause, server.probe, warmUpMessages)
        let full: FanoutLoad.Window = try FanoutLoad.burst(fleet, cause, server.probe, messages)
        try fleet.setWoken(false)
        return (full, try FanoutLoad.pace(fleet, cause, server.probe, steadyMessages))
    }
}
