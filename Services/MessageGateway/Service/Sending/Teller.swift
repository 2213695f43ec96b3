import EverlinePostgres
import EverlineProtocol
import Synchronization

/// Tells of what a lane has committed, in its order, while the next batch is on its way; never more than one batch behind, so that what waits to
/// be told is bounded.
final class Teller: Sendable {
    struct Posted: Sendable {
        let send: PendingSend
        let seq: Int64
        let sentAt: Timestamp
    }

    private let feeds: Feeds
    private let signals: any SignalSink
    private let telling = Mutex<Task<Void, Never>?>(nil)

    init(feeds: Feeds, signals: any SignalSink) {
        self.feeds = feeds
        self.signals = signals
    }

    /// - Parameter revs: each room's newest revision when they were committed.
    func tell(_ posted: [Posted], _ revs: [Int64: Int64], epoch: String) async {
        guard !posted.isEmpty else { return }
        await finish()
        telling.withLock { $0 = Task(executorPreference: PostgresReactor.tasks) { await self.pass(posted, revs, epoch: epoch) } }
    }

    func finish() async { await telling.withLock { $0 }?.value }

    /// Encodes once for all readers, here and elsewhere.
    private func pass(_ posted: [Posted], _ revs: [Int64: Int64], epoch: String) async {
        for (room, news) in Dictionary(grouping: posted, by: \.send.entry.room) {
            let run = news.sorted { $0.seq < $1.seq }.map { $0.message(epoch) }
            await feeds.receive(run, room: room, epoch: epoch)
            signals.posted(run, room: room, epoch: epoch, rev: revs[room] ?? 0)
        }
    }
}

extension Teller.Posted {
    fileprivate func message(_ epoch: String) -> EncodedMessage {
        EncodedMessage(
            Message(
                room: send.roomName, seq: seq, epoch: epoch, sender: send.user.username, senderName: send.user.displayName,
                body: send.entry.body, sentAt: sentAt, clientID: send.entry.clientID, replyTo: send.entry.replyTo,
                mentions: send.entry.named?.array))
    }
}

/// Where signals for other gateways, and the messages of the windows, go.
protocol SignalSink: Sendable {
    /// Consecutive messages of one room, just committed. Never waits; what is lost the counter timer finds.
    ///
    /// - Parameter rev: the room's newest revision when they were committed.
    func posted(_ messages: [EncodedMessage], room: Int64, epoch: String, rev: Int64)
    /// Something without a number for all who have the room open.
    func announced(_ push: [UInt8], room: Int64)
}
