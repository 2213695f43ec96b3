import EverlineLines
import EverlineProtocol
import Logging
import Metrics
import NIOCore

/// What one event loop knows of the open rooms: who reads along there, and which number comes next. Nothing is shared between loops.
///
/// `@unchecked Sendable`: confined to `loop`, as `Client` is.
final class LoopHub: @unchecked Sendable {
    /// One open room on this loop.
    final class LoopRoom {
        let name: String
        var epoch: String
        /// The numbers that the feed brings next: of a message, and of a revision.
        var head: Int64
        var headRev: Int64
        var subscriptions: [ObjectIdentifier: Subscription] = [:]
        /// The newest messages, so that who is a little behind costs no read.
        private(set) var tail: [EncodedMessage] = []
        private var tailBytes = 0
        var idleSweeps = 0

        init(name: String, epoch: String, head: Int64, headRev: Int64) {
            self.name = name
            self.epoch = epoch
            self.head = head
            self.headRev = headRev
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
            guard tail.count > 2 * LoopHub.tailLength || tailBytes > LoopHub.tailBytes else { return }
            var kept = 0
            var first = tail.count
            while first > 0, tail.count - first < LoopHub.tailLength, kept < LoopHub.tailBytes / 2 {
                first -= 1
                kept += tail[first].line.readableBytes
            }
            tail.removeFirst(first)
            tailBytes = kept
        }
    }

    let loop: any EventLoop
    /// For the tasks of this loop's connections.
    let tasks: LoopTasks
    private let messages: MessageStore
    private let logger: Logger
    private var rooms: [Int64: LoopRoom] = [:]
    private var clients: [ObjectIdentifier: Client] = [:]
    private var dirty: [Client] = []
    /// Reads for those who are behind, and who waits for each: one read for all who are at the same place.
    private var reads: [Place: [Subscription]] = [:]
    private struct Place: Hashable {
        let room: Int64
        let epoch: String
        let next: Int64
        let isRevision: Bool
    }
    /// Rooms by name, as far as this loop has met them; a room keeps its name for ever.
    var directory: [String: KnownRoom] = [:]

    /// What never changes of a room.
    struct KnownRoom: Sendable {
        let id: Int64
        let kind: RoomKind
    }

    fileprivate static let tailLength = 100
    fileprivate static let tailBytes = 1_048_576
    private static let page: Int64 = 200

    /// - Parameter patience: how long a connection may read nothing while more than its bound waits for it.
    init(loop: any EventLoop, messages: MessageStore, patience: TimeAmount = .seconds(60), logger: Logger) {
        self.loop = loop
        tasks = LoopTasks.on(loop)
        self.messages = messages
        self.logger = logger
        let tick = TimeAmount.nanoseconds(max(1_000_000, patience.nanoseconds / 12))
        loop.scheduleRepeatedTask(initialDelay: tick, delay: tick) { [weak self] _ in
            guard let self else { return }
            for client in self.allClients where client.isStalled(for: patience) { client.end(RPCError(.readerStalled)) }
        }
    }

    // MARK: Clients

    private static let connections = Meter(label: "everline_client_connections")
    private static let delivered = Counter(label: "everline_messages_delivered_total")

    func remember(_ client: Client) {
        if clients.updateValue(client, forKey: ObjectIdentifier(client)) == nil { Self.connections.increment() }
    }
    func forget(_ client: Client) {
        if clients.removeValue(forKey: ObjectIdentifier(client)) != nil { Self.connections.decrement() }
    }
    var clientCount: Int { clients.count }
    var allClients: [Client] { Array(clients.values) }

    /// One flush a turn of the loop for each connection that was written to.
    func flushLater(_ client: Client) {
        if dirty.isEmpty {
            loop.execute { [self] in
                let all = dirty
                dirty.removeAll(keepingCapacity: true)
                for client in all { client.flush() }
            }
        }
        dirty.append(client)
    }

