import DequeModule
import EverlineLines
import EverlineProtocol
import NIOCore

/// The user that a connection is bound to by its session.
struct BoundUser: Sendable {
    let id: Int64
    let user: User
    /// The session's token, to log out with, and its hash, by which its end is announced.
    let session: String
    let sessionHash: String
}

/// One connection of a person or a program, whichever door it came through.
///
/// `@unchecked Sendable`: everything but the constants is touched only on `loop`, which each method checks in debug builds and each caller
/// reaches by `loop.execute`.
final class Client: @unchecked Sendable {
    enum Framing { case line, frame }

    let loop: any EventLoop
    let hub: LoopHub
    let address: String
    private let framing: Framing
    /// Where bytes go out. `nil` once the connection has ended.
    private var outlet: ChannelHandlerContext?
    private var dirty = false

    private(set) var user: BoundUser?
    private var limitOfUser: RateLimit?
    private var limitOfAddress: RateLimit?
    var subscriptions: [Int64: Subscription] = [:]
    /// Requests that were read and not answered yet.
    var inFlight = 0
    /// Requests that wait for an earlier one of this connection, which changes what they may do or where they go.
    var waiting: Deque<@Sendable (Client) -> Void> = []
    /// Whether such an earlier one is under way.
    var barrier = false
    /// While more waits than may: how much, and since when none of it was read.
    private var stall: (bytes: Int, since: NIODeadline)?
    /// No further request is taken; the connection ends when those in flight are answered.
    var ending = false
    /// Called whenever a request was answered, so that the door can read on.
    var answered: () -> Void = {}

    init(hub: LoopHub, address: String, framing: Framing, outlet: ChannelHandlerContext) {
        self.loop = hub.loop
        self.hub = hub
        self.address = address
        self.framing = framing
        self.outlet = outlet
    }

    var isOpen: Bool { outlet != nil }
    /// Whether less than the bound of unsent bytes waits (see `Limits` of the doors).
    var isWritable: Bool { outlet?.channel.isWritable ?? false }

    func send(_ message: EncodedMessage) {
        write(framing == .line ? message.line : message.frame)
    }

    func send(_ revision: EncodedRevision) {
        write(framing == .line ? revision.line : revision.frame)
    }

    /// An answer or a push, without a line's end.
    func send(_ bytes: [UInt8]) {
        write(framing == .line ? GatewayService.Framing.line(bytes) : GatewayService.Framing.frame(bytes))
    }

    /// Sends the error and closes once it is out.
    func end(_ error: RPCError) {
        guard let outlet else { return }
        send(Response.failure(id: .null, error: error))
        if framing == .frame { write(GatewayService.Framing.close(error.code == .lineTooLong ? 1009 : 1001)) }
        outlet.flush()
        outlet.closeAfterError()
        ended()
    }

    /// The connection is gone.
    func ended() {
        outlet = nil
        waiting = []
        for subscription in subscriptions.values { hub.unsubscribe(subscription) }
        subscriptions = [:]
        hub.forget(self)
    }

    /// Binds the connection to another user, or to none: what was open for the one before is closed.
    func bind(_ user: BoundUser?) {
        if self.user?.id != user?.id {
            for subscription in subscriptions.values { hub.unsubscribe(subscription) }
            subscriptions = [:]
        }
        self.user = user
        limitOfUser = nil
    }

    // Looked up once a connection, so that a request takes no lock.
    func userLimit(_ limits: RateLimits) -> RateLimit? {
        if limitOfUser == nil, let user { limitOfUser = limits.user(user.id) }
        return limitOfUser
    }
    func addressLimit(_ limits: RateLimits) -> RateLimit {
        if let limitOfAddress { return limitOfAddress }
        let limit = limits.address(address)
        limitOfAddress = limit
        return limit
    }

    /// Whether it has read nothing of what waits for so long.
    func isStalled(for patience: TimeAmount) -> Bool {
        guard let outlet, !outlet.channel.isWritable,
            let bytes = try? outlet.channel.syncOptions?.getOption(.bufferedWritableBytes)
        else {
            stall = nil
            return false
        }
        if let stall, bytes >= stall.bytes { return .now() - stall.since >= patience }
        stall = (bytes, .now())
        return false
    }

    func flush() {
        dirty = false
        outlet?.flush()
    }

    private func write(_ buffer: ByteBuffer) {
        loop.assertInEventLoop()
        guard let outlet else { return }
        outlet.write(NIOAny(buffer), promise: nil)
        if !dirty {
            dirty = true
            hub.flushLater(self)
        }
    }
}

/// A client's place in an open room.
///
/// Confined to its client's loop.
final class Subscription {
    let client: Client
    let room: Int64
    /// The numbers that the client gets next: of a message, and of a revision.
    var next: Int64
    var nextRev: Int64
    /// Whether it follows the live messages; otherwise it is behind and catches up: first with the messages, then with what became of them.
    var live = false
    var fetching = false
    /// Whether its user was seen to be a member: who was one and is none any more stops receiving.
    var member = false

    init(client: Client, room: Int64, next: Int64, nextRev: Int64) {
        self.client = client
        self.room = room
        self.next = next
        self.nextRev = nextRev
    }
}
