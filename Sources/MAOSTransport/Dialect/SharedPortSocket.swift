internal import MAOSCore
internal import MAOSProtocols
internal import MAOSSystem

/// A client at the address that two dialects share: a hive client, until it speaks as a dashboard does.
///
/// The hive's events since the connect wait until it is clear that the client is silent.
final class SharedPortSocket: WebSocketDelegate {
    private let dashboard: DialectHandler
    private let arrival: SocketArrival
    private var current: DialectSocket
    private var isDashboard = false
    private var timer: LoopTimer?

    init(hive: DialectHandler, dashboard: DialectHandler, arrival: SocketArrival) {
        self.dashboard = dashboard
        self.arrival = arrival
        current = hive.admit(nil, isUndecided: true)
        let timer = LoopTimer(on: hive.loop) { [weak self] in self?.decide() }
        timer.setDeadline(after: SharedPort.patience)
        self.timer = timer
    }

    /// The handshake was refused: there is nobody.
    func abandon(_ hive: DialectHandler) {
        cancelTimer()
        hive.abandon(current)
    }

    /// The handshake is done.
    func begin(_ connection: WebSocketServerConnection, _ hive: DialectHandler) {
        current.begin(connection)
        hive.open(current, arrival)
    }

    /// The client has been silent for long enough, or has spoken: it listens to the hive.
    private func decide() {
        cancelTimer()
        current.decide()
    }

    private func cancelTimer() {
        timer?.cancelDeadline()
        timer = nil
    }

    private func becomeDashboard(_ connection: WebSocketServerConnection, from hive: DialectSocket) {
        cancelTimer()
        isDashboard = true
        hive.handOver()
        current = dashboard.admit(connection)
        dashboard.open(current, arrival)
    }

    // MARK: What comes

    func onText(_ text: [UInt8], _ socket: WebSocketServerConnection) {
        if !isDashboard {
            guard SharedPort.isDashboardMessage(text) else { return decide() }
            becomeDashboard(socket, from: current)
        }
        current.onText(text, socket)
    }

    func onBinary(_ bytes: [UInt8], _ socket: WebSocketServerConnection) {
        if !isDashboard { decide() }
        current.onBinary(bytes, socket)
    }

    func onSignOfLife(_ socket: WebSocketServerConnection) { current.onSignOfLife(socket) }

    func onClose(_ code: WebSocketCloseCode, reason: String, _ socket: WebSocketServerConnection) {
        cancelTimer()
        current.onClose(code, reason: reason, socket)
    }

    func onDrained(_ socket: WebSocketServerConnection) { current.onDrained(socket) }

    func onServerEnding(_ socket: WebSocketServerConnection) { current.onServerEnding(socket) }
}