    func endSession(hash: String) {
        for client in clients.values where client.user?.sessionHash == hash {
            client.bind(nil)
            client.send(Outgoing.notification(method: Push.sessionEnded, params: Array(#"{"reason":"ended"}"#.utf8)))
        }
    }

    /// Something for one user, wherever they are connected.
    func announce(_ bytes: [UInt8], to user: Int64) {
        for client in clients.values where client.user?.id == user { client.send(bytes) }
    }

    // MARK: Rooms

    /// Makes the room known here; its messages from `head` on will follow.
    func attach(_ room: Int64, name: String, epoch: String, head: Int64, headRev: Int64) {
        if let known = rooms[room] {
            known.idleSweeps = 0
        } else {
            rooms[room] = LoopRoom(name: name, epoch: epoch, head: head, headRev: headRev)
        }
    }

    /// Messages in order, beginning at the head.
    func deliver(_ messages: [EncodedMessage], in room: Int64) {
        guard let state = rooms[room], let last = messages.last else { return }
        state.head = last.seq + 1
        state.append(messages)
        for subscription in state.subscriptions.values where subscription.live { push(messages, to: subscription, of: state) }
    }

    /// Revisions in order, beginning at the head of revisions.
    func deliver(_ revisions: [EncodedRevision], in room: Int64) {
        guard let state = rooms[room], let last = revisions.last else { return }
        state.headRev = last.rev + 1
        for revision in revisions { state.revise(revision) }
        for subscription in state.subscriptions.values where subscription.live { push(revisions, to: subscription) }
    }

    /// Something that has no number, for all who have the room open.
    func announce(_ bytes: [UInt8], in room: Int64) {
        guard let state = rooms[room] else { return }
        for subscription in state.subscriptions.values { subscription.client.send(bytes) }
    }

    /// History was turned back: everyone is told and starts over.
    func reset(_ room: Int64, epoch: String) {
        guard let state = rooms.removeValue(forKey: room) else { return }
        let push = Self.resetPush(state.name, epoch: epoch)
        for subscription in state.subscriptions.values {
            subscription.client.subscriptions[room] = nil
            subscription.client.send(push)
        }
    }

    static func resetPush(_ room: String, epoch: String) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { object in
            object.field("room", room)
            object.field("epoch", epoch)
        }
        return Outgoing.notification(method: Push.roomReset, params: writer.bytes)
    }

    /// Whether the room is attached, so that a subscription will be served.
    func subscribe(_ client: Client, to room: Int64, from next: Int64, rev nextRev: Int64, member: Bool) -> Bool {
        guard let state = rooms[room] else { return false }
        if let old = client.subscriptions[room] { unsubscribe(old) }
        let subscription = Subscription(client: client, room: room, next: next, nextRev: nextRev)
        subscription.member = member
        client.subscriptions[room] = subscription
        state.subscriptions[ObjectIdentifier(client)] = subscription
        catchUp(subscription)
        return true
    }

    func unsubscribe(_ subscription: Subscription) {
        rooms[subscription.room]?.subscriptions[ObjectIdentifier(subscription.client)] = nil
        subscription.live = false
    }

    func readers(of room: Int64) -> [Int64] {
        rooms[room].map { Array(Set($0.subscriptions.values.compactMap { $0.client.user?.id })) } ?? []
    }

    /// Stops the pushes to those who may no longer read: `banned`, and whoever was a member and is none of `members`; in a room that is not
    /// public, everyone else.
    func keep(_ members: Set<Int64>, public isPublic: Bool, without banned: Set<Int64>, among asked: Set<Int64>, in room: Int64) {
        guard let state = rooms[room] else { return }
        let push = Outgoing.notification(
            method: Push.roomChanged, params: RoomChange(room: state.name, change: "removed", user: nil).jsonBytes())
        for subscription in state.subscriptions.values {
            guard let id = subscription.client.user?.id, asked.contains(id) else { continue }
            if members.contains(id) { subscription.member = true }
            if members.contains(id) || (isPublic && !subscription.member && !banned.contains(id)) { continue }
            unsubscribe(subscription)
            subscription.client.subscriptions[room] = nil
            subscription.client.send(push)
        }
    }

    /// Lets go of a room that nobody has had open for two sweeps; true if it is gone.
    func sweep(_ room: Int64) -> Bool {
        guard let state = rooms[room] else { return true }
        state.idleSweeps = state.subscriptions.isEmpty ? state.idleSweeps + 1 : 0
        guard state.idleSweeps > 1 else { return false }
        rooms[room] = nil
        return true
    }

    // MARK: Catching up

    /// The client can take more: whatever stopped for it goes on.
    func writable(_ client: Client) {
        for subscription in client.subscriptions.values where !subscription.live { catchUp(subscription) }
    }

    private func push(_ messages: [EncodedMessage], to subscription: Subscription, of room: LoopRoom) {
        for message in messages where message.seq >= subscription.next {
            guard message.seq == subscription.next, subscription.client.isWritable else {
                subscription.live = false
                // Behind a full buffer it waits for `writable`; behind a gap it fetches at once.
                if subscription.client.isWritable { catchUp(subscription) }
                return
            }
            subscription.client.send(message)
            Self.delivered.increment()
            subscription.next += 1
        }
    }

    private func push(_ revisions: [EncodedRevision], to subscription: Subscription) {
        for revision in revisions where revision.rev >= subscription.nextRev {
            guard revision.rev == subscription.nextRev, subscription.client.isWritable else {
                subscription.live = false
                if subscription.client.isWritable { catchUp(subscription) }
                return
            }
            subscription.client.send(revision)
            subscription.nextRev += 1
        }
    }

    /// Brings a subscription from where it is to the head: from the tail if that reaches back far enough, else from PostgreSQL; and when it has
    /// all messages, with what became of them since.
    private func catchUp(_ subscription: Subscription) {
        guard let room = rooms[subscription.room], subscription.client.isOpen, !subscription.fetching else { return }
        if subscription.next < room.head, let first = room.tail.first, first.seq <= subscription.next {
            guard subscription.client.isWritable else { return }
            subscription.live = true
            push(room.tail, to: subscription, of: room)
            guard subscription.live, !subscription.fetching else { return }
        }
        let (next, nextRev) = (subscription.next, subscription.nextRev)
        guard next < room.head || nextRev < room.headRev else {
            subscription.live = true
            return
        }
        subscription.live = false
        guard subscription.client.isWritable else { return }
        subscription.fetching = true
        let behind = next < room.head
        let place = Place(room: subscription.room, epoch: room.epoch, next: behind ? next : nextRev, isRevision: !behind)
        if reads[place] != nil {
            reads[place]?.append(subscription)
            return
        }
        reads[place] = [subscription]
        let (id, name, epoch) = (subscription.room, room.name, room.epoch)
        Task(executorPreference: tasks) { [self] in
            let result: Result<Missed, any Error>
            do {
                result = .success(
                    behind
                        ? .messages(try await messages.messages(id, name: name, epoch: epoch, from: next, limit: Self.page))
                        : .revisions(try await messages.revisions(id, name: name, epoch: epoch, from: nextRev, limit: Self.page)))
            } catch { result = .failure(error) }
            loop.execute { [self] in
                if case .failure(let error) = result {
                    logger.warning("cannot read what clients missed", metadata: ["error": "\(error)"])
                }
                for subscription in reads.removeValue(forKey: place) ?? [] { fetched(result, for: subscription) }
            }
        }
    }

    private enum Missed: Sendable {
        case messages([EncodedMessage])
        case revisions([EncodedRevision])
    }

    private func fetched(_ result: Result<Missed, any Error>, for subscription: Subscription) {
        subscription.fetching = false
        guard subscription.client.isOpen, subscription.client.subscriptions[subscription.room] === subscription else { return }
        switch result {
        case .success(.messages(let messages)):
            for message in messages where message.seq == subscription.next && subscription.client.isWritable {
                subscription.client.send(message)
                Self.delivered.increment()
                subscription.next += 1
            }
            catchUp(subscription)
        case .success(.revisions(let revisions)):
            for revision in revisions where revision.rev == subscription.nextRev && subscription.client.isWritable {
                subscription.client.send(revision)
                subscription.nextRev += 1
            }
            catchUp(subscription)
        case .failure:
            let bound = NIOLoopBound(subscription, eventLoop: loop)
            loop.scheduleTask(in: .milliseconds(Int64.random(in: 250...750))) { self.catchUp(bound.value) }
        }
    }
}

/// What changed in a room, for those who have it open.
struct RoomChange: WireObject {
    let room: String
    /// joined, left, invited, removed.
    let change: String
    let user: User?

    init(room: String, change: String, user: User?) {
        self.room = room
        self.change = change
        self.user = user
    }
    init(from fields: inout Fields) throws(RPCError) {
        room = try fields.string("room")
        change = try fields.string("change")
        user = try fields.optionalObject("user")
    }
    func encode(to object: inout ObjectWriter) {
        object.field("room", room)
        object.field("change", change)
        object.field("user", user)
    }
}
