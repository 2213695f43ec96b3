import EverlineProtocol
import Logging
import NIOCore

/// Bringing those who are behind to the head: a slow reader, and one who comes back, which is the same.
extension LoopHub {
    struct Place: Hashable {
        let room: Int64
        let epoch: String
        let next: Int64
        /// For messages: the revisions below this number show in what is read. `nil`: the read is of revisions.
        let shows: Int64?
        let limit: Int64
    }

    static let page: Int64 = 200

    /// The client can take more: whatever stopped for it goes on.
    func writable(_ client: Client) {
        for subscription in client.subscriptions.values where !subscription.live || subscription.missedChange {
            catchUp(subscription)
        }
        client.roomAgain()
    }

    /// Brings a subscription from where it is to the head: from the tail if that reaches back far enough, else from PostgreSQL; and when it has
    /// all messages, with what became of them since.
    func catchUp(_ subscription: Subscription) {
        guard let room = rooms[subscription.room], subscription.client.isOpen, !subscription.fetching,
            // It may have been closed, or opened anew, while it waited.
            subscription.client.subscriptions[subscription.room] === subscription
        else { return }
        // The tail shows the revisions that came here; this reader does not ask for those before its own.
        if subscription.next < room.head, let first = room.tail.first, first.seq <= subscription.next,
            subscription.nextRev <= room.headRev
        {
            send(room.tail.drop { $0.seq < subscription.next }, to: subscription)
        }
        let (next, nextRev) = (subscription.next, subscription.nextRev)
        guard next < room.head || nextRev < room.headRev else { return becomeLive(subscription, in: room) }
        subscription.live = false
        guard subscription.client.isWritable else { return }
        subscription.fetching = true
        let place =
            next < room.head
            ? Place(
                room: subscription.room, epoch: room.epoch, next: next, shows: max(nextRev, room.headRev),
                limit: subscription.page)
            : Place(room: subscription.room, epoch: room.epoch, next: nextRev, shows: nil, limit: subscription.page)
        if reads[place] != nil {
            reads[place]?.append(subscription)
        } else {
            reads[place] = [subscription]
            read(place, name: room.name)
        }
    }

    private func becomeLive(_ subscription: Subscription, in room: LoopRoom) {
        subscription.live = true
        guard subscription.missedChange, subscription.client.isWritable else { return }
        subscription.missedChange = false
        subscription.client.send(
            Outgoing.notification(
                method: Push.roomChanged, params: RoomChange(room: room.name, change: "several", user: nil).jsonBytes()))
    }

    private enum Missed: Sendable {
        case messages([EncodedMessage])
        case revisions([EncodedRevision])
    }

    private func read(_ place: Place, name: String) {
        Task(executorPreference: tasks) { [self] in
            let result: Result<Missed, any Error>
            do {
                if place.shows != nil {
                    result = .success(
                        .messages(
                            try await messages.messages(
                                place.room, name: name, epoch: place.epoch, from: place.next, limit: place.limit)))
                } else {
                    result = .success(
                        .revisions(
                            try await messages.revisions(
                                place.room, name: name, epoch: place.epoch, from: place.next, limit: place.limit)))
                }
            } catch { result = .failure(error) }
            loop.execute { [self] in
                if case .failure(let error) = result {
                    warn(error)
                }
                for subscription in reads.removeValue(forKey: place) ?? [] { fetched(result, for: subscription) }
            }
        }
    }

    /// Once a second: thousands may be behind at as many places.
    private func warn(_ error: any Error) {
        guard .now() - (warnedAt ?? .distantPast) >= .seconds(1) else { return }
        warnedAt = .now()
        logger.warning("cannot read what clients missed", metadata: ["error": "\(error)"])
    }

    private func fetched(_ result: Result<Missed, any Error>, for subscription: Subscription) {
        subscription.fetching = false
        guard subscription.client.isOpen, subscription.client.subscriptions[subscription.room] === subscription else { return }
        let before = (subscription.next, subscription.nextRev)
        switch result {
        case .success(.messages(let messages)):
            send(messages, to: subscription)
            subscription.took(subscription.next - before.0, of: messages.count)
        case .success(.revisions(let revisions)):
            // Not beyond the head: the feed holds a revision back until its message has come.
            let headRev = rooms[subscription.room]?.headRev ?? 0
            let run = revisions.prefix { $0.rev < headRev }
            send(run, to: subscription)
            subscription.took(subscription.nextRev - before.1, of: run.count)
        case .failure: break
        }
        // Nothing came of it although there was room: PostgreSQL is away, or history is being turned back. A pause, and once more.
        guard before == (subscription.next, subscription.nextRev), subscription.client.isWritable else {
            return catchUp(subscription)
        }
        let bound = NIOLoopBound(subscription, eventLoop: loop)
        loop.scheduleTask(in: .milliseconds(Int64.random(in: 250...750))) { self.catchUp(bound.value) }
    }
}
