package import MAOSCore
package import MAOSProtocols
package import MAOSSystem
internal import Synchronization

/// Joins the gateway dialect with the sockets of one loop.
///
/// It says who calls and how often they may, and carries out the dialect's actions. Confined to its loop, except where other
/// threads hand their results in.
package final class GatewayHandler: EventSource, HTTPHandler, LoopHandler, @unchecked Sendable {
    // Everything is confined to the loop; `deliver` and `receive` only hand over to it.

    /// A request whose action is under way.
    struct Waiting {
        let responder: HTTPResponder
        let pending: GatewayPending
        let request: LoggedRequest
    }

    /// What the log says of a request.
    struct LoggedRequest {
        var method: HTTPMethod
        var target: ArraySlice<UInt8>
        var subject: String?
        /// When it was taken up, in nanoseconds of the monotonic clock; 0 for none.
        var begin: Int64 = 0
        /// Who sends it, by the token of its `Authorization`.
        var caller: KnownCaller?
    }

    /// The turn of the loop in which a request was answered last, and when: nanoseconds of the monotonic clock.
    @exclusivity(unchecked) private var lastAnswer: (turn: UInt64, time: Int64) = (.max, 0)
    let services: GatewayServices
    let resources: LoopResources
    private let rest: GatewayREST
    let hub: GatewayHub
    private let tokens: TokenCache
    private var limiter: RateLimiter<GatewayCaller, TokenBucket>?
    private var origins: OriginPolicy
    private var log: Log
    private var waiting = TokenTable<Waiting>()
    /// The last `Host` that was accepted.
    private var acceptedHost: [UInt8] = []
    /// Grows when what was found out about a caller may not hold any more.
    private var rules: Int = 0
    /// The caller that was found out last.
    private var lastCaller: KnownCaller?
    /// Commands of this turn; handed over together at its end.
    private var submissions: [Submission] = []
    /// Reads of this turn.
    private var reads: [(token: UInt64, read: StoreRead)] = []
    /// Connections that the hub knows.
    var peers: [PeerID: GatewayPeer] = [:]
    var lastPeer: UInt64 = 0
    /// Reads of this turn that streams want.
    var streamReads: [(peer: PeerID, read: StoreRead)] = []
    /// Streams that have written what this turn gave them.
    var writtenStreams: [PeerID] = []
    /// Output that has not been passed on.
    private let inbox = OutputInbox()
    /// How many connections the hub knows; other threads look here whether events are worth a wake-up.
    let interest = Atomic<Int>(0)
    /// What happened here, for other threads to read.
    let measures = GatewayMeasures()

    init(_ services: GatewayServices, resources: LoopResources) {
        self.services = services
        self.resources = resources
        var random = SystemRandomNumberGenerator()
        rest = GatewayREST(
            view: services.orchestrator.view, bus: services.orchestrator.events, configuration: services.configuration,
            environment: services.environment, seed: random.next())
        hub = GatewayHub(
            view: services.orchestrator.view, bus: services.orchestrator.events,
            configuration: services.configuration, environment: services.environment)
        tokens = TokenCache(verifier: services.verifier)
        limiter = services.limit.map { RateLimiter($0) }
        origins = services.origins
        log = services.log
        super.init(loop: resources.loop)
        services.orchestrator.events.attach(self)
        services.outputs.observe(self)
        services.host.observe(self)
    }

    /// Goes by what the operator says now; from any thread.
    func follow(_ changed: GatewayServices) {
        loop.execute { [self] in
            origins = changed.origins
            acceptedHost = []
            rules += 1
            log = changed.log
            guard let limit = changed.limit else { return limiter = nil }
            if limiter == nil { limiter = RateLimiter(limit) } else { limiter?.limit = limit }
        }
    }

    var now: Instant { Instant(milliseconds: resources.wallMilliseconds) }

    // MARK: Requests

    package func handle(_ head: consuming HTTPRequestHead, body: consuming [UInt8], responder: HTTPResponder) {
        let known: KnownCaller? = knownCaller(of: head, responder.connection)
        let authentication: GatewayAuthentication = known?.authentication ?? authenticate(head, responder)
        let request = GatewayRequest(
            head: head, body: body, authentication: authentication, isLocal: responder.peer.address.isLoopback)
        let logged = LoggedRequest(
            method: request.head.method, target: request.head.target, subject: request.authentication.subject,
            begin: beginning(), caller: known ?? responder.connection.attachment as? KnownCaller)
        if let failure: GatewayFailure = limitation(of: request, peer: responder.peer)
            ?? (known == nil ? refusal(of: request.head) : nil)
        {
            responder.connection.attachment = nil
            return send(rest.refuse(failure, request.head, at: now), logged, to: responder)
        }
        if GatewayHandler.isHandshake(request.head) {
            return open(request.head, request.authentication, logged, responder)
        }
        let action: GatewayAction = rest.handle(request, at: now)
        if case .attach(let terminal) = action { return attach(terminal, request.head, responder) }
        carryOut(consume action, logged, responder)
    }

    package func refuse(_ status: HTTPStatus, reason: String, responder: HTTPResponder) {
        let logged = LoggedRequest(method: .get, target: [], subject: nil)
        let message: String = reason.prefix(1).uppercased() + reason.dropFirst()
        let failure =
            status == .serviceUnavailable
            ? GatewayFailure(.unavailable, message, retryAfter: 1)
            : GatewayFailure(.validation, message, status: status)
        send(rest.refuse(failure, nil, at: now), logged, to: responder)
    }

    /// Answers with what a listener serves; like probes, everybody may ask.
    func describe(_ document: AsyncAPIDocument, _ request: HTTPRequestHead, _ responder: HTTPResponder) {
        let logged = LoggedRequest(
            method: request.method, target: request.target, subject: nil, begin: beginning())
        let response: GatewayResponse =
            refusal(of: request).map { rest.refuse($0, request, at: now) }
            ?? rest.describe(document, request, at: now)
        send(response, logged, to: responder)
    }

    /// Who a connection's last request came from; kept with the connection, for the requests that say the same of themselves.
    final class KnownCaller {
        let authentication: GatewayAuthentication
        let token: VerifiedToken
        private let rules: Int
        private let administrator: Int

        init(_ token: VerifiedToken, rules: Int, administrator: Int) {
            authentication = .principal(token.principal)
            self.token = token
            self.rules = rules
            self.administrator = administrator
        }

        func holds(rules: Int, administrator: Int, at now: Int64) -> Bool {
            self.rules == rules && isValid(administrator: administrator, at: now)
        }

        /// Whether the token is still good, whatever has become of the rules since.
        func isValid(administrator: Int, at now: Int64) -> Bool {
            (token.claims.exp != nil || self.administrator == administrator) && token.isInForce(at: now)
        }
    }

    /// The caller of a request with the very fields of the one before, if everything that was checked then holds still.
    private func knownCaller(of request: HTTPRequestHead, _ connection: HTTP1ServerConnection) -> KnownCaller? {
        guard let known: KnownCaller = connection.attachment as? KnownCaller else { return nil }
        if request.repeatsFields,
            known.holds(
                rules: rules, administrator: services.administrator.version(at: loop.now),
                at: resources.wallMilliseconds / 1_000)
        {
            return known
        }
        connection.attachment = nil
        return nil
    }

    /// Who sends a request: by its token, else by the configured trust in loopback.
    private func authenticate(_ request: HTTPRequestHead, _ responder: HTTPResponder) -> GatewayAuthentication {
        guard let credentials: ArraySlice<UInt8> = request.fields.value(.authorization) else {
            if GatewayHandler.isHandshake(request) || GatewayREST.isTerminal(request),
                let token = GatewayHandler.token(of: request)
            {
                return authenticate(token: token)
            }
            return services.trustsLoopback && responder.peer.address.isLoopback
                ? .principal(GatewayHandler.localAdministrator) : .missing
        }
        guard let token = GatewayHandler.bearerToken(in: credentials), let caller: KnownCaller = caller(bearing: token)
        else { return .invalid }
        responder.connection.attachment = caller
        return caller.authentication
    }

    private func caller(bearing token: ArraySlice<UInt8>) -> KnownCaller? {
        let administrator: Int = services.administrator.version(at: loop.now)
        let seconds: Int64 = resources.wallMilliseconds / 1_000
        do throws(TokenError) {
            let verified: VerifiedToken = try tokens.verify(token, at: seconds)
            if let lastCaller, lastCaller.token === verified,
                lastCaller.holds(rules: rules, administrator: administrator, at: seconds)
            {
                return lastCaller
            }
            guard isCurrent(verified, token) else { return nil }
            let caller = KnownCaller(verified, rules: rules, administrator: administrator)
            lastCaller = caller
            return caller
        } catch {
            return nil
        }
    }

    private func authenticate(token: ArraySlice<UInt8>?) -> GatewayAuthentication {
        guard let token, let verified: VerifiedToken = verify(token) else { return .invalid }
        return .principal(verified.principal)
    }

    /// A token that is good now; `nil` for any other.
    func verify(_ token: ArraySlice<UInt8>) -> VerifiedToken? {
        do throws(TokenError) {
            let verified: VerifiedToken = try tokens.verify(token, at: resources.wallMilliseconds / 1_000)
            return isCurrent(verified, token) ? verified : nil
        } catch {
            return nil
        }
    }

    /// A token without an end is valid for as long as it is the administrator's current one.
    private func isCurrent(_ verified: VerifiedToken, _ token: ArraySlice<UInt8>) -> Bool {
        verified.claims.exp != nil || services.administrator.matches(token, at: loop.now)
    }

    static let localAdministrator = Principal(subject: "local", permissions: .all)

    /// The token of `Bearer TOKEN` (RFC 6750 §2.1; the scheme's case does not matter).
    static func bearerToken(in credentials: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        let scheme: StaticString = "bearer "
        guard credentials.count > scheme.utf8CodeUnitCount else { return nil }
        var index: Int = credentials.startIndex
        for expected: UInt8 in "bearer ".utf8 {
            let byte: UInt8 = credentials[index]
            let lower: UInt8 = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
            guard lower == expected else { return nil }
            index += 1
        }
        return credentials[index...]
    }

    /// Why a request does not even reach the dialect: its sender has sent too many.
    private func limitation(of request: GatewayRequest, peer: SocketAddress) -> GatewayFailure? {
        // Probes are open and cost nothing.
        let target: ArraySlice<UInt8> = request.head.target
        guard limiter != nil, target.starts(with: "/api".utf8) || target.starts(with: "/ws".utf8) else { return nil }
        let caller: GatewayCaller = request.authentication.subject.map { .subject($0) } ?? .address(peer.address)
        guard case .limited(let seconds)? = limiter?.take(caller, at: loop.now) else { return nil }
        return .rateLimited(retryAfter: seconds)
    }

    /// Why a request does not even reach the dialect: it comes from a foreign page or to a foreign name.
    private func refusal(of request: HTTPRequestHead) -> GatewayFailure? {
        let hasOrigin: Bool = request.fields.contains(.origin)
        let hostField: ArraySlice<UInt8> = request.fields.value(.host) ?? []
        // Nearly every request names the host that the last one named.
        if !hasOrigin, !acceptedHost.isEmpty, hostField.elementsEqual(acceptedHost) { return nil }
        let host: String = request.authority
        switch origins.refusal(host: host.isEmpty ? nil : host, origin: request.fields[.origin]) {
        case .foreignHost?: return .foreignHost
        case .foreignOrigin?: return .foreignOrigin
        case nil:
            if !hasOrigin { acceptedHost = Array(hostField) }
            return nil
        }
    }

    // MARK: Actions

    func carryOut(_ action: consuming GatewayAction, _ logged: LoggedRequest, _ responder: HTTPResponder) {
        switch consume action {
        case .respond(let response):
            send(response, logged, to: responder)
        case .submit(let command, let pending):
            let token: UInt64 = wait(Waiting(responder: responder, pending: pending, request: logged))
            submissions.append(
                Submission(request: Request(command, from: pending.principal), target: .sink(self, token: token)))
            loop.flushLater(self)
        case .read(let read, let pending):
            reads.append((wait(Waiting(responder: responder, pending: pending, request: logged)), read))
            loop.flushLater(self)
        case .awaitEnd(let task, let deadline, let pending):
            awaitEnd(of: task, until: deadline, Waiting(responder: responder, pending: pending, request: logged))
        case .stream(let stream, let head):
            begin(stream, head, logged.caller, responder)
        case .attach:
            preconditionFailure("only a request itself leads to a terminal")
        }
    }

    private func wait(_ request: consuming Waiting) -> UInt64 {
        let token: UInt64 = waiting.insert(request)
        lookAgain()
        return token
    }

    /// Answers those that have waited longer than a request may; what becomes of their actions is heard by nobody.
    func giveUpOnOverdue() {
        let latest: Int64 = SystemClock.monotonicNanoseconds() - services.configuration.requestTime.count * 1_000_000
        var overdue: [Waiting] = []
        for token: UInt64 in waiting.tokens(where: { $0.request.begin <= latest }) {
            if let request: Waiting = waiting.remove(token) { overdue.append(request) }
        }
        overdue.sort { $0.request.begin < $1.request.begin }
        for request: Waiting in overdue {
            send(rest.expire(request.pending, at: now), request.request, to: request.responder)
        }
    }

    /// Whether requests wait for the outcome of an action.
    var hasWaiting: Bool { !waiting.isEmpty }

    func goOn(_ request: Waiting, _ action: consuming GatewayAction) {
        carryOut(action, request.request, request.responder)
    }

    package override func deadlineReached() { tick() }

    package override func flush() {
        if !submissions.isEmpty {
            services.orchestrator.submit(submissions)
            submissions.removeAll(keepingCapacity: true)
        }
        goOnWithWrittenStreams()
        readForStreams()
        guard !reads.isEmpty else { return }
        let reads: [(token: UInt64, read: StoreRead)] = self.reads
        self.reads.removeAll(keepingCapacity: true)
        services.reader.execute { [self] in
            let (history, outputs) = (services.history, services.outputs)
            let results = reads.map {
                let begin: Int64 = SystemClock.monotonicNanoseconds()
                let result = $0.read.perform(history: history, output: outputs)
                services.readMeasures.note(result, since: begin)
                return ($0.token, result)
            }
            loop.execute { [self] in
                for (token, result) in results { finish(token) { rest.complete($0, with: result, at: now) } }
            }
        }
    }

    /// Goes on with a request, unless its time was up before.
    private func finish(_ token: UInt64, _ next: (GatewayPending) -> GatewayAction) {
        guard let request: Waiting = waiting.remove(token) else { return }
        goOn(request, next(request.pending))
    }

    /// What a request that waited for an end is answered.
    func complete(_ pending: GatewayPending, ended: Bool) -> GatewayAction {
        rest.complete(pending, ended: ended, at: now)
    }

    // MARK: Answers

    /// The dialect's answer to a request that is refused here.
    func refusal(_ failure: GatewayFailure, _ request: HTTPRequestHead) -> GatewayResponse {
        rest.refuse(failure, request, at: now)
    }

    /// When a request is taken up: as soon as the turn's last answer was on its way, which saves a look at the clock.
    private func beginning() -> Int64 {
        if lastAnswer.turn == loop.turn { return lastAnswer.time }
        return SystemClock.monotonicNanoseconds()
    }

    func send(_ response: GatewayResponse, _ request: LoggedRequest, to responder: HTTPResponder) {
        if let failure: GatewayErrorCode = response.failure { note(failure, response, request) }
        var duration: Int64?
        if request.begin > 0 {
            lastAnswer = (loop.turn, SystemClock.monotonicNanoseconds())
            duration = lastAnswer.time - request.begin
        }
        measures.note(response, took: duration)
        responder.respond(
            response.status, contentType: response.contentType, body: response.body, requestID: response.requestID,
            fields: response.fields)
    }

    private func note(_ failure: GatewayErrorCode, _ response: GatewayResponse, _ request: LoggedRequest) {
        let level: Log.Level = response.status.code >= 500 ? .error : .warn
        log(
            level, failure.rawValue,
            [
                "requestId": response.requestID.text, "method": request.method.name,
                "path": String(decoding: request.target.prefix { $0 != UInt8(ascii: "?") }.prefix(200), as: UTF8.self),
                "status": "\(response.status.code)", "subject": request.subject ?? "-",
            ])
    }
}

extension GatewayHandler: ReplySink {
    package func deliver(_ replies: [TokenReply]) {
        loop.execute { [self] in
            for reply: TokenReply in replies { finish(reply.token) { rest.complete($0, with: reply.result, at: now) } }
        }
    }
}

extension GatewayHandler: EventSink {
    package func receive(_ events: [Event]) {
        guard interest.load(ordering: .sequentiallyConsistent) > 0 else { return }
        loop.execute { [self] in carryOut(hub.receive(events, at: now)) }
    }
}

extension GatewayHandler: OutputObserver {
    package func stored(_ entries: [OutputEntry]) {
        guard interest.load(ordering: .sequentiallyConsistent) > 0 else { return }
        guard inbox.add(entries) else { return }
        loop.execute { [self] in tellOfOutput() }
    }

    private func tellOfOutput() {
        let delivery: OutputInbox.Delivery = inbox.take()
        for batch: [OutputEntry] in delivery.batches { carryOut(hub.receive(batch, at: now)) }
        if !delivery.gaps.isEmpty { carryOut(hub.skipped(delivery.gaps, at: now)) }
    }
}

extension GatewayAuthentication {
    var subject: String? {
        if case .principal(let principal) = self { return principal.subject }
        return nil
    }
}
