import EverlinePostgres
import EverlineProtocol
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

    /// The room's feed, with `hub` attached to it.
    func open(_ state: RoomState, on hub: LoopHub) async {
        var feed = feeds[state.id]
        if let known = feed {
            let counters = Counters(
                room: state.id, lastSeq: state.lastSeq, lastRev: state.lastRev, membersRev: state.membersRev)
            // A reader may have learnt of another epoch before the timer did.
            if await !known.compare(counters, epoch: state.epoch) { feed = nil }
        }
        if let feed { return await feed.attach(hub) }
        let new = RoomFeed(state, messages: messages, rooms: rooms, logger: logger)
        feeds[state.id] = new
        signals.listen(to: state.id)
        await new.attach(hub)
    }

    func feed(_ room: Int64) -> RoomFeed? { feeds[room] }

    func announce(_ push: [UInt8], room: Int64) async { await feeds[room]?.announce(push) }

    func receive(_ batch: [EncodedMessage], room: Int64, epoch: String) async {
        await feeds[room]?.receive(batch, epoch: epoch)
    }

    /// One turn of the timer: the counter rows are the outbox, so what a lost signal hid shows here.
    func compareAll() async throws {
        guard !feeds.isEmpty else { return }
        let (epoch, counters) = try await rooms.counters(of: Array(feeds.keys))
        var current = epoch
        for counter in counters {
            guard let feed = feeds[counter.room] else { continue }
            if await feed.isAhead(of: counter, epoch: current) {
                // A counter fell below what was delivered: that is a new epoch, whoever turned history back.
                logger.error("a room's counter fell; beginning a new epoch", metadata: ["room": "\(counter.room)"])
                let old = current
                current = try await rooms.pool.query("SELECT everline.new_epoch(\(old))").decode(0, 0)
            }
            if await !feed.compare(counter, epoch: current) {
                feeds[counter.room] = nil
                signals.stopListening(to: counter.room)
            }
        }
    }

    /// Lets go of rooms that nobody has open.
    func sweep() async {
        for (room, feed) in feeds where await feed.sweep() {
            feeds[room] = nil
            signals.stopListening(to: room)
        }
    }
}

/// Where signals of other gateways come from.
protocol SignalSource: Sendable {
    func listen(to room: Int64)
    func stopListening(to room: Int64)
}
