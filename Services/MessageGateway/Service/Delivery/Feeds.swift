import EverlinePostgres
import EverlineProtocol
import EverlineReading
import Logging

/// The open rooms of this gateway. Pinned as `RoomFeed` is.
actor Feeds {
    nonisolated var unownedExecutor: UnownedSerialExecutor { PostgresReactor.shared.asUnownedSerialExecutor() }
    private var feeds: [Int64: RoomFeed] = [:]
    private let messages: MessageStore
    private let rooms: RoomStore
    private let epochs: Epochs
    private let logger: Logger
    private let signals: any SignalSource
    /// The epoch at the timer's last turn.
    private var seen: String?
    /// Waits until it is known which sessions hold in a new epoch, for a moment at the most.
    private let settled: @Sendable () async -> Void

    init(
        messages: MessageStore, rooms: RoomStore, epochs: Epochs, signals: any SignalSource, logger: Logger,
        settled: @escaping @Sendable () async -> Void
    ) {
        self.settled = settled
        self.messages = messages
        self.rooms = rooms
        self.epochs = epochs
        self.signals = signals
        self.logger = logger
    }

    /// Attaches `hub` to the room's feed, which is made if there is none of this epoch.
    ///
    /// - Returns: false if the room was read in an epoch that has ended since: it is to be read anew.
    func open(_ opened: OpenedRoom, on hub: LoopHub) async -> Bool {
        let state = opened.room
        while true {
            let feed: RoomFeed
            if let known = feeds[state.id] {
                feed = known
            } else {
                feed = RoomFeed(opened, messages: messages, rooms: rooms, logger: logger)
                feeds[state.id] = feed
                signals.listen(to: state.id)
            }
            if feed.epoch != state.epoch {
                if Epochs.isOlder(state.epoch, than: feed.epoch) { return false }
                await feed.end(state.epoch)
            }
            if await feed.attach(hub) { return true }
            forget(feed)
        }
    }

    /// Unless another has taken its place already: each `await` lets others in.
    private func forget(_ feed: RoomFeed) {
        guard feeds[feed.room] === feed else { return }
        feeds[feed.room] = nil
        signals.stopListening(to: feed.room)
    }

    func announce(_ push: [UInt8], room: Int64) async { await feeds[room]?.announce(push) }

    func receive(_ batch: [EncodedMessage], room: Int64, epoch: String) async {
        await feeds[room]?.receive(batch, epoch: epoch)
    }

    func receive(_ revision: EncodedRevision, room: Int64, epoch: String) async {
        await feeds[room]?.receive(revision, epoch: epoch)
    }

    /// Somebody was removed from the room: what the timer would find is looked for at once.
    func membersChanged(_ room: Int64) async {
        guard let feed = feeds[room], let (_, rows) = try? await rooms.counters(of: [room]), let counters = rows.first else {
            return
        }
        await feed.checkMembers(counters.membersRev)
    }

    /// One turn of the timer: the counter rows are the outbox, so what a lost signal hid shows here; and so does an epoch that has ended.
    func compareAll() async throws {
        // Before the counters are read: what is delivered while they are on their way may be past them.
        var delivered: [(feed: RoomFeed, last: RoomFeed.Delivered)] = []
        for feed in feeds.values { delivered.append((feed, await feed.delivered)) }
        let (epoch, rows) = try await rooms.counters(of: delivered.map(\.feed.room))
        let counters = Dictionary(uniqueKeysWithValues: rows.map { ($0.room, $0) })
        var current = try await epochs.noted(epoch) { try await EpochStore.begin(after: $0, rooms.pool) }
        if let seen, seen != current { await settled() }
        seen = current
        for (feed, last) in delivered {
            let counter = counters[feed.room]
            if await feed.wasTurnedBack(counter, epoch: current, delivered: last) {
                // A counter fell below what was delivered: that is a new epoch, whoever turned history back.
                logger.error("a room's counter fell; beginning a new epoch", metadata: ["room": "\(feed.room)"])
                let begun = try await EpochStore.begin(after: current, rooms.pool)
                current = try await epochs.noted(begun) { try await EpochStore.begin(after: $0, rooms.pool) }
                // Whoever is told to start over may do so at once.
                await settled()
                seen = current
            }
            if let counter, await feed.compare(counter, epoch: current, delivered: last) { continue }
            await feed.end(current)
            forget(feed)
        }
    }

    /// Lets go of rooms that nobody has open.
    func sweep() async {
        for feed in Array(feeds.values) where await feed.sweep() { forget(feed) }
    }
}

/// Where signals of other gateways come from.
protocol SignalSource: Sendable {
    func listen(to room: Int64)
    func stopListening(to room: Int64)
}
