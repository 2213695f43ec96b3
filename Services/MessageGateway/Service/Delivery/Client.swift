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
    /// Of which `id` is a number; empty if no epoch was known.
    var epoch: String
    /// The session is good for changing the password, and for nothing else.
    var mustChange = false

    /// - Throws: `unavailable` if the room is of another epoch, in which the number may be somebody else's. The session is looked up anew by then.
    func mustBe(of epoch: String) throws(RPCError) {
        guard self.epoch == epoch else { throw Self.otherEpoch }
    }
    static let otherEpoch = RPCError(
        .unavailable, detail: "history was turned back; the session is looked up anew", retryAfterMs: 200)
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
    let framing: Framing
    /// Where bytes go out. `nil` once the connection has ended.
    private var outlet: ChannelHandlerContext?
    private var dirty = false
    /// Bytes written since the last flush: TLS keeps them where the channel does not count them yet.
    private var unflushed = 0
    /// A push found no room; after the flush it is looked whether there is some.
    private var heldBack = false

    private(set) var user: BoundUser?
    private var limitOfUser: RateLimit?
    private var limitOfAddress: RateLimit?
    var subscriptions: [Int64: Subscription] = [:]
    /// What requests that were read and not answered yet weigh.
    var inFlight = 0
    /// What those of them weigh that were begun.
    var begun = 0
    /// The others: they wait for an earlier one of this connection, which changes what they may do or where they go, or for room. They come of one
    /// read of the socket beyond what may be in flight, as no further one is made then.
    var waiting: Deque<Waiting> = []
    /// Whether it is being looked through.
    var draining = false
    /// Whether such an earlier one is under way.
    var barrier = false
    private let stall = StallWatch()
    /// The user whom the connection has said to be there.
    private var present: Int64?
    /// No further request is taken; the connection ends when those in flight are answered.
    var ending = false
    /// Called whenever a request was answered, so that the door can read on.
    var answered: () -> Void = {}
    /// Called when there was no room for answers and pushes, and is some now.
    var roomAgain: () -> Void = {}

    struct Waiting {
        let weight: Int
        let begin: (Client) -> Void
    }

    init(hub: LoopHub, address: String, framing: Framing, outlet: ChannelHandlerContext) {
        self.loop = hub.loop
        self.hub = hub
        self.address = address
        self.framing = framing
        self.outlet = outlet
    }

    var isOpen: Bool { outlet != nil }
    /// Whether it may be pushed to: half of its bound of unsent bytes lies with the channel, half in what is not flushed.
    var isWritable: Bool {
        guard let outlet else { return false }
        if unflushed < hub.unsent / 2, outlet.channel.isWritable { return true }
        heldBack = true
        return false
    }

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
        let last = Response.failure(id: .null, error: error)
        // Who reads nothing finds the reason behind what they have not read; so it waits a while for them.
        let patience = error.code == .readerStalled ? TimeAmount.seconds(30) : .seconds(10)
        if framing == .line {
            outlet.sendAndClose(NIOAny(GatewayService.Framing.line(last)), within: patience)
        } else {
            send(last)
            let close = GatewayService.Framing.close(error.code == .lineTooLong ? 1009 : 1001)
            outlet.sendAndClose(NIOAny(close), within: patience)
        }
        ended(error.code)
    }

    /// The connection is gone.
    ///
    /// - Parameter reason: the error that it was told; `nil` if the peer went.
    func ended(_ reason: ErrorCode? = nil) {
        outlet = nil
        depart()
        waiting = []
        roomAgain = {}
        closeRooms()
        hub.forget(self, reason: reason)
    }

    /// Binds the connection to another user, or to none: what was open for the one before is closed.
    func bind(_ user: BoundUser?) {
        if self.user?.id != user?.id {
            depart()
            closeRooms()
        } else if let epoch = user?.epoch, self.user?.epoch != epoch {
            // The same person in another epoch: what is open is to be opened anew.
            for subscription in subscriptions.values { hub.reset(subscription, epoch: epoch) }
            closeRooms()
        }
        self.user = user
        limitOfUser = nil
    }

    /// Its user is there; whoever calls it tells others.
    func arrive() { present = user?.id }

    private func depart() {
        if let present { hub.left(ObjectIdentifier(self), present) }
        present = nil
    }

    /// The session was found to hold in that epoch too.
    func confirm(_ epoch: String) {
        if let user, !Epochs.isOlder(epoch, than: user.epoch) { self.user?.epoch = epoch }
    }

    private func closeRooms() {
        for subscription in subscriptions.values { hub.unsubscribe(subscription) }
        subscriptions = [:]
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

    /// Ends it if it has read nothing of what waits for so long. Meanwhile it is not pushed to, and no request of its is begun.
    func endIfStalled(for patience: TimeAmount) {
        guard let outlet, !outlet.channel.isWritable else { return stall.reset() }
        stall.look(outlet.channel, for: patience) { [self] in end(RPCError(.readerStalled)) }
    }

    /// - Returns: whether something that found no room may find it now.
    func flush() -> Bool {
        dirty = false
        unflushed = 0
        outlet?.flush()
        guard heldBack, let outlet, outlet.channel.isWritable else { return false }
        heldBack = false
        return true
    }

    private func write(_ buffer: ByteBuffer) {
        loop.assertInEventLoop()
        guard let outlet else { return }
        outlet.write(NIOAny(buffer), promise: nil)
        unflushed += buffer.readableBytes
        if !dirty {
            dirty = true
            hub.flushLater(self)
        }
    }
}
