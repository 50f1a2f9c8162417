internal import MAOSCore

/// Who listens on a loop: a frame touches only those who want it, and is encoded only if somebody does.
struct HiveAudience {
    /// What a listener wants, and may have.
    struct Listener {
        var principal: Principal
        /// `nil` for all.
        var types: Set<String>?

        /// Whether it may follow everything, so that only types have to be looked at.
        var isUnlimited: Bool {
            principal.task == nil && principal.projects.isEmpty
                && principal.permissions.isSuperset(of: [.tasksSubscribe, .agentsSubscribe, .systemSubscribe])
        }

        func wants(_ type: String) -> Bool { types?.contains(type) ?? true }
    }

    /// Those who want everything, and may have it.
    private var plain: [PeerID] = []
    private var plainPlaces: [PeerID: Int] = [:]
    /// Those who may have everything, and want some types.
    private var byType: [String: [PeerID]] = [:]
    /// Those who are judged frame by frame.
    private var special: [(peer: PeerID, listener: Listener)] = []

    var isEmpty: Bool { plain.isEmpty && byType.isEmpty && special.isEmpty }

    mutating func add(_ peer: PeerID, _ listener: Listener) {
        guard listener.isUnlimited else { return special.append((peer, listener)) }
        guard let types: Set<String> = listener.types else {
            plainPlaces[peer] = plain.count
            return plain.append(peer)
        }
        for type: String in types { byType[type, default: []].append(peer) }
    }

    mutating func remove(_ peer: PeerID, _ listener: Listener) {
        guard listener.isUnlimited else { return special.removeAll { $0.peer == peer } }
        guard let types: Set<String> = listener.types else {
            guard let place: Int = plainPlaces.removeValue(forKey: peer), let last: PeerID = plain.popLast(),
                place < plain.count
            else { return }
            plain[place] = last
            plainPlaces[last] = place
            return
        }
        for type: String in types {
            byType[type]?.removeAll { $0 == peer }
            if byType[type]?.isEmpty == true { byType[type] = nil }
        }
    }

    /// Sends a frame to everybody who wants it and may have it.
    ///
    /// - Parameters:
    ///   - type: The frame's type.
    ///   - outputs: Where to append.
    ///   - mayHave: Whether a limited listener may have it.
    ///   - encode: Makes the frame; called once, and only if somebody gets it. `nil` if it cannot be made now.
    func deliver(
        _ type: HiveFrameType, to outputs: inout [SocketOutput], mayHave: (Principal) -> Bool,
        _ encode: () -> [UInt8]?
    ) {
        let name: String = type.name
        let selective: [PeerID] = byType.isEmpty ? [] : byType[name] ?? []
        var chosen: [PeerID] = []
        for (peer, listener) in special where listener.wants(name) && mayHave(listener.principal) {
            chosen.append(peer)
        }
        guard !plain.isEmpty || !selective.isEmpty || !chosen.isEmpty, let frame: [UInt8] = encode() else { return }
        for peers: [PeerID] in [plain, selective, chosen] where !peers.isEmpty {
            outputs.append(
                .deliver(SocketDelivery(payload: frame, peers: peers, isExpendable: type.isExpendable)))
        }
    }
}
