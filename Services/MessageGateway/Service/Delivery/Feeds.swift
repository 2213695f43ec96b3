import EverlinePostgres
import EverlineProtocol
import EverlineReading
import Logging

/// The open rooms of this gateway.
actor Feeds {
    private var feeds: [Int64: RoomFeed] = [:]
    private let messages: MessageStore
    private let rooms: RoomStore
    private let logger: Logger
    private let signals: any SignalSource

    init(messages: MessageStore, rooms: RoomStore, signals: any SignalSource, logger: Logger) {
        self.messages = messages
        self.rooms = rooms
        self.signals = signals
        self.logger = logger
    }

    /// Attaches `hub` to the room's feed, which is made if there is none of this epoch.
    func open(_ opened: OpenedRoom, on hub: LoopHub) async {
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
            if await feed.serves(epoch: state.epoch), await feed.attach(hub) { return }
            forget(feed)
        }
    }

    /// Unless another has taken its place already: each `await` lets others in.
    private func forget(_ feed: RoomFeed) {
        guard feeds[feed.room] === feed else { return }
        feeds[feed.room] = nil
        signals.stopListening(to: feed.room)
    }

    func feed(_ room: Int64) -> RoomFeed? { feeds[room] }

    func announce(_ push: [UInt8], room: Int64) async { await feeds[room]?.announce(push) }

    func receive(_ batch: [EncodedMessage], room: Int64, epoch: String) async {
        await feeds[room]?.receive(batch, epoch: epoch)
    }

    func receive(_ revision: EncodedRevision, room: Int64, epoch: String) async {
        await feeds[room]?.receive(revision, epoch: epoch)
    }

    /// Somebody was removed from the room: what the timer would find is looked for at once.
    func membersChanged(_ room: Int64) async {
        guard let feed = feeds[room] else { return }
        let delivered = await feed.delivered
        guard let (epoch, rows) = try? await rooms.counters(of: [room]), let counters = rows.first else { return }
        // Whether history was turned back is for the timer to say.
        if !delivered.exceeds(counters) { _ = await feed.compare(counters, epoch: epoch, delivered: delivered) }
    }

    /// One turn of the timer: the counter rows are the outbox, so what a lost signal hid shows here.
    func compareAll() async throws {
        guard !feeds.isEmpty else { return }
        // Before the counters are read: what is delivered while they are on their way may be past them.
        var delivered: [(feed: RoomFeed, last: RoomFeed.Delivered)] = []
        for feed in feeds.values { delivered.append((feed, await feed.delivered)) }
        let (epoch, rows) = try await rooms.counters(of: delivered.map(\.feed.room))
        let counters = Dictionary(uniqueKeysWithValues: rows.map { ($0.room, $0) })
        var current = epoch
        for (feed, last) in delivered {
            guard let counter = counters[feed.room] else { continue }
            if await feed.wasTurnedBack(counter, epoch: current, delivered: last) {
                // A counter fell below what was delivered: that is a new epoch, whoever turned history back.
                logger.error("a room's counter fell; beginning a new epoch", metadata: ["room": "\(feed.room)"])
                let old = current
                current = try await rooms.pool.query("SELECT everline.new_epoch(\(old))").decode(0, 0)
            }
            if await !feed.compare(counter, epoch: current, delivered: last) { forget(feed) }
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
