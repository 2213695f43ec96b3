import EverlineProtocol
import EverlineReading
import Metrics

/// The rooms that are open on this loop.
extension LoopHub {
    private static let delivered = Counter(label: "everline_messages_delivered_total")
    private static let fellBehind = Counter(label: "everline_slow_readers_total")

    /// Makes the room known here; its messages from `head` on will follow.
    func attach(_ feed: RoomFeed, epoch: String, head: Int64, headRev: Int64, membersRev: Int64) {
        if let known = rooms[feed.room] {
            known.idleSweeps = 0
            if known.feed === feed { return }
            reset(known.feed, epoch: epoch)
        }
        rooms[feed.room] = LoopRoom(feed: feed, epoch: epoch, head: head, headRev: headRev, membersRev: membersRev)
    }

    private func room(of feed: RoomFeed) -> LoopRoom? {
        guard let room = rooms[feed.room], room.feed === feed else { return nil }
        return room
    }

    /// Messages in order, beginning at the head.
    func deliver(_ messages: [EncodedMessage], of feed: RoomFeed) {
        guard let room = room(of: feed), let last = messages.last else { return }
        room.head = last.seq + 1
        room.append(messages)
        for subscription in room.subscriptions.values where subscription.live { push(messages, to: subscription) }
    }

    /// Revisions in order, beginning at the head of revisions.
    func deliver(_ revisions: [EncodedRevision], of feed: RoomFeed) {
        guard let room = room(of: feed), let last = revisions.last else { return }
        room.headRev = last.rev + 1
        for revision in revisions { room.revise(revision) }
        for subscription in room.subscriptions.values where subscription.live { push(revisions, to: subscription) }
    }

    /// Something that has no number, for all who have the room open. Who is behind learns when they have caught up that there was something.
    func announce(_ bytes: [UInt8], of feed: RoomFeed) {
        guard let room = room(of: feed) else { return }
        for subscription in room.subscriptions.values {
            if subscription.client.isWritable { subscription.client.send(bytes) } else { subscription.missedChange = true }
        }
    }

    /// History was turned back: everyone is told and starts over.
    func reset(_ feed: RoomFeed, epoch: String) {
        guard let room = room(of: feed) else { return }
        rooms[feed.room] = nil
        let push = Self.resetPush(room.name, epoch: epoch)
        for subscription in room.subscriptions.values {
            subscription.live = false
            subscription.client.subscriptions[feed.room] = nil
            subscription.client.send(push)
        }
    }

    func reset(_ subscription: Subscription, epoch: String) {
        guard let room = rooms[subscription.room], room.epoch != epoch else { return }
        subscription.client.send(Self.resetPush(room.name, epoch: epoch))
    }

    static func resetPush(_ room: String, epoch: String) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { object in
            object.field("room", room)
            object.field("epoch", epoch)
        }
        return Outgoing.notification(method: Push.roomReset, params: writer.bytes)
    }

    /// Whether the room is attached in the epoch in which it was opened, so that a subscription will be served.
    func subscribe(_ client: Client, to opened: OpenedRoom, from next: Int64, rev nextRev: Int64) -> Bool {
        guard let room = rooms[opened.room.id], room.epoch == opened.room.epoch else { return false }
        if let old = client.subscriptions[opened.room.id] { unsubscribe(old) }
        let subscription = Subscription(
            client: client, room: opened.room.id, next: next, nextRev: nextRev, member: opened.isMember, asOf: opened.membersRev)
        client.subscriptions[opened.room.id] = subscription
        room.subscriptions[ObjectIdentifier(client)] = subscription
        // Who may read has changed since this one was let in, and the others were looked at already.
        if subscription.asOf < room.membersRev { room.feed.membersInDoubt() }
        catchUp(subscription)
        return true
    }

    func unsubscribe(_ subscription: Subscription) {
        subscription.live = false
        guard let room = rooms[subscription.room],
            room.subscriptions[ObjectIdentifier(subscription.client)] === subscription
        else { return }
        room.subscriptions[ObjectIdentifier(subscription.client)] = nil
    }

    func readers(of feed: RoomFeed) -> [Int64] {
        room(of: feed).map { Array(Set($0.subscriptions.values.compactMap { $0.client.user?.id })) } ?? []
    }

    /// Who may read a room, of those who were asked about.
    struct Readership: Sendable {
        let asked: Set<Int64>
        let members: Set<Int64>
        let banned: Set<Int64>
        let isPublic: Bool
        /// The counter when they were looked up, or earlier.
        let membersRev: Int64
    }

    /// Stops the pushes to those who may no longer read: who is banned, and whoever was a member and is none any more; in a room that is not
    /// public, everyone else.
    func keep(_ readership: Readership, of feed: RoomFeed) {
        guard let room = room(of: feed) else { return }
        room.membersRev = max(room.membersRev, readership.membersRev)
        let push = Outgoing.notification(
            method: Push.roomChanged, params: RoomChange(room: room.name, change: "removed", user: nil).jsonBytes())
        for subscription in room.subscriptions.values {
            guard let id = subscription.client.user?.id else { continue }
            guard readership.asked.contains(id) else {
                // Came after the question.
                if subscription.asOf < readership.membersRev { feed.membersInDoubt() }
                continue
            }
            subscription.asOf = max(subscription.asOf, readership.membersRev)
            let isMember = readership.members.contains(id)
            if isMember { subscription.member = true }
            if isMember || (readership.isPublic && !subscription.member && !readership.banned.contains(id)) { continue }
            unsubscribe(subscription)
            subscription.client.subscriptions[feed.room] = nil
            subscription.client.send(push)
        }
    }

    /// Lets go of a room that nobody has had open for two sweeps; true if it is gone.
    func sweep(_ feed: RoomFeed) -> Bool {
        guard let room = room(of: feed) else { return true }
        room.idleSweeps = room.subscriptions.isEmpty ? room.idleSweeps + 1 : 0
        guard room.idleSweeps > 1 else { return false }
        rooms[feed.room] = nil
        return true
    }

    // MARK: Pushing

    private func push(_ messages: [EncodedMessage], to subscription: Subscription) {
        guard let last = messages.last, last.seq >= subscription.next else { return }
        send(messages.drop { $0.seq < subscription.next }, to: subscription)
        if subscription.next <= last.seq { fallBehind(subscription) }
    }

    private func push(_ revisions: [EncodedRevision], to subscription: Subscription) {
        guard let last = revisions.last, last.rev >= subscription.nextRev else { return }
        send(revisions.drop { $0.rev < subscription.nextRev }, to: subscription)
        if subscription.nextRev <= last.rev { fallBehind(subscription) }
    }

    /// Behind a full buffer it waits for `writable`; behind a gap it fetches at once.
    private func fallBehind(_ subscription: Subscription) {
        Self.fellBehind.increment()
        subscription.live = false
        if subscription.client.isWritable { catchUp(subscription) }
    }

    /// As many as follow on from where it is, and find room.
    func send(_ messages: some Sequence<EncodedMessage>, to subscription: Subscription) {
        for message in messages {
            guard message.seq == subscription.next, subscription.client.isWritable else { return }
            subscription.client.send(message)
            Self.delivered.increment()
            subscription.next += 1
        }
    }

    func send(_ revisions: some Sequence<EncodedRevision>, to subscription: Subscription) {
        for revision in revisions {
            guard revision.rev == subscription.nextRev, subscription.client.isWritable else { return }
            subscription.client.send(revision)
            subscription.nextRev += 1
        }
    }
}
