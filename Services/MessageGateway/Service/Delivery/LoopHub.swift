import EverlineLines
import EverlineProtocol
import Logging
import Metrics
import NIOCore

/// What one event loop knows of its clients and of the open rooms: who reads along there, and which number comes next. Nothing is shared between
/// loops.
///
/// `@unchecked Sendable`: confined to `loop`, as `Client` is.
final class LoopHub: @unchecked Sendable {
    let loop: any EventLoop
    /// For the tasks of this loop's connections.
    let tasks: LoopTasks
    /// What a connection may hold unsent before it is no longer pushed to, in bytes.
    let unsent: Int
    let messages: MessageStore
    let logger: Logger
    var rooms: [Int64: LoopRoom] = [:]
    var clients: [ObjectIdentifier: Client] = [:]
    private var dirty: [Client] = []
    /// Reads for those who are behind, and who waits for each: one read for all who are at the same place.
    var reads: [Place: [Subscription]] = [:]
    /// When it was logged last that such a read failed.
    var warnedAt: NIODeadline?
    /// Rooms by name, as far as this loop has met them; a room keeps its name as long as the epoch lasts.
    var directory: [String: KnownRoom] = [:]
    /// Hashes of sessions whose end was heard of in the last half minute: one may be on its way to be bound.
    var endedLately: [String: NIODeadline] = [:]
    /// Called with a connection that ends or changes its user, and that has said whether the user is there.
    var left: (ObjectIdentifier, Int64) -> Void = { _, _ in }
    /// No connection is served any more; who comes now is told so.
    var ending = false {
        didSet { for client in clients.values { client.ending = true } }
    }

    /// What never changes of a room within an epoch.
    struct KnownRoom: Sendable {
        let id: Int64
        let kind: RoomKind
        let epoch: String
    }

    /// - Parameter patience: how long a connection may read nothing while more than its bound waits for it.
    init(
        loop: any EventLoop, messages: MessageStore, unsent: Int = 262_144, patience: TimeAmount = .seconds(60), logger: Logger
    ) {
        self.loop = loop
        tasks = LoopTasks.on(loop)
        self.messages = messages
        self.unsent = unsent
        self.logger = logger
        let tick = TimeAmount.nanoseconds(max(1_000_000, patience.nanoseconds / 12))
        loop.scheduleRepeatedTask(initialDelay: tick, delay: tick) { [weak self] _ in
            guard let self else { return }
            for client in self.allClients { client.endIfStalled(for: patience) }
        }
    }

    func remember(_ client: Client) {
        client.ending = ending
        if clients.updateValue(client, forKey: ObjectIdentifier(client)) == nil { client.framing.connections.increment() }
    }
    /// - Parameter reason: the error that it was ended with; `nil` if the peer went.
    func forget(_ client: Client, reason: ErrorCode?) {
        guard clients.removeValue(forKey: ObjectIdentifier(client)) != nil else { return }
        client.framing.connections.decrement()
        Counter(label: "everline_client_disconnects_total", dimensions: [("reason", reason?.name ?? "closed_by_peer")])
            .increment()
    }
    var allClients: [Client] { Array(clients.values) }

    /// One flush a turn of the loop for each connection that was written to.
    func flushLater(_ client: Client) {
        if dirty.isEmpty {
            loop.execute { [self] in
                let all = dirty
                dirty.removeAll(keepingCapacity: true)
                for client in all where client.flush() { writable(client) }
            }
        }
        dirty.append(client)
    }

    /// Something for one user, wherever they are connected; who is behind is not told.
    func announce(_ bytes: [UInt8], to user: Int64, except known: ObjectIdentifier? = nil) {
        for client in clients.values
        where client.user?.id == user && ObjectIdentifier(client) != known && client.isWritable { client.send(bytes) }
    }

    /// Something of the moment for those who have one of the rooms open, each once; who is behind is not told.
    func whisper(_ bytes: [UInt8], to wanted: [Int64], except user: Int64?) {
        var told: Set<ObjectIdentifier> = []
        for room in wanted {
            for subscription in rooms[room]?.subscriptions.values ?? [:].values {
                let client = subscription.client
                guard client.user?.id != user || user == nil, told.insert(ObjectIdentifier(client)).inserted, client.isWritable
                else { continue }
                client.send(bytes)
            }
        }
    }
}

extension Client.Framing {
    private static let lines = Meter(label: "everline_client_connections", dimensions: [("door", "line")])
    private static let webSockets = Meter(label: "everline_client_connections", dimensions: [("door", "websocket")])

    fileprivate var connections: Meter {
        switch self {
        case .line: Self.lines
        case .frame: Self.webSockets
        }
    }
}
