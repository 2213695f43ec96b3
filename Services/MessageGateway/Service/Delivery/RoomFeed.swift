import EverlinePostgres
import EverlineProtocol
import EverlineReading
import Logging
import Metrics
import NIOCore

/// The one order of an open room on this gateway. Whatever brings messages (an own append, a signal of another gateway, a read of PostgreSQL)
/// hands them in; out come each number once, in order, without a hole.
///
/// Pinned to the thread of PostgreSQL's connections, as the lanes are: what was just committed comes here without another thread being woken.
actor RoomFeed {
    nonisolated var unownedExecutor: UnownedSerialExecutor { PostgresReactor.shared.asUnownedSerialExecutor() }
    nonisolated let room: Int64
    nonisolated let name: String
    nonisolated let epoch: String
    let kind: RoomKind
    private(set) var next: Int64
    private(set) var nextRev: Int64
    var membersRev: Int64
    var membersAreChecked = true
    /// How often it was doubted that all readers were among those asked about.
    var memberDoubts = 0
    private(set) var hubs: [LoopHub] = []
    /// Messages past a hole, by number. Bounded; beyond it the read of PostgreSQL brings them.
    private var ahead: [Int64: EncodedMessage] = [:]
    private var aheadBytes = 0
    private var filling = false
    private var fillingRevisions = false
    /// A revision came before its message, and is read again once that is there.
    private var revisionsWait = false
    private(set) var ended = false
    /// How often each loop was attached: what happens while a sweep waits for its loop must not be swept away.
    private var attachments: [ObjectIdentifier: Int] = [:]
    private let messages: MessageStore
    let rooms: RoomStore
    private let logger: Logger

    private static let holes = Counter(label: "everline_hole_reads_total")
    private static let filled = Counter(label: "everline_hole_messages_total")
    private static let aheadLimit = 1_000
    private static let aheadBytes = 4_194_304
    private static let page: Int64 = 200
    /// How long a hole may close by itself: signals of two gateways may overtake each other.
    private static let patience = Duration.milliseconds(20)

    init(_ opened: OpenedRoom, messages: MessageStore, rooms: RoomStore, logger: Logger) {
        let state = opened.room
        room = state.id
        name = state.name
        kind = opened.kind
        epoch = state.epoch
        next = state.lastSeq + 1
        nextRev = state.lastRev + 1
        membersRev = opened.membersRev
        self.messages = messages
        self.rooms = rooms
        self.logger = logger
    }

    /// False once the feed has ended: then another is to be made.
    func attach(_ hub: LoopHub) -> Bool {
        guard !ended else { return false }
        if !hubs.contains(where: { $0 === hub }) { hubs.append(hub) }
        attachments[ObjectIdentifier(hub), default: 0] += 1
        let (next, nextRev, membersRev) = (next, nextRev, membersRev)
        // In the order of `deliver`'s, so that the hub's head is true when it is set.
        hub.loop.execute { hub.attach(self, epoch: self.epoch, head: next, headRev: nextRev, membersRev: membersRev) }
        return true
    }

    /// The last numbers that were delivered.
    struct Delivered: Sendable {
        let seq: Int64
        let rev: Int64

        /// Whether counters that were read later are below: somebody turned history back.
        func exceeds(_ counters: Counters) -> Bool { counters.lastSeq < seq || counters.lastRev < rev }
    }
    var delivered: Delivered { Delivered(seq: next - 1, rev: nextRev - 1) }

    /// History was turned back: all readers are told of the epoch that holds now.
    func end(_ epoch: String) {
        guard !ended else { return }
        ended = true
        for hub in hubs { hub.loop.execute { hub.reset(self, epoch: epoch) } }
    }

    /// Messages in order with consecutive numbers.
    func receive(_ batch: [EncodedMessage], epoch: String) {
        guard !ended, epoch == self.epoch, let first = batch.first, let last = batch.last, last.seq >= next else { return }
        if first.seq <= next {
            deliver(first.seq == next ? batch : Array(batch.drop { $0.seq < next }))
            drainAhead()
        } else {
            for message in batch where ahead.count < Self.aheadLimit && aheadBytes < Self.aheadBytes {
                if ahead.updateValue(message, forKey: message.seq) == nil { aheadBytes += message.line.readableBytes }
            }
            fill(after: Self.patience)
        }
    }

    func receive(_ revision: EncodedRevision, epoch: String) {
        guard !ended, epoch == self.epoch, revision.rev >= nextRev else { return }
        if revision.rev == nextRev, revision.seq < next { deliver([revision]) } else { fillRevisions(after: Self.patience) }
    }

    func announce(_ push: [UInt8]) {
        for hub in hubs { hub.loop.execute { hub.announce(push, of: self) } }
    }

    /// What the timer read; whether the feed still serves.
    ///
    /// - Parameter delivered: what had been delivered before the counters were read. What came since may be past them.
    func compare(_ counters: Counters, epoch: String, delivered: Delivered) -> Bool {
        guard !ended else { return false }
        if epoch != self.epoch || delivered.exceeds(counters) {
            end(epoch)
            return false
        }
        if counters.lastSeq >= next { fill(after: .zero) }
        if counters.lastRev >= nextRev { fillRevisions(after: .zero) }
        if counters.membersRev != membersRev { checkMembersSoon(counters.membersRev) }
        return true
    }

    /// Whether a counter is below what had been delivered before it was read: somebody turned history back without a new epoch.
    func wasTurnedBack(_ counters: Counters?, epoch: String, delivered: Delivered) -> Bool {
        !ended && epoch == self.epoch && (counters.map { delivered.exceeds($0) } ?? true)
    }

    /// Lets go of loops without readers; true, and the feed has ended, once there is none left.
    func sweep() async -> Bool {
        let before = attachments
        var empty: Set<ObjectIdentifier> = []
        for hub in hubs where (try? await hub.loop.submit({ hub.sweep(self) }).get()) == true {
            empty.insert(ObjectIdentifier(hub))
        }
        hubs.removeAll { hub in
            let id = ObjectIdentifier(hub)
            return empty.contains(id) && attachments[id] == before[id]
        }
        if hubs.isEmpty { ended = true }
        return ended
    }

    // MARK: In order

    private func deliver(_ run: [EncodedMessage]) {
        guard !ended, let last = run.last else { return }
        next = last.seq + 1
        for hub in hubs { hub.loop.execute { hub.deliver(run, of: self) } }
        if revisionsWait {
            revisionsWait = false
            fillRevisions(after: .zero)
        }
    }

    private func deliver(_ revisions: [EncodedRevision]) {
        guard !ended, let last = revisions.last else { return }
        nextRev = last.rev + 1
        for hub in hubs { hub.loop.execute { hub.deliver(revisions, of: self) } }
    }

    private func drainAhead() {
        guard !ahead.isEmpty else { return }
        var run: [EncodedMessage] = []
        while let message = ahead.removeValue(forKey: next + Int64(run.count)) { run.append(message) }
        deliver(run)
        ahead = ahead.filter { $0.key >= next }
        aheadBytes = ahead.values.reduce(0) { $0 + $1.line.readableBytes }
    }

    /// Reads what is missing; one read in flight.
    private func fill(after patience: Duration) {
        guard !filling else { return }
        filling = true
        Task {
            defer { filling = false }
            if patience > .zero {
                try? await Task.sleep(for: patience)
                if ahead.isEmpty { return }
            }
            await reading("messages") {
                Self.holes.increment()
                let found = try await messages.messages(room, name: name, epoch: epoch, from: next, limit: Self.page)
                Self.filled.increment(by: found.count)
                // While the read was under way the hole may have been closed in part.
                deliver(Array(found.drop { $0.seq < next }))
                drainAhead()
                return !found.isEmpty && (found.count == Self.page || !ahead.isEmpty)
            }
        }
    }

    /// The same for revisions, each of which waits for its message.
    private func fillRevisions(after patience: Duration) {
        guard !fillingRevisions else { return }
        fillingRevisions = true
        Task {
            defer { fillingRevisions = false }
            if patience > .zero { try? await Task.sleep(for: patience) }
            await reading("revisions") {
                let found = try await messages.revisions(room, name: name, epoch: epoch, from: nextRev, limit: Self.page)
                let run = found.prefix { $0.seq < next }
                deliver(run.drop { $0.rev < nextRev })
                if run.count < found.count {
                    revisionsWait = true
                    fill(after: .zero)
                    return false
                }
                return found.count == Self.page
            }
        }
    }

    private func deliver(_ revisions: ArraySlice<EncodedRevision>) { deliver(Array(revisions)) }

    /// Page after page, as long as `page` says that there are more.
    private func reading(_ what: String, _ page: () async throws -> Bool) async {
        do {
            while !ended, try await page() {}
        } catch {
            logger.warning(
                "cannot read what is missing; the timer tries again",
                metadata: ["what": "\(what)", "room": "\(room)", "error": "\(error)"])
        }
    }
}
