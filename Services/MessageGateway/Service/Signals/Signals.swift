import EverlineProtocol
import EverlineRedis
import Logging
import NIOCore
import Synchronization

/// What gateways tell each other through Redis. Every signal may be lost: the counter timer finds what it was about.
///
/// - `everline:room:{ROOM}`: `EPOCH SENDER FIRST` and a message a line, or `EPOCH SENDER REV SEQ METHOD` and a message as a revision left it,
///   or `! SENDER` and a push, or `~ SENDER USER` and a push of the moment, which is not for that user.
/// - `everline:users`: the number of a user, and a push for them.
/// - `everline:presence`: `SENDER` and the numbers of rooms, and a push of the moment for those who have one of them open.
/// - `everline:sessions`: the hash of a session that has ended.
final class Signals: SignalSink, SignalSource {
    private struct Ends: Sendable {
        let redis: RedisClient
        let window: RoomWindow
        let feeds: Feeds
        let hubs: [LoopHub]
    }
    private struct Heard: Sendable {
        let channel: String
        let payload: ByteBuffer
    }

    /// Tells our own signals from those of others.
    private let sender = WireUUID().description
    private let ends = Mutex<Ends?>(nil)
    private let heard: AsyncStream<Heard>
    private let hear: AsyncStream<Heard>.Continuation
    /// Bytes of what was heard and is not handled yet; beyond the bound it is lost, as any signal may be.
    private let queued = Atomic<Int>(0)
    private let logger: Logger

    private static let queueBytes = 33_554_432

    init(logger: Logger) {
        self.logger = logger
        (heard, hear) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1_000))
    }

    func attach(redis: RedisClient, feeds: Feeds, hubs: [LoopHub]) {
        ends.withLock {
            $0 = Ends(redis: redis, window: RoomWindow(redis, size: Limits.window), feeds: feeds, hubs: hubs)
        }
        redis.subscribe("everline:users")
        redis.subscribe("everline:sessions")
        redis.subscribe("everline:presence")
    }

    // MARK: Telling

    func posted(_ messages: [EncodedMessage], room: Int64, epoch: String, rev: Int64) {
        guard let first = messages.first, let ends = ends.withLock({ $0 }) else { return }
        _ = ends.window.append(
            room: room, epoch: epoch, first: first.seq, rev: rev, messages: messages.map(\.json),
            publishTo: RoomWindow.channel(room),
            sender: sender)
    }

    func revised(_ revision: EncodedRevision, room: Int64, epoch: String) {
        guard let ends = ends.withLock({ $0 }) else { return }
        let head = "\(epoch) \(sender) \(revision.rev) \(revision.seq) \(revision.method)\n"
        _ = ends.window.revise(
            room: room, epoch: epoch, rev: revision.rev, seq: revision.seq, message: revision.json,
            publishTo: RoomWindow.channel(room), Array(head.utf8) + revision.json)
    }

    func announced(_ push: [UInt8], room: Int64) {
        publish(RoomWindow.channel(room), Array("! \(sender)\n".utf8) + push)
        Task { await ends.withLock { $0 }?.feeds.announce(push, room: room) }
    }

    /// To all connections of a user, except the one that knows already.
    func announced(_ push: [UInt8], user: Int64, except client: ObjectIdentifier? = nil) {
        publish("everline:users", Array("\(user) \(sender)\n".utf8) + push)
        toUser(user, push, except: client)
    }

    /// Something of the moment for all who have the room open, except that user. Who is behind is not told.
    func whispered(_ push: [UInt8], room: Int64, except user: Int64) {
        publish(RoomWindow.channel(room), Array("~ \(sender) \(user)\n".utf8) + push)
        toReaders([room], push, except: user)
    }

    /// The same for all who have one of the rooms open.
    func whispered(_ push: [UInt8], rooms: [Int64]) {
        publish("everline:presence", Array("\(sender) \(rooms.map(String.init).joined(separator: " "))\n".utf8) + push)
        toReaders(rooms, push, except: nil)
    }

    private func publish(_ channel: String, _ payload: [UInt8]) {
        _ = ends.withLock { $0 }?.redis.submit([Array("SPUBLISH".utf8), Array(channel.utf8), payload])
    }

    // MARK: Listening

    func listen(to room: Int64) { ends.withLock { $0 }?.redis.subscribe(RoomWindow.channel(room)) }
    func stopListening(to room: Int64) { ends.withLock { $0 }?.redis.unsubscribe(RoomWindow.channel(room)) }

    /// On Redis' loop; the work is done in the order of arrival elsewhere. What does not fit the queue is lost, as any signal may be.
    func received(_ channel: String, _ payload: ByteBuffer) {
        if channel == "everline:sessions" { return ended(session: String(buffer: payload)) }
        let size = payload.readableBytes
        guard queued.add(size, ordering: .relaxed).newValue <= Self.queueBytes else {
            queued.subtract(size, ordering: .relaxed)
            return
        }
        if case .enqueued = hear.yield(Heard(channel: channel, payload: payload)) { return }
        queued.subtract(size, ordering: .relaxed)
    }

    /// Not behind what rooms have to say: whoever lost a session is to notice at once.
    private func ended(session hash: String) {
        for hub in ends.withLock({ $0?.hubs ?? [] }) { hub.loop.execute { hub.endSession(hash: hash) } }
    }

    func run() async {
        for await one in heard {
            queued.subtract(one.payload.readableBytes, ordering: .relaxed)
            await handle(one)
        }
    }

    private func handle(_ signal: Heard) async {
        guard let ends = ends.withLock({ $0 }) else { return }
        let bytes = signal.payload.readableBytesView
        guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else { return }
        let head = String(decoding: bytes[..<end], as: UTF8.self).split(separator: " ").map(String.init)
        let rest = bytes[bytes.index(after: end)...]
        if signal.channel == "everline:presence" {
            if head.first != sender { toReaders(head.dropFirst().compactMap { Int64($0) }, Array(rest), except: nil) }
            return
        }
        guard head.count >= 2, head[1] != sender else { return }
        if signal.channel == "everline:users" {
            if let user = Int64(head[0]) { toUser(user, Array(rest)) }
            return
        }
        guard let room = RoomWindow.room(ofChannel: signal.channel) else { return }
        if head[0] == "~" { return toReaders([room], Array(rest), except: head.count > 2 ? Int64(head[2]) : nil) }
        if head[0] == "!" { return await ends.feeds.announce(Array(rest), room: room) }
        if head.count == 5, let rev = Int64(head[2]), let seq = Int64(head[3]) {
            let revision = EncodedRevision(rev: rev, seq: seq, method: head[4], json: Array(rest))
            return await ends.feeds.receive(revision, room: room, epoch: head[0])
        }
        guard head.count == 3, let first = Int64(head[2]) else { return }
        let messages = rest.split(separator: UInt8(ascii: "\n")).enumerated().map { index, json in
            EncodedMessage(seq: first + Int64(index), json: Array(json))
        }
        await ends.feeds.receive(messages, room: room, epoch: head[0])
    }

    private func toUser(_ user: Int64, _ push: [UInt8], except client: ObjectIdentifier? = nil) {
        for hub in ends.withLock({ $0?.hubs ?? [] }) { hub.loop.execute { hub.announce(push, to: user, except: client) } }
    }

    private func toReaders(_ rooms: [Int64], _ push: [UInt8], except user: Int64?) {
        for hub in ends.withLock({ $0?.hubs ?? [] }) { hub.loop.execute { hub.whisper(push, to: rooms, except: user) } }
    }
}
