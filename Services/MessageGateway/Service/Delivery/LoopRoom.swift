import NIOCore

/// One open room on one loop.
///
/// Confined to that loop.
final class LoopRoom {
    /// Whose messages come here. What another feed of the same room brings is of another epoch, or too late.
    let feed: RoomFeed
    var name: String { feed.name }
    let epoch: String
    /// The numbers that the feed brings next: of a message, and of a revision.
    var head: Int64
    var headRev: Int64
    /// The `members_rev` at which the readers here were looked at last.
    var membersRev: Int64
    var subscriptions: [ObjectIdentifier: Subscription] = [:]
    /// The newest messages, so that who is a little behind costs no read.
    private(set) var tail: [EncodedMessage] = []
    private var tailBytes = 0
    var idleSweeps = 0

    private static let tailLength = 100
    private static let tailBytes = 1_048_576

    init(feed: RoomFeed, epoch: String, head: Int64, headRev: Int64, membersRev: Int64) {
        self.feed = feed
        self.epoch = epoch
        self.head = head
        self.headRev = headRev
        self.membersRev = membersRev
    }

    /// What was edited or deleted is not shown to anyone any more as it was.
    func revise(_ revision: EncodedRevision) {
        guard let first = tail.first, revision.seq >= first.seq, revision.seq - first.seq < Int64(tail.count) else { return }
        let index = Int(revision.seq - first.seq)
        let message = EncodedMessage(seq: revision.seq, json: revision.json)
        tailBytes += message.line.readableBytes - tail[index].line.readableBytes
        tail[index] = message
    }

    /// Keeps the newest, within a number and a size; trimmed by halves, so that it costs little a message.
    func append(_ messages: [EncodedMessage]) {
        tail.append(contentsOf: messages)
        tailBytes += messages.reduce(0) { $0 + $1.line.readableBytes }
        guard tail.count > 2 * Self.tailLength || tailBytes > Self.tailBytes else { return }
        var kept = 0
        var first = tail.count
        while first > 0, tail.count - first < Self.tailLength, kept < Self.tailBytes / 2 {
            first -= 1
            kept += tail[first].line.readableBytes
        }
        tail.removeFirst(first)
        tailBytes = kept
    }
}
