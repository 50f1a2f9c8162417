internal import MAOSCore
internal import MAOSProtocols
package import MAOSSystem

/// What all connections of one loop share: buffers, compressors, the date, and the list of them all.
///
/// Confined to the loop.
package final class LoopResources: @unchecked Sendable {
    // Every variable is confined to the loop's thread.

    /// The loop.
    package let loop: EventLoop

    /// How many bytes one read brings at most.
    let readCount = 65_536

    /// Where every read goes; its content is used up before the next one.
    @exclusivity(unchecked) private var readBuffer: [UInt8]

    private static let spareLimit = 64
    private static let spareCapacity = 262_144

    @exclusivity(unchecked) private var spares: [[UInt8]] = []
    @exclusivity(unchecked) private var gathered: [UInt8] = []
    /// Bytes of bodies that have not come whole, of all connections.
    var heldBodyBytes = 0
    /// How many there may be before large bodies are refused.
    let heldBodyLimit: Int
    private var connections: [ServerConnection] = []
    private var isDraining = false
    private var whenEmpty: (@Sendable () -> Void)?
    private var deflaters = DeflaterShelf()
    private var inflater: Inflater?
    @exclusivity(unchecked) private var dateSecond: Int64 = -1
    @exclusivity(unchecked) private var dateText: [UInt8] = []
    @exclusivity(unchecked) private var leadSecond: Int64 = -1
    @exclusivity(unchecked) private var lead: HTTP1ResponseLead?
    @exclusivity(unchecked) private var wallOffset: Int64 = 0
    @exclusivity(unchecked) private var wallRead: Int64 = -1_000_000

    /// Makes the resources of a loop.
    ///
    /// - Parameters:
    ///   - loop: The loop.
    ///   - heldBodyLimit: Bytes of bodies that may wait for their rest.
    package init(loop: EventLoop, heldBodyLimit: Int = 128 << 20) {
        self.loop = loop
        self.heldBodyLimit = heldBodyLimit
        readBuffer = [UInt8](repeating: 0, count: readCount)
    }

    // MARK: - Buffers

    /// Receives what a source has, as much as fits, for ``received(_:)``.
    func receive(from source: EventSource) -> Transfer {
        readBuffer.withUnsafeMutableBytes { source.receive(into: $0) }
    }

    /// What ``receive(from:)`` brought; to be dropped before the next call of it.
    func received(_ count: Int) -> ArraySlice<UInt8> {
        readBuffer[..<count]
    }

    /// An empty buffer with room in it.
    func takeBuffer() -> [UInt8] {
        if let spare = spares.popLast() { return spare }
        var fresh: [UInt8] = []
        fresh.reserveCapacity(4_096)
        return fresh
    }

    /// Takes a buffer back that is not used any more, unless it is too large to keep.
    func giveBack(_ buffer: consuming [UInt8]) {
        guard spares.count < LoopResources.spareLimit, buffer.capacity > 0,
            buffer.capacity <= LoopResources.spareCapacity
        else { return }
        buffer.removeAll(keepingCapacity: true)
        spares.append(buffer)
    }

    /// A frame of this size is sent from where it is; smaller ones are put together first.
    static let directSendSize = 16_384

    /// Sends the first of these pieces in one call, as many as fit.
    func sendGathered(_ pieces: ArraySlice<[UInt8]>, skipping skipped: Int, to source: EventSource) -> Transfer {
        gathered.removeAll(keepingCapacity: true)
        var skipped = skipped
        for piece in pieces {
            guard gathered.isEmpty || gathered.count + piece.count <= readCount else { break }
            gathered.append(contentsOf: piece[skipped...])
            skipped = 0
        }
        return gathered.withUnsafeBytes { source.send($0) }
    }

    // MARK: - Connections

    func add(_ connection: ServerConnection) {
        connection.place = connections.count
        connections.append(connection)
        if isDraining { connection.drain() }
    }

    func remove(_ connection: ServerConnection) {
        let place = connection.place
        guard place >= 0 else { return }
        connection.place = -1
        let last = connections.removeLast()
        if last !== connection {
            connections[place] = last
            last.place = place
        }
        guard connections.isEmpty, let told = whenEmpty else { return }
        whenEmpty = nil
        told()
    }

    /// Tells every connection to finish what it has begun and to close, the idle ones at once.
    ///
    /// - Parameter whenEmpty: Called on the loop when the last one has gone.
    package func drain(whenEmpty: @escaping @Sendable () -> Void) {
        isDraining = true
        for connection in connections { connection.drain() }
        if connections.isEmpty {
            whenEmpty()
        } else {
            self.whenEmpty = whenEmpty
        }
    }

    /// Closes every connection at once.
    package func closeAll() {
        for connection in connections { connection.abort() }
    }

    // MARK: - Compression

    /// Appends a message compressed for a window; nil if there is no memory for it.
    func compress(_ message: ArraySlice<UInt8>, windowBits: Int, into output: inout [UInt8]) -> Bool {
        deflaters.compress(message, windowBits: windowBits, into: &output)
    }

    /// Expands a message.
    func expand(_ message: ArraySlice<UInt8>, limit: Int) throws(CompressionError) -> [UInt8] {
        if inflater == nil { inflater = try Inflater() }
        guard let expanded = try inflater?.expand(message, limit: limit) else { throw .outOfMemory }
        return expanded
    }

    // MARK: - Time

    /// Milliseconds since 1970, as exact as the loop's turns; the clock is read once a second.
    package var wallMilliseconds: Int64 {
        let now = loop.now
        if now &- wallRead >= 1_000 || now < wallRead {
            wallRead = now
            wallOffset = SystemClock.wallMilliseconds() - now
        }
        return now + wallOffset
    }

    /// The present time as a `Date` field has it (RFC 9110 §5.6.7), made once a second.
    var date: [UInt8] {
        let second = wallMilliseconds / 1_000
        if second != dateSecond {
            dateSecond = second
            dateText.removeAll(keepingCapacity: true)
            ISO8601.appendHTTPDate(seconds: second, to: &dateText)
        }
        return dateText
    }

    /// The first lines of answers of a status and a type, made once a second as long as the next answers have the same.
    func lead(_ status: HTTPStatus, contentType: String) -> HTTP1ResponseLead {
        if wallMilliseconds / 1_000 == leadSecond, let lead, lead.status == status, lead.contentType == contentType {
            return lead
        }
        let made = HTTP1ResponseLead(status, contentType: contentType, date: date)
        leadSecond = dateSecond
        lead = made
        return made
    }
}

/// The deflaters of a loop, one for each window size that somebody asked for.
private struct DeflaterShelf: ~Copyable {
    private var large: Deflater?
    private var small: Deflater?
    private var smallBits = 0

    init() {}

    /// Most peers take the largest window; one more is kept for the last other size.
    mutating func compress(_ message: ArraySlice<UInt8>, windowBits: Int, into output: inout [UInt8]) -> Bool {
        do throws(CompressionError) {
            if windowBits == 15 {
                if large == nil { large = try Deflater(windowBits: 15) }
                large?.compress(message, into: &output)
            } else {
                if small == nil || smallBits != windowBits { small = try Deflater(windowBits: windowBits) }
                smallBits = windowBits
                small?.compress(message, into: &output)
            }
            return true
        } catch {
            return false
        }
    }
}
