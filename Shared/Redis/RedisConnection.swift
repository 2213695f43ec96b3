import DequeModule
import EverlineCryptography
import Foundation
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS

/// One connection: commands go out pipelined, replies come back in order, messages of subscriptions in between.
final class RedisConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private struct Pending {
        /// `nil` once its caller has gone: the reply is still to come and is dropped.
        var promise: EventLoopPromise<RedisValue>?
        let bytes: Int
        /// Whether its array is to be joined (see `RedisValue.joined`).
        let joining: Bool
        let deadline: NIODeadline
    }

    /// What a connection is for.
    enum Purpose: Sendable {
        case commands
        case subscription(Subscription)
        /// To find out what a server is. A Sentinel may know no users, and what it does not know is no failure.
        case survey
    }
    struct Subscription: Sendable {
        /// Channel and payload of each published message.
        let received: @Sendable (String, ByteBuffer) -> Void
        /// A channel whose subscription has ended, by our command or without.
        let dropped: @Sendable (String) -> Void
    }

    private let configuration: RedisConfiguration
    private let ready: EventLoopPromise<RedisConnection.Handle>
    private let subscription: Subscription?
    private let isSurvey: Bool
    /// Called when an answer shows that the server is not what it was.
    private let doubted: @Sendable () -> Void
    private let reader = ReplyReader()
    private var context: ChannelHandlerContext?
    private var pending: Deque<Pending> = []
    private var waitingBytes = 0
    private var dirty = false
    /// Looks for what is late when the first may be; not a timer for each command.
    private var timer: (at: NIODeadline, scheduled: Scheduled<Void>)?
    private var heard = NIODeadline.now()
    private var pinger: RepeatedTask?
    private var failure = RedisError(.lost, "the connection to Redis was lost")

    /// The connection for those on other threads.
    struct Handle: Sendable {
        let channel: any Channel
        let connection: NIOLoopBound<RedisConnection>
        /// Why a survey goes on without a user.
        var refusal: RedisError?

        /// Sends now, in the order of calls.
        func send(_ parts: [[UInt8]], _ deadline: NIODeadline, _ promise: EventLoopPromise<RedisValue>?) {
            channel.eventLoop.execute { connection.value.send(parts, deadline, promise) }
        }
        func call(_ words: String...) async throws -> RedisValue { try await call(words) }
        func call(_ words: [String]) async throws -> RedisValue {
            let promise = channel.eventLoop.makePromise(of: RedisValue.self)
            send(words.map { Array($0.utf8) }, .now() + .seconds(1), promise)
            return try await promise.futureResult.get()
        }
    }

    init(
        _ configuration: RedisConfiguration, ready: EventLoopPromise<Handle>, for purpose: Purpose,
        doubted: @escaping @Sendable () -> Void
    ) {
        self.configuration = configuration
        self.ready = ready
        self.doubted = doubted
        if case .subscription(let subscription) = purpose {
            self.subscription = subscription
        } else {
            self.subscription = nil
        }
        isSurvey = if case .survey = purpose { true } else { false }
    }

    /// - Parameters:
    ///   - patience: until the user is accepted.
    ///   - doubted: called when an answer shows that the server is not what it was.
    static func connect(
        to address: RedisAddress, _ configuration: RedisConfiguration, group: any EventLoopGroup, for purpose: Purpose,
        patience: TimeAmount = .seconds(5), doubted: @escaping @Sendable () -> Void = {}
    ) async throws -> Handle {
        let ready = group.any().makePromise(of: Handle.self)
        let connecting = ClientBootstrap(group: group)
            .connectTimeout(.seconds(2))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([
                        NIOSSLClientHandler(context: configuration.tls(), serverHostname: configuration.serverName),
                        RedisConnection(configuration, ready: ready, for: purpose, doubted: doubted),
                    ])
                }
            }
            .connect(host: address.host, port: address.port)
        connecting.whenFailure { ready.fail($0) }
        let channel = try await connecting.get()
        let timer = channel.eventLoop.scheduleTask(in: patience) { channel.close(promise: nil) }
        defer { timer.cancel() }
        return try await ready.futureResult.get()
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? TLSUserEvent, case .handshakeCompleted = event { authenticate(context) }
        context.fireUserInboundEventTriggered(event)
    }

    private func authenticate(_ context: ChannelHandlerContext) {
        guard let data = try? String(contentsOfFile: configuration.passwordFile, encoding: .utf8) else {
            failure = RedisError(.lost, "the password file for Redis cannot be read: \(configuration.passwordFile)")
            return context.close(promise: nil)
        }
        let password = data.trimmingCharacters(in: .newlines)
        let promise = context.eventLoop.makePromise(of: RedisValue.self)
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        promise.futureResult.whenComplete { result in
            let connection = bound.value
            switch result {
            case .success: connection.authenticated()
            case .failure(let error):
                connection.failure = error as? RedisError ?? connection.failure
                if connection.isSurvey, connection.failure.kind == .server {
                    return connection.authenticated(refusal: connection.failure)
                }
                connection.context?.close(promise: nil)
            }
        }
        send([Array("AUTH".utf8), Array(configuration.user.utf8), Array(password.utf8)], .now() + .seconds(5), promise)
    }

    private func authenticated(refusal: RedisError? = nil) {
        guard let context else { return }
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        ready.succeed(Handle(channel: context.channel, connection: bound, refusal: refusal))
        // A peer that went without a word is noticed by its silence.
        pinger = context.eventLoop.scheduleRepeatedTask(initialDelay: .seconds(2), delay: .seconds(2)) { _ in bound.value.ping() }
    }

    private func ping() {
        guard let context else { return }
        if .now() - heard > TimeAmount(configuration.silence) {
            // Past TLS, which would wait for the peer's goodbye.
            let socket = try? context.pipeline.syncOperations.context(handlerType: NIOSSLClientHandler.self)
            return (socket ?? context).close(promise: nil)
        }
        send([Array("PING".utf8)], .now() + .seconds(5), nil)
    }

    /// - Parameter promise: `nil` if nobody waits for the reply. On a subscribing connection no reply comes in order.
    func send(
        _ parts: [[UInt8]], _ deadline: NIODeadline, joining: Bool = false, _ promise: EventLoopPromise<RedisValue>?
    ) {
        guard let context, context.channel.isActive else {
            promise?.fail(RedisError(.notConnected, "there is no connection to Redis"))
            return
        }
        let size = parts.reduce(16) { $0 + $1.count + 16 }
        if promise != nil, pending.count >= configuration.mostCommands || waitingBytes + size > configuration.mostBytes {
            let error = RedisError(.overloaded, "too many commands wait for Redis")
            error.count()
            promise?.fail(error)
            return
        }
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        if subscription == nil || pending.isEmpty && pinger == nil {
            pending.append(Pending(promise: promise, bytes: size, joining: joining, deadline: deadline))
            if promise != nil { arm(deadline, context) }
            waitingBytes += size
        }
        var buffer = context.channel.allocator.buffer(capacity: 0)
        CommandFormat.write(parts, to: &buffer)
        context.write(wrapOutboundOut(buffer), promise: nil)
        guard !dirty else { return }
        dirty = true
        context.eventLoop.execute {
            bound.value.dirty = false
            bound.value.context?.flush()
        }
    }

    private func arm(_ deadline: NIODeadline, _ context: ChannelHandlerContext) {
        if let timer {
            if timer.at <= deadline { return }
            timer.scheduled.cancel()
        }
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        timer = (deadline, context.eventLoop.scheduleTask(deadline: deadline) { bound.value.lookForLate() })
    }

    /// Their callers are told; the replies are still to come.
    private func lookForLate() {
        timer = nil
        let now = NIODeadline.now()
        var next: NIODeadline?
        for index in pending.indices {
            guard let promise = pending[index].promise else { continue }
            if pending[index].deadline <= now {
                pending[index].promise = nil
                let error = RedisError(.deadline, "Redis did not answer in time")
                error.count()
                promise.fail(error)
            } else {
                next = min(next ?? pending[index].deadline, pending[index].deadline)
            }
        }
        if let next, let context { arm(next, context) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        heard = .now()
        let buffer = unwrapInboundIn(data)
        do {
            try buffer.withUnsafeReadableBytes { try reader.feed($0) }
            while let value = try reader.next(joining: { pending.first?.joining ?? false }) { handle(value) }
        } catch {
            failure = error as? RedisError ?? failure
            context.close(promise: nil)
        }
    }

    private func handle(_ value: RedisValue) {
        if let subscription, pinger != nil {
            if case .error(let error) = value {
                // It may be a subscription that was refused, as while a script hangs or when its slot lies elsewhere: all are made anew.
                failure = error
                context?.close(promise: nil)
                return
            }
            guard case .array(let parts) = value, let kind = parts.first?.string else { return }
            if kind == "smessage", parts.count == 3, let channel = parts[1].string, let payload = parts[2].bytes {
                subscription.received(channel, ByteBuffer(bytes: payload))
            } else if kind == "sunsubscribe", parts.count == 3, let channel = parts[1].string {
                subscription.dropped(channel)
            }
            return
        }
        guard let call = pending.popFirst() else { return }
        waitingBytes -= call.bytes
        if case .error(let error) = value {
            if !isSurvey { error.count() }
            if error.isOfAnotherLayout { doubted() }
            call.promise?.fail(error)
        } else {
            call.promise?.succeed(value)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        failure = RedisError(.lost, "the connection to Redis failed: \(error)")
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        pinger?.cancel()
        timer?.scheduled.cancel()
        ready.fail(failure)
        for call in pending {
            let error = failure.kind == .server ? failure : RedisError(.lost, failure.message)
            error.count()
            call.promise?.fail(error)
        }
        pending = []
        context.fireChannelInactive()
    }
}
