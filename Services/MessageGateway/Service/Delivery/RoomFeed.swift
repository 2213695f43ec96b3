import EverlineProtocol
import EverlineReading
import Logging
import NIOCore

/// The one order of an open room on this gateway. Whatever brings messages (an own append, a signal of another gateway, a read of PostgreSQL)
/// hands them in; out come each number once, in order, without a hole.
actor RoomFeed {
    nonisolated let room: Int64
    nonisolated let name: String
    private let kind: RoomKind
    private var epoch: String
    private var next: Int64
    private var nextRev: Int64
    private var membersRev: Int64
    private var hubs: [LoopHub] = []
    /// Messages past a hole, by number. Bounded; beyond it the read of PostgreSQL brings them.
    private var ahead: [Int64: EncodedMessage] = [:]
    private var filling = false
    private var fillingRevisions = false
    private var ended = false
    /// How often each loop was attached: what happens while a sweep waits for its loop must not be swept away.
    private var attachments: [ObjectIdentifier: Int] = [:]
    private let messages: MessageStore
    private let rooms: RoomStore
    private let logger: Logger

    private static let aheadLimit = 1_000
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
        let (room, name, epoch, next, nextRev) = (room, name, epoch, next, nextRev)
        // In the order of `deliver`'s, so that the hub's head is true when it is set.
        hub.loop.execute { hub.attach(room, name: name, epoch: epoch, head: next, headRev: nextRev) }
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

    /// Ends the feed if another epoch holds; whether it still serves.
    func serves(epoch: String) -> Bool {
        if epoch != self.epoch { end(epoch) }
        return !ended
    }

    private func end(_ epoch: String) {
        guard !ended else { return }
        ended = true
        for hub in hubs {
            let room = room
            hub.loop.execute { hub.reset(room, epoch: epoch) }
        }
    }

    /// Messages in order with consecutive numbers.
    func receive(_ batch: [EncodedMessage], epoch: String) {
        guard !ended, let first = batch.first, let last = batch.last else { return }
        guard epoch == self.epoch else { return }
        guard last.seq >= next else { return }
        if first.seq <= next {
            deliver(first.seq == next ? batch : Array(batch.drop { $0.seq < next }))
            drainAhead()
        } else {
            for message in batch where ahead.count < Self.aheadLimit { ahead[message.seq] = message }
            fill(after: Self.patience)
        }
    }

    func receive(_ revision: EncodedRevision, epoch: String) {
        guard !ended, epoch == self.epoch, revision.rev >= nextRev else { return }
        if revision.rev == nextRev { deliver([revision]) } else { fillRevisions(after: Self.patience) }
    }

    func announce(_ push: [UInt8]) {
        for hub in hubs {
            let room = room
            hub.loop.execute { hub.announce(push, in: room) }
        }
    }

    /// What the timer read; whether the feed still serves.
    ///
    /// - Parameter delivered: what had been delivered before the counters were read. What came since may be past them.
    func compare(_ counters: Counters, epoch: String, delivered: Delivered) async -> Bool {
        guard !ended else { return false }
        if epoch != self.epoch || delivered.exceeds(counters) {
            end(epoch)
            return false
        }
        if counters.lastSeq >= next { fill(after: .zero) }
        if counters.lastRev >= nextRev { fillRevisions(after: .zero) }
        if counters.membersRev != membersRev { await checkReaders(counters.membersRev) }
        return true
    }

    /// Whether a counter is below what had been delivered before it was read: somebody turned history back without a new epoch.
    func wasTurnedBack(_ counters: Counters, epoch: String, delivered: Delivered) -> Bool {
        !ended && epoch == self.epoch && delivered.exceeds(counters)
    }

    /// Lets go of loops without readers; true, and the feed has ended, once there is none left.
    func sweep() async -> Bool {
        let before = attachments
        var empty: Set<ObjectIdentifier> = []
        for hub in hubs {
            let room = room
            if (try? await hub.loop.submit({ hub.sweep(room) }).get()) == true { empty.insert(ObjectIdentifier(hub)) }
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
        guard let last = run.last else { return }
        next = last.seq + 1
        for hub in hubs {
            let room = room
            hub.loop.execute { hub.deliver(run, in: room) }
        }
    }

    private func deliver(_ revisions: [EncodedRevision]) {
        guard let last = revisions.last else { return }
        nextRev = last.rev + 1
        for hub in hubs {
            let room = room
            hub.loop.execute { hub.deliver(revisions, in: room) }
        }
    }

    private func drainAhead() {
        guard !ahead.isEmpty else { return }
        var run: [EncodedMessage] = []
        while let message = ahead.removeValue(forKey: next + Int64(run.count)) { run.append(message) }
        deliver(run)
        if !ahead.isEmpty { ahead = ahead.filter { $0.key >= next } }
    }

    /// Reads what is missing; one read in flight.
    private func fill(after patience: Duration) {
        guard !filling else { return }
        filling = true
        Task { await readMissing(after: patience) }
    }

    private func readMissing(after patience: Duration) async {
        defer { filling = false }
        if patience > .zero {
            try? await Task.sleep(for: patience)
            if ahead.isEmpty { return }
        }
        do {
            while !ended {
                let found = try await messages.messages(room, name: name, epoch: epoch, from: next, limit: 200)
                // While the read was under way the hole may have been closed in part.
                deliver(Array(found.drop { $0.seq < next }))
                drainAhead()
                if found.count < 200, ahead.isEmpty { return }
                if found.isEmpty { return }
            }
        } catch {
            logger.warning(
                "cannot read missing messages; the timer tries again", metadata: ["room": "\(room)", "error": "\(error)"])
        }
    }

    /// The same for revisions.
    private func fillRevisions(after patience: Duration) {
        guard !fillingRevisions else { return }
        fillingRevisions = true
        Task {
            defer { fillingRevisions = false }
            if patience > .zero { try? await Task.sleep(for: patience) }
            do {
                while !ended {
                    let found = try await messages.revisions(room, name: name, epoch: epoch, from: nextRev, limit: 200)
                    deliver(Array(found.drop { $0.rev < nextRev }))
                    if found.count < 200 { return }
                }
            } catch {
                logger.warning(
                    "cannot read missing revisions; the timer tries again", metadata: ["room": "\(room)", "error": "\(error)"])
            }
        }
    }

    private func checkReaders(_ rev: Int64) async {
        var readers: Set<Int64> = []
        for hub in hubs {
            let room = room
            if let found = try? await hub.loop.submit({ hub.readers(of: room) }).get() { readers.formUnion(found) }
        }
        guard let members = try? await rooms.members(of: room, among: Array(readers)),
            let banned = try? await rooms.banned(from: room, among: Array(readers))
        else { return }
        membersRev = rev
        for hub in hubs {
            let (room, asked, isPublic) = (room, readers, kind == .public)
            hub.loop.execute { hub.keep(members, public: isPublic, without: banned, among: asked, in: room) }
        }
    }
}
